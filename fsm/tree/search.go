package tree

import (
	"slices"
	"sort"
)

// What follows is for searches that look at very many providers: classes and
// traits by number instead of name, and no copies.

// ClassNumber is the number that records hold for the class.
func (s *State) ClassNumber(name string) (uint32, bool) { return s.classes.number(name) }

// TraitNumber is the number that records hold for the trait.
func (s *State) TraitNumber(name string) (uint32, bool) { return s.traits.number(name) }

// ByNumber returns the provider with that place in the order of creation.
func (s *State) ByNumber(number uint32) (Provider, bool) {
	p, ok := s.providers.get(number)
	return Provider{s, p}, ok
}

// RootNumber is the number of the top of the provider's tree.
func (p Provider) RootNumber() uint32 { return p.r.root }

// ParentNumber is the number of the provider above, 0 for a root.
func (p Provider) ParentNumber() uint32 { return p.r.parent }

// ClassName is the name of the class with that number, which has to be one.
func (s *State) ClassName(number uint32) string { return s.classes.name(number) }

// EachTrait calls f with the names of the provider's traits, in trait order.
func (p Provider) EachTrait(f func(name string)) {
	for _, number := range p.r.traits {
		f(p.s.traits.name(number))
	}
}

// EachInventory calls f with the number of each class that the provider has,
// in class order, its capacity and what is used of it.
func (p Provider) EachInventory(f func(class uint32, capacity, used int64)) {
	for i := range p.r.inventories {
		inv := &p.r.inventories[i]
		f(inv.class, inv.capacity(), inv.used)
	}
}

// Room is what can be taken of one inventory at once. All are whole units.
type Room struct {
	MinUnit, MaxUnit, StepSize int64
	// Free is capacity less what is used; negative after an over-commit.
	Free int64
}

// Fits reports whether the amount can be claimed by one request.
func (r Room) Fits(amount int64) bool {
	return amount >= r.MinUnit && amount <= r.MaxUnit && amount%r.StepSize == 0 && amount <= r.Free
}

// RoomOf returns the room of the inventory of a class, by the class's number.
func (p Provider) RoomOf(class uint32) (Room, bool) {
	for i := range p.r.inventories { // few: faster than a binary search
		if inv := &p.r.inventories[i]; inv.class == class {
			return Room{int64(inv.minUnit), int64(inv.maxUnit), int64(inv.stepSize), inv.capacity() - inv.used}, true
		}
	}
	return Room{}, false
}

// HasTraitNumber reports whether the provider has the trait of that number.
func (p Provider) HasTraitNumber(trait uint32) bool {
	_, ok := slices.BinarySearch(p.r.traits, trait)
	return ok
}

// EachAggregate calls f for the provider's aggregates, sorted, until f returns
// false.
func (p Provider) EachAggregate(f func(UUID) bool) {
	for _, a := range p.r.aggregates {
		if !f(a) {
			return
		}
	}
}

// AppendSubtree appends the provider and all its descendants, parents before
// children, and returns the extended slice.
func (p Provider) AppendSubtree(to []Provider) []Provider {
	from := len(to)
	to = append(to, p)
	for i := from; i < len(to); i++ {
		seconds(&p.s.children, to[i].r.number, func(child uint32) bool {
			to = append(to, Provider{p.s, p.s.record(child)})
			return true
		})
	}
	return to
}

// Index is the set of providers that one key of an index leads to. The zero
// Index is empty.
type Index struct {
	s    *State
	kind indexKind
	key  uint32
	agg  UUID
}

type indexKind uint8

const (
	indexNone indexKind = iota
	indexClass
	indexTrait
	indexAggregate
	indexRoots
	indexOne
)

// IndexOfClass has the providers with an inventory or device of the class.
func (s *State) IndexOfClass(class uint32) Index { return Index{s: s, kind: indexClass, key: class} }

// IndexOfTrait has the providers with the trait.
func (s *State) IndexOfTrait(trait uint32) Index { return Index{s: s, kind: indexTrait, key: trait} }

// IndexOfAggregate has the members of the aggregate.
func (s *State) IndexOfAggregate(a UUID) Index { return Index{s: s, kind: indexAggregate, agg: a} }

// IndexOfRoots has the providers without a parent.
func (s *State) IndexOfRoots() Index { return Index{s: s, kind: indexRoots} }

// IndexOfOne has one provider.
func (s *State) IndexOfOne(p Provider) Index { return Index{s: s, kind: indexOne, key: p.r.number} }

func (x Index) pairs() *table[pair, struct{}] {
	switch x.kind {
	case indexClass:
		return &x.s.byClass
	case indexTrait:
		return &x.s.byTrait
	case indexRoots:
		return &x.s.children // those of parent 0
	case indexNone, indexAggregate, indexOne:
	}
	return nil
}

// Each calls f with the numbers of the providers in order of creation, from
// the one after the given number on (0: from the start), until f returns
// false.
func (x Index) Each(after uint32, f func(number uint32) bool) {
	if x.kind == indexAggregate {
		x.s.byAggregate.ascend(aggregateKey{x.agg, after}, func(k aggregateKey) bool {
			return k.aggregate == x.agg && (k.provider == after || f(k.provider))
		})
		return
	}
	if x.kind == indexOne && after < x.key {
		f(x.key)
		return
	}
	if t := x.pairs(); t != nil {
		t.ascend(pairOf(x.key, after), func(p pair, _ struct{}) bool {
			return p.first() == x.key && (p.second() == after || f(p.second()))
		})
	}
}

// Len counts the providers without a walk over them: the cost grows with the
// logarithm of the whole index, squared.
func (x Index) Len() int {
	if x.kind == indexAggregate {
		m := x.s.byAggregate.m
		rank := func(after bool) int {
			return sort.Search(m.Len(), func(i int) bool {
				k, _ := m.GetAt(i)
				c := compareUUID(k.aggregate, x.agg)
				return c > 0 || c == 0 && !after
			})
		}
		return rank(true) - rank(false)
	}
	t := x.pairs()
	switch {
	case x.kind == indexOne:
		return 1
	case t == nil:
		return 0
	}
	rank := func(from uint64) int {
		return sort.Search(t.m.Len(), func(i int) bool {
			p, _, _ := t.m.GetAt(i)
			return uint64(p) >= from
		})
	}
	first := uint64(x.key) << 32
	if x.key == 1<<32-1 {
		return t.m.Len() - rank(first)
	}
	return rank(first+1<<32) - rank(first)
}
