package candidates

import (
	"encoding/binary"
	"iter"

	"github.com/treenode/treenode/fsm/tree"
)

// Stats counts the work of a search so far.
type Stats struct {
	// Trees counts those that were entered, Generated the candidates found.
	Trees, Generated int
	// Steps counts decisions, moves along augmenting paths, and cases.
	Steps int
}

// work counts the steps, and ends them where the request bounds them.
type work struct {
	Stats
	most int
	over bool
}

// step reports whether another step may be taken. After a no, what a solver
// denies is not to be trusted; what it found is.
func (w *work) step() bool {
	if w.most > 0 && w.Steps >= w.most {
		w.over = true
		return false
	}
	w.Steps++
	return true
}

// Search finds the candidates for a request one after the other; no work is
// done for those that nobody asks for. It is for one goroutine.
type Search struct {
	plan *plan
	work work
	left int // how many more may be returned; -1 for all

	source func() (tree.Provider, bool)
	random *random

	current *walk // depth first
	spare   *site // of the tree before
	ring    []*walk
	turn    int
	entered bool // all trees are in the ring or done
	breadth bool

	// seen has what consists of sharing providers only, which several trees may
	// reach.
	seen map[string]struct{}
	key  []byte

	drawn []Candidate // chosen at random before the limit
	isSet bool
}

// New prepares a search. The error is a *Error. The observer may be nil.
func New(s *tree.State, r *Request, o Observer) (*Search, error) {
	p, err := compile(s, r, o)
	if err != nil {
		return nil, err
	}
	found := p.roots()
	f := &Search{plan: p, work: work{most: r.MaxSteps}, left: -1, source: found.next, breadth: r.Order == BreadthFirst}
	if r.Limit > 0 {
		f.left = r.Limit
	}
	if r.Random {
		f.random = &random{r.Seed}
		f.mixRoots(found)
		// Without a bound, a choice among all is not to be had at the price of
		// its answer: the mixed trees take turns instead.
		f.breadth = f.breadth || r.MaxGenerated == 0
	}
	return f, nil
}

func (f *Search) mixRoots(found *roots) {
	var all []tree.Provider
	for root, ok := found.next(); ok; root, ok = found.next() {
		all = append(all, root)
	}
	f.source = func() (tree.Provider, bool) {
		if len(all) == 0 {
			return tree.Provider{}, false
		}
		i, last := f.random.below(len(all)), len(all)-1
		root := all[i]
		all[i] = all[last]
		all = all[:last]
		return root, true
	}
}

// Stats tells the work done so far.
func (f *Search) Stats() Stats { return f.work.Stats }

// GaveUp reports whether the search ended because of MaxSteps: there may be
// more candidates than it returned.
func (f *Search) GaveUp() bool { return f.work.over }

// All are the candidates from the next on.
func (f *Search) All() iter.Seq[Candidate] {
	return func(yield func(Candidate) bool) {
		for c, ok := f.Next(); ok; c, ok = f.Next() {
			if !yield(c) {
				return
			}
		}
	}
}

// Next returns the next candidate, or false after the last.
func (f *Search) Next() (c Candidate, ok bool) {
	ok = f.Into(&c)
	return c, ok
}

// Into is Next into the memory of a candidate that is no longer needed.
func (f *Search) Into(c *Candidate) bool {
	if f.left == 0 || !f.chosen(c) {
		return false
	}
	if f.left > 0 {
		f.left--
	}
	return true
}

// chosen gets the next one, drawn at random where the request bounds the number
// to draw from.
func (f *Search) chosen(c *Candidate) bool {
	if f.random == nil || f.plan.request.MaxGenerated == 0 || f.left < 0 && !f.isSet {
		return f.generate(c)
	}
	if !f.isSet {
		f.isSet = true
		for {
			var one Candidate
			if !f.generate(&one) {
				break
			}
			f.drawn = append(f.drawn, one)
		}
		mix(f.random, f.drawn)
	}
	if len(f.drawn) == 0 {
		return false
	}
	*c = f.drawn[0]
	f.drawn = f.drawn[1:]
	return true
}

func (f *Search) generate(c *Candidate) bool {
	if most := f.plan.request.MaxGenerated; most > 0 && f.work.Generated >= most {
		return false
	}
	for {
		t, assigned := f.step()
		if assigned == nil {
			return false
		}
		if f.repeated(t, assigned) {
			continue
		}
		f.work.Generated++
		t.candidate(c, assigned)
		return true
	}
}

// step returns the next answer of the tree whose turn it is.
func (f *Search) step() (*site, []int32) {
	if f.breadth {
		return f.stepAround()
	}
	if f.current != nil {
		if assigned := f.current.next(); assigned != nil {
			return f.current.site, assigned
		}
		f.spare, f.current = f.current.site, nil
	}
	w, assigned := f.enter()
	if w == nil {
		return nil, nil
	}
	f.current = w
	return w.site, assigned
}

// stepAround goes from tree to tree: first through all, as they are found,
// then around those that have more.
func (f *Search) stepAround() (*site, []int32) {
	if !f.entered {
		if w, assigned := f.enter(); w != nil {
			f.ring = append(f.ring, w)
			return w.site, assigned
		}
		f.entered = true
	}
	for len(f.ring) > 0 {
		if f.turn >= len(f.ring) {
			f.turn = 0
			f.ring = compact(f.ring)
			continue
		}
		w := f.ring[f.turn]
		if assigned := w.next(); assigned != nil {
			f.turn++
			return w.site, assigned
		}
		f.ring[f.turn] = nil
		f.turn++
	}
	return nil, nil
}

// compact leaves out the trees that are done; the order stays.
func compact(ring []*walk) []*walk {
	kept := ring[:0]
	for _, w := range ring {
		if w != nil {
			kept = append(kept, w)
		}
	}
	clear(ring[len(kept):])
	return kept
}

// enter finds the next tree with an answer, and its first.
func (f *Search) enter() (*walk, []int32) {
	for {
		if !f.work.step() {
			return nil, nil
		}
		root, ok := f.source()
		if !ok {
			return nil, nil
		}
		f.work.Trees++
		t := f.spare
		if f.spare = nil; t == nil {
			t = f.plan.newSite()
		}
		if !t.enter(root) {
			f.spare = t
			continue
		}
		if f.random != nil {
			for k := range t.domains {
				mix(f.random, t.domains[k])
			}
		}
		w := t.start(&f.work)
		if assigned := w.next(); assigned != nil {
			return w, assigned
		}
		if o := f.plan.observer; o != nil && !f.work.over {
			o.Rejected(Rejection{Stage: StageTogether, Provider: root})
		}
		f.spare = t
	}
}

// repeated reports whether the answer came from another tree before.
func (f *Search) repeated(t *site, assigned []int32) bool {
	if len(f.plan.sharing) == 0 {
		return false
	}
	f.key = f.key[:0]
	for _, at := range assigned {
		if !t.places[at].sharing {
			return false
		}
		f.key = binary.BigEndian.AppendUint32(f.key, t.places[at].provider.Number())
	}
	if _, ok := f.seen[string(f.key)]; ok {
		return true
	}
	if f.seen == nil {
		f.seen = make(map[string]struct{})
	}
	f.seen[string(f.key)] = struct{}{}
	return false
}
