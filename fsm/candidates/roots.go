package candidates

import (
	"slices"

	"github.com/treenode/treenode/fsm/tree"
)

// source is a set of providers of which every tree with an answer has one.
type source struct {
	parts []tree.Index
	size  int
	// labels says that it comes from traits or aggregates.
	labels bool
}

// Intersecting sources is worth its walk where they are short, and of similar
// length.
const (
	intersectMax    = 8192
	intersectFactor = 4
	batchMax        = 512
	// unintersected is how many trees are handed out before sources longer than
	// that are intersected: where most of them have an answer, a search with a
	// limit has ended by then.
	unintersected = 256
)

// sources lists what the request tells about the trees that may have answers.
func (p *plan) sources() []source {
	s := p.state
	var all []source
	add := func(labels bool, slots []int32, parts ...tree.Index) {
		for _, i := range slots { // or else the tree reaches a sharing provider
			parts = append(parts, p.reached(p.slots[i].kind)...)
		}
		size := 0
		for _, part := range parts {
			size += part.Len()
		}
		all = append(all, source{parts, size, labels})
	}
	for _, f := range p.rootFilters {
		if !f.none {
			add(true, nil, s.IndexOfTrait(f.traits[0]))
		}
	}
	for _, choice := range p.choices {
		add(true, p.loose, indexes(choice.traits, s.IndexOfTrait)...)
	}
	done := make([]bool, len(p.kinds))
	for i := range p.slots {
		k := p.slots[i].kind
		if done[k] {
			continue
		}
		done[k] = true
		slots := []int32{int32(i)}
		for _, n := range p.kinds[k].needs {
			add(false, slots, s.IndexOfClass(p.classes[n.class].number))
		}
		for _, f := range p.kinds[k].filters {
			switch f := f.(type) {
			case *traitFilter:
				if !f.none {
					add(true, slots, indexes(f.traits, s.IndexOfTrait)...)
				}
			case *memberFilter:
				for _, choice := range f.choices {
					add(true, slots, indexes(choice, s.IndexOfAggregate)...)
				}
			case *treeFilter:
				if root, ok := s.ByNumber(f.root); ok {
					add(true, slots, s.IndexOfOne(root))
				} else {
					add(true, slots)
				}
			}
		}
	}
	return all
}

func indexes[T any](keys []T, index func(T) tree.Index) []tree.Index {
	all := make([]tree.Index, len(keys))
	for i, k := range keys {
		all[i] = index(k)
	}
	return all
}

// reached are the aggregates through which a sharing provider that fits the
// kind can be reached.
func (p *plan) reached(k int32) []tree.Index {
	var aggregates []tree.UUID
	for _, i := range p.kinds[k].shared {
		p.sharing[i].provider.EachAggregate(func(a tree.UUID) bool {
			if !slices.Contains(aggregates, a) {
				aggregates = append(aggregates, a)
			}
			return true
		})
	}
	return indexes(aggregates, p.state.IndexOfAggregate)
}

// roots lists the trees that may have answers, each once, a batch at a time.
type roots struct {
	state  *tree.State
	parts  []tree.Index
	after  uint32
	batch  []uint32
	at     int
	seen   bitset
	handed int
	later  []source // to be intersected with, once so many are handed out
	within []bitset
}

func (p *plan) roots() *roots {
	r := &roots{state: p.state}
	if p.observer != nil {
		r.parts = []tree.Index{p.state.IndexOfRoots()}
		return r
	}
	all := p.sources()
	best := 0
	for i := range all {
		if all[i].size < all[best].size {
			best = i
		}
	}
	r.parts = all[best].parts
	for i := range all {
		size := all[i].size
		if i == best || !all[i].labels || size > intersectMax || size > intersectFactor*all[best].size {
			continue
		}
		if size > unintersected {
			r.later = append(r.later, all[i])
			continue
		}
		r.intersect(all[i])
	}
	return r
}

// intersect leaves out the trees that the other source does not have.
func (r *roots) intersect(other source) {
	var in bitset
	for _, part := range other.parts {
		part.Each(0, func(number uint32) bool {
			provider, _ := r.state.ByNumber(number)
			in.add(provider.RootNumber())
			return true
		})
	}
	r.within = append(r.within, in)
}

// next returns the next tree's root, or false after the last.
func (r *roots) next() (tree.Provider, bool) {
	for {
		for r.at < len(r.batch) {
			number := r.batch[r.at]
			r.at++
			provider, _ := r.state.ByNumber(number)
			root := provider.RootNumber()
			if !r.seen.add(root) || !r.wanted(root) {
				continue
			}
			if r.handed++; r.handed == unintersected {
				for _, other := range r.later {
					r.intersect(other)
				}
			}
			if root != number {
				provider, _ = r.state.ByNumber(root)
			}
			return provider, true
		}
		if len(r.parts) == 0 {
			return tree.Provider{}, false
		}
		r.fill()
	}
}

func (r *roots) wanted(root uint32) bool {
	for _, in := range r.within {
		if !in.has(root) {
			return false
		}
	}
	return true
}

// fill gets the next batch; each is larger than the one before, so that a
// small limit costs little.
func (r *roots) fill() {
	size := min(max(16, 2*cap(r.batch)), batchMax)
	if cap(r.batch) < size {
		r.batch = make([]uint32, 0, size)
	}
	r.batch, r.at = r.batch[:0], 0
	r.parts[0].Each(r.after, func(number uint32) bool {
		r.batch = append(r.batch, number)
		return len(r.batch) < size
	})
	if len(r.batch) < size {
		r.parts, r.after = r.parts[1:], 0
		return
	}
	r.after = r.batch[size-1]
}

// bitset is a set of provider numbers.
type bitset []uint64

func (b bitset) has(n uint32) bool {
	return int(n>>6) < len(b) && b[n>>6]&(1<<(n&63)) != 0
}

// add reports whether the number is new.
func (b *bitset) add(n uint32) bool {
	if word := int(n >> 6); word >= len(*b) {
		*b = append(*b, make([]uint64, max(word+1-len(*b), len(*b)))...)
	}
	had := (*b)[n>>6]&(1<<(n&63)) != 0
	(*b)[n>>6] |= 1 << (n & 63)
	return !had
}
