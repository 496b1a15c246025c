package placement

import (
	"slices"
	"strconv"
	"sync"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
)

// candidateAnswer is the body of an answer with candidates. It is written
// while they are found: names of classes, traits and suffixes need no escapes
// in JSON, and nothing is kept of a candidate but its text.
type candidateAnswer struct {
	state   *tree.State
	version microversion
	body    []byte
	count   int
	about   candidates.Summary
	// classes are those of the request; summaries have no others below 1.27.
	classes []uint32
}

// bodies are buffers of earlier answers: most are of similar size, and letting
// one grow again and again costs more than what is written to it.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// bodyKeptMax bounds the buffers that are kept.
const bodyKeptMax = 8 << 20

// free gives the answer's memory back. Nothing of it may be used after.
func (a *candidateAnswer) free() {
	if body := a.body; cap(body) <= bodyKeptMax {
		bodies.Put(&body)
	}
	a.body = nil
}

func newCandidateAnswer(s *tree.State, version microversion, q *candidateQuery) *candidateAnswer {
	a := &candidateAnswer{state: s, version: version, about: candidates.Summary{Nested: version >= 29}}
	if kept, ok := bodies.Get().(*[]byte); ok {
		a.body = (*kept)[:0]
	}
	a.body = append(a.body, `{"allocation_requests":[`...)
	for _, g := range q.groups {
		for _, n := range g.needs {
			if number, ok := s.ClassNumber(n.class); ok {
				a.classes = append(a.classes, number)
			}
		}
	}
	return a
}

// add appends one candidate.
func (a *candidateAnswer) add(found *candidates.Candidate) {
	if a.count > 0 {
		a.body = append(a.body, ',')
	}
	a.count++
	a.about.Add(found)
	if a.version < 12 {
		a.addList(found.Allocations)
		return
	}
	b := append(a.body, `{"allocations":{`...)
	for i := 0; i < len(found.Allocations); {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendUUID(b, found.Allocations[i].Provider)
		b = append(b, `:{"resources":{`...)
		b, i = appendResources(b, found.Allocations, i)
		b = append(b, "}}"...)
	}
	b = append(b, '}')
	if a.version >= 34 {
		b = appendMappings(b, found.Mappings)
	}
	a.body = append(b, '}')
}

// addList appends a candidate in the form that there was below 1.12.
func (a *candidateAnswer) addList(allocations []candidates.Allocation) {
	b := append(a.body, `{"allocations":[`...)
	for i := 0; i < len(allocations); {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"resource_provider":{"uuid":`...)
		b = appendUUID(b, allocations[i].Provider)
		b = append(b, `},"resources":{`...)
		b, i = appendResources(b, allocations, i)
		b = append(b, "}}"...)
	}
	a.body = append(b, "]}"...)
}

// appendResources writes what is allocated of the provider at from on, and
// returns where the next provider begins.
func appendResources(b []byte, all []candidates.Allocation, from int) ([]byte, int) {
	i := from
	for ; i < len(all) && all[i].Provider.Number() == all[from].Provider.Number(); i++ {
		if i > from {
			b = append(b, ',')
		}
		b = appendMember(b, all[i].Class, all[i].Amount)
	}
	return b, i
}

func appendMember(b []byte, name string, n int64) []byte {
	b = append(b, '"')
	b = append(b, name...)
	b = append(b, `":`...)
	return strconv.AppendInt(b, n, 10)
}

func appendUUID(b []byte, p tree.Provider) []byte {
	b = append(b, '"')
	b = p.UUID().Append(b)
	return append(b, '"')
}

func appendMappings(b []byte, mappings []candidates.Mapping) []byte {
	b = append(b, `,"mappings":{`...)
	for i, m := range mappings {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, m.Suffix...)
		b = append(b, `":[`...)
		for j, p := range m.Providers {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendUUID(b, p)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// finish appends the summaries and returns the body.
func (a *candidateAnswer) finish() []byte {
	b := append(a.body, `],"provider_summaries":{`...)
	for i, p := range a.about.Providers() {
		if i > 0 {
			b = append(b, ',')
		}
		b = a.appendSummary(b, p)
	}
	a.body = append(b, "}}"...)
	return a.body
}

func (a *candidateAnswer) appendSummary(b []byte, p tree.Provider) []byte {
	b = appendUUID(b, p)
	b = append(b, `:{"resources":{`...)
	first := true
	p.EachInventory(func(class uint32, capacity, used int64) {
		if a.version < 27 && !slices.Contains(a.classes, class) {
			return
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, '"')
		b = append(b, a.state.ClassName(class)...)
		b = append(b, `":{`...)
		b = appendMember(b, "capacity", capacity)
		b = append(b, ',')
		b = appendMember(b, "used", used)
		b = append(b, '}')
	})
	b = append(b, '}')
	if a.version >= 17 {
		b = append(b, `,"traits":[`...)
		first = true
		p.EachTrait(func(name string) {
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(b, '"')
			b = append(b, name...)
			b = append(b, '"')
		})
		b = append(b, ']')
	}
	if a.version >= 29 {
		b = append(b, `,"parent_provider_uuid":`...)
		if parent, ok := p.Parent(); ok {
			b = appendUUID(b, parent)
		} else {
			b = append(b, "null"...)
		}
		b = append(b, `,"root_provider_uuid":`...)
		b = appendUUID(b, p.Root())
	}
	return append(b, '}')
}
