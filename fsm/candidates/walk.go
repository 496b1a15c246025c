package candidates

// walk lists the answers of one site, each when it is asked for.
type walk struct {
	site       *site
	work       *work
	conditions []condition
	frames     []frame
	leaf       leaf
	listing    bool // the leaf has answers left
	base       [][]int32
}

// frame is a case of the conditions up to its level, and the next case of the
// condition at its level.
type frame struct {
	domains [][]int32
	level   int
	next    int
}

// start begins with the tree that the site was entered with.
func (t *site) start(work *work) *walk {
	w := &t.walk
	w.site, w.work, w.listing = t, work, false
	w.conditions = t.conditions()
	w.frames = w.frames[:0]
	w.base = w.base[:0]
	for i := range t.plan.slots {
		w.base = append(w.base, t.domains[t.plan.slots[i].kind])
	}
	w.push(w.base, 0)
	return w
}

// push adds a frame unless its amounts leave no answer. The last level's are
// looked at when its answers are listed.
func (w *walk) push(domains [][]int32, level int) {
	if level < len(w.conditions) && !w.solver(domains).solvable() {
		return
	}
	w.frames = append(w.frames, frame{domains: domains, level: level})
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
