package candidates

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// walk lists the answers of one site, each when it is asked for.
type walk struct {
	site       *site
	work       *work
	conditions []condition
	frames     []frame
	leaf       leaf
	listing    bool // the leaf has answers left
	base       [][]int32

	// apart tells, by level, that the conditions from there on are about other
	// slots than those before. Then only what the slots before were left with
	// matters, not which of like slots was left with what: known has the cases
	// that were looked at, false for those that lead to no answer.
	apart []bool
	known map[string]bool
}

// frame is a case of the conditions up to its level, and the next case of the
// condition at its level.
type frame struct {
	domains [][]int32
	level   int
	next    int
	key     string // of known; empty where not apart
	found   bool
}

// start begins with the tree that the site was entered with.
func (t *site) start(work *work) *walk {
	w := &t.walk
	w.site, w.work, w.listing = t, work, false
	w.conditions = t.conditions()
	w.separate()
	w.frames = w.frames[:0]
	w.base = w.base[:0]
	for i := range t.plan.slots {
		w.base = append(w.base, t.domains[t.plan.slots[i].kind])
	}
	if len(w.conditions) > 1 {
		w.drop()
	}
	w.push(w.base, 0)
	return w
}

// drop leaves out the cases that are impossible by themselves, so that they are
// not tried again under every case of the conditions before.
func (w *walk) drop() {
	for i := range w.conditions {
		c := &w.conditions[i]
		if c.kind != ofSubtree {
			continue
		}
		kept := c.cases[:0:0]
		for n := range c.cases {
			if _, ok := w.site.narrow(c, n, w.base); ok {
				kept = append(kept, c.cases[n])
			}
		}
		c.cases = kept
	}
}

// separate finds the levels of apart. With less than three conditions there is
// nothing to be learned from one case for another.
func (w *walk) separate() {
	w.apart = w.apart[:0]
	clear(w.known)
	n := len(w.conditions)
	if n < 3 {
		return
	}
	last := make([]int, len(w.site.plan.slots)) // the last condition about a slot
	for i, c := range w.conditions {
		for _, s := range c.slots {
			last[s] = i
		}
	}
	until := -1
	for i, c := range w.conditions {
		w.apart = append(w.apart, i > 0 && until < i)
		for _, s := range c.slots {
			until = max(until, last[s])
		}
	}
}

// push adds a frame unless its amounts leave no answer. The last level's are
// looked at when its answers are listed.
func (w *walk) push(domains [][]int32, level int) {
	f := frame{domains: domains, level: level}
	solvable := false
	if level < len(w.apart) && w.apart[level] {
		f.key = w.keyOf(domains, level)
		var known bool
		if solvable, known = w.known[f.key]; known && !solvable {
			return
		}
	}
	if level < len(w.conditions) && !solvable {
		if !w.solver(domains).solvable() {
			w.learn(&f, false)
			return
		}
		w.learn(&f, true)
	}
	w.frames = append(w.frames, f)
}

// learn remembers whether a case may have an answer.
func (w *walk) learn(f *frame, may bool) {
	if f.key == "" || w.work.over || len(w.known) >= knownMax {
		return
	}
	if w.known == nil {
		w.known = make(map[string]bool)
	}
	w.known[f.key] = may
}

// keyOf tells cases of a level apart: what the slots of the conditions before
// were left with, whichever of like slots it was.
func (w *walk) keyOf(domains [][]int32, level int) string {
	var parts [][]byte
	for _, c := range w.conditions[:level] {
		for _, s := range c.slots {
			part := make([]byte, 0, 8+4*len(domains[s]))
			part = binary.BigEndian.AppendUint32(part, uint32(w.site.plan.slots[s].kind)) //nolint:gosec // an index
			part = binary.BigEndian.AppendUint32(part, uint32(len(domains[s])))           //nolint:gosec // few places
			for _, at := range domains[s] {
				part = binary.BigEndian.AppendUint32(part, uint32(at)) //nolint:gosec // an index
			}
			parts = append(parts, part)
		}
	}
	slices.SortFunc(parts, bytes.Compare)
	return string(binary.BigEndian.AppendUint32(bytes.Join(parts, nil), uint32(level))) //nolint:gosec // few conditions
}

func (w *walk) solver(domains [][]int32) solver {
	b := &problem{site: w.site, domains: domains, work: w.work}
	if b.unbounded() {
		return unbounded{w.site.plan.all}
	}
	if bins, exact := b.bins(); exact {
		return newMatching(b, bins)
	}
	return newPacking(b)
}

// next returns the place of each slot in the next answer, or nil after the
// last. It is valid until the next call.
func (w *walk) next() []int32 {
	for {
		if w.listing {
			if w.leaf.next(w.work) {
				for i := range w.frames {
					w.frames[i].found = true
				}
				return w.leaf.assigned
			}
			w.listing = false
		}
		if len(w.frames) == 0 {
			return nil
		}
		f := &w.frames[len(w.frames)-1]
		if f.level == len(w.conditions) {
			w.leaf.start(f.domains, w.solver(f.domains))
			w.listing = true
			w.frames = w.frames[:len(w.frames)-1]
			continue
		}
		c := &w.conditions[f.level]
		if f.next == c.count() {
			if !f.found {
				w.learn(f, false)
			}
			w.frames = w.frames[:len(w.frames)-1]
			continue
		}
		if !w.work.step() {
			return nil
		}
		f.next++
		if domains, ok := w.site.narrow(c, f.next-1, f.domains); ok {
			w.push(domains, f.level+1)
		}
	}
}

// leaf lists the answers of one problem. Every decision is backed by the
// solver, so no path ends without an answer.
type leaf struct {
	domains  [][]int32
	solver   solver
	order    []int32
	assigned []int32
	cursor   []int32
	depth    int
}

func (l *leaf) start(domains [][]int32, s solver) {
	n := len(domains)
	l.domains, l.solver, l.order, l.depth = domains, s, s.order(), 0
	if len(l.assigned) != n {
		l.assigned, l.cursor = make([]int32, n), make([]int32, n)
	}
	clear(l.cursor)
	if !s.solvable() {
		l.depth = -1
	}
}

func (l *leaf) next(work *work) bool {
	n := len(l.order)
	if l.depth < 0 {
		return false
	}
	if l.depth == n { // an answer was returned; go on from it
		l.depth--
		l.solver.undo(l.depth)
	}
	for l.depth < n {
		s := l.order[l.depth]
		if int(l.cursor[l.depth]) == len(l.domains[s]) {
			l.cursor[l.depth] = 0
			l.depth--
			if l.depth < 0 {
				return false
			}
			l.solver.undo(l.depth)
			continue
		}
		if !work.step() {
			return false
		}
		at := l.domains[s][l.cursor[l.depth]]
		l.cursor[l.depth]++
		if l.solver.decide(l.depth, at) {
			l.assigned[s] = at
			l.depth++
		}
	}
	return true
}
