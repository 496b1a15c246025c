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

// candidate builds the answer that gives each slot its place.
func (t *site) candidate(assigned []int32) Candidate {
	p := t.plan
	var c Candidate
	c.Allocations = make([]Allocation, 0, p.needs)
	c.Mappings = make([]Mapping, len(p.groups))
	backing := make([]tree.Provider, 0, len(p.slots))
	for i, at := range assigned {
		s := &p.slots[i]
		provider := t.places[at].provider
		for _, n := range s.needs {
			c.add(provider, p.classes[n.class].name, n.amount)
		}
		m := &c.Mappings[s.group]
		if m.Providers == nil {
			m.Suffix = p.groups[s.group].suffix
			m.Providers = backing[len(backing):]
		}
		if !slices.Contains(m.Providers, provider) {
			// The slots of a group are neighbours, so its part of backing grows
			// in place.
			backing = append(backing, provider)
			m.Providers = append(m.Providers, provider)
		}
	}
	byNumber := func(a, b tree.Provider) int { return cmp.Compare(a.Number(), b.Number()) }
	for i := range c.Mappings {
		m := &c.Mappings[i]
		m.Providers = slices.Clip(m.Providers)
		if len(m.Providers) > 1 {
			slices.SortFunc(m.Providers, byNumber)
		}
	}
	if len(c.Allocations) > 1 {
		slices.SortStableFunc(c.Allocations, func(a, b Allocation) int { return byNumber(a.Provider, b.Provider) })
	}
	return c
}

func (c *Candidate) add(provider tree.Provider, class string, amount int64) {
	for i := range c.Allocations {
		if a := &c.Allocations[i]; a.Provider == provider && a.Class == class {
			a.Amount += amount
			return
		}
	}
	c.Allocations = append(c.Allocations, Allocation{provider, class, amount})
}

// Summarized are the providers that a summary of the candidates is about: all
// of each tree from which something is allocated if nested, else those from
// which something is. They come in order of the candidates, trees from the
// root down, each once.
func Summarized(found []Candidate, nested bool) []tree.Provider {
	var all []tree.Provider
	seen := make(map[uint32]struct{})
	var last uint32
	for i := range found {
		for _, a := range found[i].Allocations {
			number := a.Provider.Number()
			if nested {
				number = a.Provider.RootNumber()
			}
			if number == last {
				continue
			}
			last = number
			if _, ok := seen[number]; ok {
				continue
			}
			seen[number] = struct{}{}
			if nested {
				all = a.Provider.Root().AppendSubtree(all)
			} else {
				all = append(all, a.Provider)
			}
		}
	}
	return all
}
