package candidates

// A solver answers, slot after slot, whether what was decided so far leads to
// an answer. Slots are decided in the order it gives.
type solver interface {
	// order is the order in which slots are decided.
	order() []int32
	// solvable reports whether there is an answer at all; it comes first.
	solvable() bool
	// decide gives the slot at that position of the order its place, if there
	// is an answer that has all decisions up to it.
	decide(position int, at int32) bool
	// undo takes the last decision back.
	undo(position int)
}

// unbounded solves problems where any slot can have any place of its domain.
type unbounded struct{ slots []int32 }

func (u unbounded) order() []int32         { return u.slots }
func (u unbounded) solvable() bool         { return true }
func (u unbounded) decide(int, int32) bool { return true }
func (u unbounded) undo(int)               {}

// matching solves problems whose conditions are bins. It holds a whole answer
// at any time; a decision that the answer does not have is met by an
// augmenting path, which fails only where there is no answer. Since decisions
// before are part of the answer, taking one back is no work.
type matching struct {
	*problem
	slots []int32
	at    []int32   // by slot, the answer; -1 while there is none
	bins  [][]bin   // by place; nil if there are none
	first []int32   // by place, the number of its first bin
	in    [][]int32 // by bin number, the slots in it
	seen  []uint32  // by bin number, the last path that came by
	path  uint32
	fixed int32 // slots below are decided
}

func newMatching(b *problem, bins [][]bin) *matching {
	n := len(b.domains)
	backing := make([]int32, 2*n)
	m := &matching{problem: b, bins: bins, slots: backing[:n:n], at: backing[n:]}
	for i := range m.slots {
		m.slots[i], m.at[i] = int32(i), -1
	}
	total := int32(0)
	if bins != nil {
		m.first = make([]int32, len(bins))
		for at := range bins {
			m.first[at] = total
			total += int32(len(bins[at])) //nolint:gosec // few bins
		}
	}
	m.in = make([][]int32, total)
	m.seen = make([]uint32, total)
	return m
}

func (m *matching) order() []int32 { return m.slots }
func (m *matching) undo(int)       {}

// binFor returns the number of the bin that the slot needs room in at a place,
// and how many the bin holds; -1 if it needs none.
func (m *matching) binFor(s, at int32) (number, room int32) {
	if m.bins == nil {
		return -1, 0
	}
	for i := range m.bins[at] {
		if b := &m.bins[at][i]; b.has(s) {
			return m.first[at] + int32(i), b.room
		}
	}
	return -1, 0
}

func (m *matching) put(s, at, bin int32) {
	m.at[s] = at
	if bin >= 0 {
		m.in[bin] = append(m.in[bin], s)
	}
}

func (m *matching) drop(s int32) (at int32) {
	at = m.at[s]
	if at < 0 {
		return at
	}
	m.at[s] = -1
	if bin, _ := m.binFor(s, at); bin >= 0 {
		in := m.in[bin]
		for i, x := range in {
			if x == s {
				in[i] = in[len(in)-1]
				m.in[bin] = in[:len(in)-1]
				break
			}
		}
	}
	return at
}

func (m *matching) solvable() bool {
	for _, s := range m.slots {
		m.path++
		if !m.settle(s) {
			return false
		}
	}
	return true
}

// settle finds a place for a slot without one, where others may have to move.
func (m *matching) settle(s int32) bool {
	if !m.work.step() {
		return false
	}
	for _, at := range m.domains[s] {
		bin, room := m.binFor(s, at)
		if bin < 0 || int32(len(m.in[bin])) < room { //nolint:gosec // few slots
			m.put(s, at, bin)
			return true
		}
	}
	for _, at := range m.domains[s] {
		bin, _ := m.binFor(s, at)
		if m.seen[bin] != m.path && m.clear(bin) {
			m.put(s, at, bin)
			return true
		}
	}
	return false
}

// clear makes room for one in a full bin.
func (m *matching) clear(bin int32) bool {
	m.seen[bin] = m.path
	for i, t := range m.in[bin] {
		if t < m.fixed {
			continue
		}
		was := m.at[t]
		m.at[t] = -1
		if !m.settle(t) {
			m.at[t] = was
			continue
		}
		// Paths don't come by a bin twice, so it is as it was.
		in := m.in[bin]
		in[i] = in[len(in)-1]
		m.in[bin] = in[:len(in)-1]
		return true
	}
	return false
}

func (m *matching) decide(position int, at int32) bool {
	s := m.slots[position]
	if m.at[s] == at {
		return true
	}
	bin, room := m.binFor(s, at)
	if bin < 0 {
		m.drop(s)
		m.put(s, at, bin)
		return true
	}
	was := m.drop(s)
	if int32(len(m.in[bin])) >= room { //nolint:gosec // few slots
		m.path++
		m.fixed = s + 1
		ok := m.clear(bin)
		if !ok {
			old, _ := m.binFor(s, was)
			m.put(s, was, old)
			return false
		}
	}
	m.put(s, at, bin)
	return true
}
