package check

import (
	"math"
	"time"

	"github.com/anishathalye/porcupine"
)

// secondOpinionTimeout bounds porcupine's own search for an order where it has
// been found that there is none.
const secondOpinionTimeout = time.Second

// owners says which acknowledged write made each revision.
type owners struct {
	first uint64 // the first revision after the initial state
	last  uint64 // the last that any answer shows
	// of has the write that made revision first+i; nil where none is known.
	of []*Op
	// twice are pairs of writes that claim the same revision.
	twice [][2]*Op
}

func ownersOf(h *History) *owners {
	w := &owners{first: h.Initial.Revision + 1, last: h.Initial.Revision}
	for _, o := range h.Ops {
		w.last = max(w.last, o.Revision)
	}
	w.of = make([]*Op, w.last+1-w.first)
	for _, o := range h.Ops {
		if o.Kind.Reads() || o.Outcome != OK || o.Revision < w.first {
			continue
		}
		if have := w.of[o.Revision-w.first]; have != nil {
			w.twice = append(w.twice, [2]*Op{have, o})
			continue
		}
		w.of[o.Revision-w.first] = o
	}
	return w
}

// unowned reports whether a revision was made by no write that was
// acknowledged.
func (w *owners) unowned(revision uint64) bool {
	return revision >= w.first && revision <= w.last && w.of[revision-w.first] == nil
}

// gaps counts the unowned revisions.
func (w *owners) gaps() (n int) {
	for _, o := range w.of {
		if o == nil {
			n++
		}
	}
	return n
}

// earliest returns when each revision can have come into being at the
// earliest: not before the calls of the writes up to it.
func (w *owners) earliest() []int64 {
	at, all := int64(0), make([]int64, len(w.of)+1)
	for i, o := range w.of {
		if o != nil {
			at = max(at, o.Call)
		}
		all[i+1] = at
	}
	return all
}

// linearizable searches the order. First a witness is looked for, then
// porcupine judges whether it is one.
func linearizable(h *History, w *owners, timeout time.Duration) (porcupine.CheckResult, string) {
	found, why := findWitness(h, w, time.Now().Add(timeout))
	switch {
	case found != nil:
		result := porcupine.CheckOperationsTimeout(modelOf(h, w, found), operationsOf(h, w), timeout)
		if result == porcupine.Illegal {
			return result, "porcupine refuses the order that was found"
		}
		return result, ""
	case why == "":
		return porcupine.Unknown, ""
	}
	// That there is no witness is proof enough. Porcupine is asked too, for a
	// while: if it found an order, the proof would be wrong.
	if porcupine.CheckOperationsTimeout(modelOf(h, w, nil), operationsOf(h, w), min(timeout, secondOpinionTimeout)) == porcupine.Ok {
		return porcupine.Illegal, "porcupine finds an order, but the search for one came to this: " + why
	}
	return porcupine.Illegal, "no order explains the history. The best gets as far as " + why
}

// operationsOf is the history in porcupine's form.
func operationsOf(h *History, w *owners) []porcupine.Operation {
	earliest := w.earliest()
	operations := make([]porcupine.Operation, len(h.Ops))
	for i, o := range h.Ops {
		call, end := o.Call, o.Return
		switch {
		case o.Outcome == Unknown:
			end = math.MaxInt64
		case o.Level == Session, o.Level == Stale:
			// It may show a state from before it was called, so it can be put
			// as early as that state; never later than its return.
			call = 0
			if o.Revision >= w.first-1 && o.Revision <= w.last {
				call = min(o.Call, earliest[o.Revision+1-w.first])
			}
		}
		operations[i] = porcupine.Operation{ClientId: o.Client, Input: o, Call: call, Return: end}
	}
	return operations
}

// moment is a state, and how many operations that fit no other revision have
// shown it so far. Only when all have can the next revision come: without this
// porcupine learns only at a read's return that it went on too early, and by
// then there is much to take back.
type moment struct {
	state *State
	shown int
}

// modelOf is the store as porcupine knows it. With a witness, everything has
// one place only.
func modelOf(h *History, w *owners, found *witness) porcupine.Model {
	bound := func(o *Op) (uint64, bool) { // the only revision that a no-op fits
		switch {
		case o.Outcome == Unknown:
			return 0, false
		case floating(o):
			if found == nil {
				return 0, false
			}
			return found.at[o], true
		}
		return o.Revision, o.Kind.Reads()
	}
	shows := map[uint64]int{}
	for _, o := range h.Ops {
		if r, ok := bound(o); ok {
			shows[r]++
		}
	}
	return porcupine.Model{
		Init: func() any { return moment{state: &h.Initial} },
		Step: func(was, input, _ any) (bool, any) {
			m, o := was.(moment), input.(*Op) //nolint:errcheck // this model makes no others
			if !mayStep(m.state, o, w, found) {
				return false, m
			}
			next := *m.state
			switch ok := step(&next, o, w); {
			case !ok, next.Revision != m.state.Revision && m.shown != shows[m.state.Revision]:
				return false, m
			case next.Revision != m.state.Revision:
				return true, moment{state: &next}
			}
			if _, ok := bound(o); ok {
				m.shown++
			}
			return true, m
		},
		Equal: func(a, b any) bool {
			x, y := a.(moment), b.(moment) //nolint:errcheck // this model makes no others
			return x.shown == y.shown && *x.state == *y.state
		},
		Hash: func(s any) uint64 { return s.(moment).state.Revision }, //nolint:errcheck // this model makes no others
	}
}

// mayStep is false where the revision alone shows that the operation does not
// fit the state, which is what most tries come to.
func mayStep(s *State, o *Op, w *owners, found *witness) bool {
	switch {
	case found != nil && floating(o):
		return s.Revision == found.at[o]
	case found != nil && o.Outcome == Unknown:
		if made, ok := found.made[o]; ok {
			return s.Revision+1 == made
		}
		return s.Revision >= w.last
	case floating(o):
		return true
	case o.Outcome == Unknown:
		return s.Revision >= w.last || w.unowned(s.Revision+1)
	case o.Kind.Reads():
		return o.Revision == s.Revision
	default:
		return o.Revision == s.Revision+1
	}
}

// step is one step of the model: whether the operation fits the state, which
// it then changes.
func step(s *State, o *Op, w *owners) bool {
	switch {
	case o.Kind.Reads():
		return s.Explains(o)
	case o.Outcome == Rejected:
		// A refusal changes nothing, so the state is not asked to be another.
		probe := *s
		return probe.Apply(o.Kind, &o.Args) == o.Code
	case o.Outcome == OK:
		return o.Revision == s.Revision+1 && s.Apply(o.Kind, &o.Args) == "" && s.tells(o.Told)
	case s.Revision >= w.last:
		// Nobody saw what came after, so it may as well not have happened. A
		// refusal, which changes nothing, counts as not having happened too.
		return true
	default:
		return w.unowned(s.Revision+1) && s.Apply(o.Kind, &o.Args) == ""
	}
}
