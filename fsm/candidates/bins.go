package candidates

import (
	"cmp"
	"slices"
)

// problem is what is left of a site once its conditions are split: give each
// slot a place of its domain so that amounts fit and isolated slots are apart.
type problem struct {
	site    *site
	domains [][]int32 // by slot
	work    *work
}

// unbounded reports whether everything fits wherever it goes.
func (b *problem) unbounded() bool {
	t, p := b.site, b.site.plan
	width := len(p.classes) + 1 // the last counts slots that are apart
	t.sums = slices.Grow(t.sums[:0], len(t.places)*width)[:len(t.places)*width]
	clear(t.sums)
	for s, domain := range b.domains {
		slot := &p.slots[s]
		for _, at := range domain {
			sums := t.sums[int(at)*width : int(at+1)*width]
			for _, n := range slot.needs {
				sums[n.class] += n.amount
				if sums[n.class] > t.places[at].rooms[n.class] {
					return false
				}
			}
			if p.isolate && slot.suffixed {
				sums[width-1]++
				if sums[width-1] > 1 {
					return false
				}
			}
		}
	}
	return true
}

// bin is a set of slots of which only so many can be at one place.
type bin struct {
	slots []int32 // sorted
	room  int32
	// set has a bit for each slot; nil where all that could be at the place
	// are in the bin.
	set []uint64
}

func (b *bin) has(s int32) bool {
	return b.set == nil || b.set[s>>6]&(1<<(s&63)) != 0
}

// index fills the set of a bin of which others than its slots may pass by.
func (b *bin) index(slots int) {
	b.set = make([]uint64, (slots+63)/64)
	for _, s := range b.slots {
		b.set[s>>6] |= 1 << (s & 63)
	}
}

// bins expresses the amounts and the isolation at every place as bins that
// have no slot in common, and reports whether that says all there is to say.
// It does not where amounts of one class differ, or where classes overlap.
func (b *problem) bins() ([][]bin, bool) {
	var all [][]bin
	visitors := b.visitors()
	for at := range visitors {
		found, exact := b.binsOf(int32(at), visitors[at])
		if !exact {
			return nil, false
		}
		if len(found) > 0 && all == nil {
			all = make([][]bin, len(visitors))
		}
		if len(found) > 0 {
			all[at] = found
		}
	}
	return all, true
}

// visitors are, for each place, the slots with the place in their domain.
func (b *problem) visitors() [][]int32 {
	places := len(b.site.places)
	counts := make([]int32, places)
	total := 0
	for _, domain := range b.domains {
		total += len(domain)
		for _, at := range domain {
			counts[at]++
		}
	}
	backing := make([]int32, total)
	all := make([][]int32, places)
	for at, n := range counts {
		all[at], backing = backing[:0:n], backing[n:]
	}
	for s, domain := range b.domains {
		for _, at := range domain {
			all[at] = append(all[at], int32(s))
		}
	}
	return all
}

func (b *problem) binsOf(at int32, visitors []int32) ([]bin, bool) {
	if len(visitors) < 2 {
		return nil, true
	}
	p := b.site.plan
	var found []bin
	for c := range p.classes {
		room := b.site.places[at].rooms[c]
		var amounts []int64
		var slots []int32
		var sum, loose, most int64
		for _, s := range visitors {
			amount := p.slots[s].amount(int32(c))
			if amount == 0 {
				continue
			}
			sum += amount
			if p.slots[s].suffixed {
				most = max(most, amount)
			} else {
				loose += amount
			}
			slots = append(slots, s)
			amounts = append(amounts, amount)
		}
		if sum <= room || p.isolate && loose+most <= room {
			continue
		}
		n, exact := capacity(amounts, room)
		if !exact {
			return nil, false
		}
		found = append(found, bin{slots: slots, room: n})
	}
	if p.isolate {
		var slots []int32
		for _, s := range visitors {
			if p.slots[s].suffixed {
				slots = append(slots, s)
			}
		}
		if len(slots) > 1 {
			found = append(found, bin{slots: slots, room: 1})
		}
	}
	kept, exact := disjoint(found)
	for i := range kept {
		if len(kept[i].slots) < len(visitors) {
			kept[i].index(len(b.domains))
		}
	}
	return kept, exact
}

func (s *slot) amount(class int32) int64 {
	for _, n := range s.needs {
		if n.class == class {
			return n.amount
		}
	}
	return 0
}

// capacity is how many of the amounts fit into the room; exact if that is the
// same whichever are chosen.
func capacity(amounts []int64, room int64) (n int32, exact bool) {
	slices.Sort(amounts)
	fit := func(next func(i int) int64) int32 {
		var sum int64
		for i := range amounts {
			sum += next(i)
			if sum > room {
				return int32(i)
			}
		}
		return int32(len(amounts)) //nolint:gosec // few slots
	}
	n = fit(func(i int) int64 { return amounts[i] })
	return n, n == fit(func(i int) int64 { return amounts[len(amounts)-1-i] })
}

// disjoint drops the bins that follow from others, and reports whether those
// that are left have no slot in common.
func disjoint(bins []bin) ([]bin, bool) {
	if len(bins) < 2 {
		return bins, true
	}
	// The tightest first: a later one that is within an earlier one follows.
	slices.SortStableFunc(bins, func(a, b bin) int { return cmp.Compare(a.room, b.room) })
	var kept []bin
	for _, x := range bins {
		follows := false
		for _, k := range kept {
			switch overlap(x.slots, k.slots) {
			case 0:
			case len(x.slots):
				follows = true
			default:
				return nil, false
			}
		}
		if !follows {
			kept = append(kept, x)
		}
	}
	return kept, true
}

// overlap counts the common elements of two sorted lists.
func overlap(a, b []int32) int {
	n := 0
	for len(a) > 0 && len(b) > 0 {
		switch c := cmp.Compare(a[0], b[0]); {
		case c < 0:
			a = a[1:]
		case c > 0:
			b = b[1:]
		default:
			n++
			a, b = a[1:], b[1:]
		}
	}
	return n
}
