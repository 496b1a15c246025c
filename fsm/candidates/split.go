package candidates

import (
	"slices"
)

// Three conditions are about several slots at once and are not about amounts:
// sets of same_subtree, traits wanted of a group as a whole, and, for requests
// that are not nested, one provider of each tree. Each is turned into
// conditions on single slots by cases that exclude each other: the first slot
// to which something applies, and what then holds for all others. After that
// only domains, amounts and isolation are left.

// condition is one of them, in one tree.
type condition struct {
	slots []int32
	// cases has, except for traits, the place at the top and the first of slots
	// to be there. With traits there is one case for each slot.
	cases []topCase
	kind  conditionKind
	// choice are the traits of kind ofTraits.
	choice *traitFilter
	// root is the tree of kind ofTree.
	root uint32
}

type topCase struct{ first, top int32 }

type conditionKind uint8

const (
	ofSubtree conditionKind = iota
	ofTraits
	ofTree
)

// conditions lists those of the site.
func (t *site) conditions() []condition {
	p := t.plan
	var all []condition
	for _, choice := range p.choices {
		all = append(all, condition{kind: ofTraits, slots: p.loose, choice: choice})
	}
	for _, slots := range p.subtrees {
		all = append(all, condition{kind: ofSubtree, slots: slots, cases: t.cases(slots, nil)})
	}
	if !p.request.Nested {
		all = append(all, t.trees()...)
	}
	return all
}

// trees are conditions for the trees that have several places.
func (t *site) trees() []condition {
	p := t.plan
	if len(t.places) < 2 {
		return nil
	}
	counts := make(map[uint32]int)
	for i := range t.places {
		counts[t.places[i].provider.RootNumber()]++
	}
	var all []condition
	for i := range t.places {
		root := t.places[i].provider.RootNumber()
		if counts[root] > 1 {
			counts[root] = 0 // once
			of := func(at int32) bool { return t.places[at].provider.RootNumber() == root }
			all = append(all, condition{kind: ofTree, slots: p.all, root: root, cases: t.cases(p.all, of)})
		}
	}
	return all
}

// cases are those of the slots' places that pass.
func (t *site) cases(slots []int32, pass func(at int32) bool) []topCase {
	var all []topCase
	for i, s := range slots {
		for _, at := range t.domains[t.plan.slots[s].kind] {
			if pass == nil || pass(at) {
				all = append(all, topCase{int32(i), at})
			}
		}
	}
	return all
}

// count is the number of cases. A tree may have none of the slots, too.
func (c *condition) count() int {
	switch c.kind {
	case ofTraits:
		return len(c.slots)
	case ofTree:
		return len(c.cases) + 1
	case ofSubtree:
	}
	return len(c.cases)
}

// narrow returns the domains of one case, or false where a slot has none left.
// The result shares with what is given all that stays the same.
func (t *site) narrow(c *condition, number int, domains [][]int32) ([][]int32, bool) {
	if c.kind == ofTraits {
		return t.narrowTraits(c, number, domains)
	}
	if c.kind == ofTree && number == len(c.cases) { // none of the tree
		return keep(domains, c.slots, func(_ int, at int32) bool {
			return t.places[at].provider.RootNumber() != c.root
		})
	}
	top, first := c.cases[number].top, int(c.cases[number].first)
	if !slices.Contains(domains[c.slots[first]], top) {
		return nil, false
	}
	return keep(domains, c.slots, func(i int, at int32) bool {
		switch {
		case i == first:
			return at == top
		case c.kind == ofSubtree:
			return t.below(top, at) && (i > first || at != top)
		case t.places[at].provider.RootNumber() != c.root:
			return true
		}
		return i > first && at == top
	})
}

func (t *site) narrowTraits(c *condition, first int, domains [][]int32) ([][]int32, bool) {
	return keep(domains, c.slots, func(i int, at int32) bool {
		switch {
		case i == first:
			return c.choice.Check(t.places[at].provider)
		case i < first:
			return !c.choice.Check(t.places[at].provider)
		}
		return true
	})
}

// below reports whether a place is below the top or the same.
func (t *site) below(top, at int32) bool {
	return top == at || slices.Contains(t.places[at].above, t.places[top].provider.Number())
}

// keep leaves in the domains of the slots what pass accepts; it is given the
// slot's position in the list.
func keep(domains [][]int32, slots []int32, pass func(i int, at int32) bool) ([][]int32, bool) {
	var narrowed [][]int32
	for i, s := range slots {
		domain := domains[s]
		n := 0
		for _, at := range domain {
			if pass(i, at) {
				n++
			}
		}
		switch n {
		case len(domain):
			continue
		case 0:
			return nil, false
		}
		if narrowed == nil {
			narrowed = slices.Clone(domains)
		}
		kept := make([]int32, 0, n)
		for _, at := range domain {
			if pass(i, at) {
				kept = append(kept, at)
			}
		}
		narrowed[s] = kept
	}
	if narrowed == nil {
		return domains, true
	}
	return narrowed, true
}
