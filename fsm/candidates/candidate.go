package candidates

import (
	"cmp"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
)

// Candidate is one way to meet a request. It shares nothing with the search
// that found it.
type Candidate struct {
	// Allocations has every provider and class once, the amounts of all groups
	// summed; by provider in order of creation, then in order of the request.
	Allocations []Allocation
	// Mappings has every group in order of the request, with the providers
	// that meet it in order of creation.
	Mappings []Mapping

	met []tree.Provider // what the mappings share
}

// Allocation is what a candidate takes of one class of one provider.
type Allocation struct {
	Provider tree.Provider
	Class    string
	Amount   int64
}

// Mapping tells which providers meet a group.
type Mapping struct {
	Suffix    string
	Providers []tree.Provider
}

// candidate fills in the answer that gives each slot its place, into the memory
// that c has.
func (t *site) candidate(c *Candidate, assigned []int32) {
	p := t.plan
	c.Allocations = slices.Grow(c.Allocations[:0], p.needs)
	for _, at := range t.group(assigned) {
		from := len(c.Allocations)
		for s := t.head[at]; s >= 0; s = t.next[s] {
			for _, n := range p.slots[s].needs {
				c.add(from, Allocation{t.places[at].provider, p.classes[n.class].name, n.amount})
			}
		}
	}
	c.Mappings = slices.Grow(c.Mappings[:0], len(p.groups))[:len(p.groups)]
	c.met = slices.Grow(c.met[:0], len(p.slots))[:len(p.slots)]
	for i := 0; i < len(p.slots); { // the slots of a group are neighbours
		group, from := p.slots[i].group, i
		for ; i < len(p.slots) && p.slots[i].group == group; i++ {
			c.met[i] = t.places[assigned[i]].provider
		}
		providers := c.met[from:i:i]
		if len(providers) > 1 {
			slices.SortFunc(providers, func(a, b tree.Provider) int { return cmp.Compare(a.Number(), b.Number()) })
			providers = slices.Compact(providers)
		}
		c.Mappings[group] = Mapping{p.groups[group].suffix, providers}
	}
}

// group lists the slots of each place, in their order, from head on. It
// returns all places in order of creation.
func (t *site) group(assigned []int32) []int32 {
	n := len(t.places)
	if len(t.sorted) != n {
		t.sorted = t.sorted[:0]
		for at := range t.places {
			t.sorted = append(t.sorted, int32(at))
		}
		slices.SortFunc(t.sorted, func(a, b int32) int {
			return cmp.Compare(t.places[a].provider.Number(), t.places[b].provider.Number())
		})
		t.head = slices.Grow(t.head[:0], n)[:n]
	}
	for at := range t.head {
		t.head[at] = -1
	}
	t.next = slices.Grow(t.next[:0], len(assigned))[:len(assigned)]
	for s := len(assigned) - 1; s >= 0; s-- {
		at := assigned[s]
		t.next[s], t.head[at] = t.head[at], int32(s) //nolint:gosec // few slots
	}
	return t.sorted
}

// add sums the allocation with one of its class from that index on.
func (c *Candidate) add(from int, a Allocation) {
	for i := from; i < len(c.Allocations); i++ {
		if c.Allocations[i].Class == a.Class {
			c.Allocations[i].Amount += a.Amount
			return
		}
	}
	c.Allocations = append(c.Allocations, a)
}

// Summary collects the providers that a summary of candidates is about: all of
// each tree from which something is allocated if nested, else those from which
// something is. The zero value is an empty one of the latter kind.
type Summary struct {
	Nested bool

	seen map[uint32]struct{}
	last uint32
	all  []tree.Provider
}

// Add takes the providers of a candidate.
func (s *Summary) Add(c *Candidate) {
	if s.seen == nil {
		s.seen = make(map[uint32]struct{})
	}
	for i := range c.Allocations {
		p := c.Allocations[i].Provider
		number := p.Number()
		if s.Nested {
			number = p.RootNumber()
		}
		if number == s.last {
			continue
		}
		s.last = number
		if _, ok := s.seen[number]; ok {
			continue
		}
		s.seen[number] = struct{}{}
		if s.Nested {
			s.all = p.Root().AppendSubtree(s.all)
		} else {
			s.all = append(s.all, p)
		}
	}
}

// Providers are those of the candidates so far, in their order, trees from the
// root down, each once. The slice is the summary's own.
func (s *Summary) Providers() []tree.Provider { return s.all }
