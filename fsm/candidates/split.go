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
	// tops are the cases' places: with same_subtree and trees, the first of
	// slots to be there is at the top. With traits there is one case a slot.
	tops []int32
	kind conditionKind
	// choice are the traits of kind ofTraits.
	choice []uint32
	// root is the tree of kind ofTree.
	root uint32
}

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
		c := condition{kind: ofSubtree, slots: slots}
		for i := range t.places {
			c.tops = append(c.tops, int32(i))
		}
		all = append(all, c)
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
	everyone := make([]int32, len(p.slots))
	for i := range everyone {
		everyone[i] = int32(i)
	}
	var all []condition
	for i := range t.places {
		root := t.places[i].provider.RootNumber()
		at := slices.IndexFunc(all, func(c condition) bool { return c.root == root })
		if at < 0 {
			at = len(all)
			all = append(all, condition{kind: ofTree, slots: everyone, root: root})
		}
		all[at].tops = append(all[at].tops, int32(i))
	}
	return slices.DeleteFunc(all, func(c condition) bool { return len(c.tops) < 2 })
}

// cases is the number of cases of the condition.
func (c *condition) cases() int {
	switch c.kind {
	case ofTraits:
		return len(c.slots)
	case ofTree:
		return len(c.slots)*len(c.tops) + 1
	case ofSubtree:
	}
	return len(c.slots) * len(c.tops)
}

// narrow returns the domains of one case, or false where a slot has none left.
// The result shares with what is given all that stays the same.
func (t *site) narrow(c *condition, number int, domains [][]int32) ([][]int32, bool) {
	if c.kind == ofTraits {
		return t.narrowTraits(c, number, domains)
	}
	if c.kind == ofTree && number == len(c.slots)*len(c.tops) { // none of the tree
		return keep(domains, c.slots, func(_ int, at int32) bool {
			return t.places[at].provider.RootNumber() != c.root
		})
	}
	top, first := c.tops[number/len(c.slots)], number%len(c.slots)
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
			return t.hasAny(at, c.choice)
		case i < first:
			return !t.hasAny(at, c.choice)
		}
		return true
	})
}

func (t *site) hasAny(at int32, traits []uint32) bool {
	p := t.places[at].provider
	return slices.ContainsFunc(traits, p.HasTraitNumber)
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
