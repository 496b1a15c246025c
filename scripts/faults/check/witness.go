package check

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// witness is an order that explains a history, as far as it is not plain from
// the revisions in the answers: porcupine then has no choice left to make, and
// its time does not grow with the number of outcomes that are unknown.
type witness struct {
	// made has the revision that an operation of unknown outcome made. One
	// that is not in it did not happen, as far as anybody saw.
	made map[*Op]uint64
	// at has the revision at which an operation without one of its own took
	// place: a refusal, or a read whose answer does not tell.
	at map[*Op]uint64
}

// searching looks for a witness. It is complete: what it asks of an order
// every order must have, so that if it finds none there is none.
type searching struct {
	h        *History
	w        *owners
	deadline time.Time
	late     bool

	unknown []*Op
	floats  []*Op // by call
	reads   map[uint64][]*Op
	known   timeline
	begun   []int64 // see owners.earliest

	states []State // by revision, from the initial one
	found  witness

	deepest uint64
	why     string
}

// floating reports whether only its time tells where the operation took place.
func floating(o *Op) bool {
	return o.Outcome == Rejected || o.Kind == ReadConsumer && o.Outcome == OK
}

// findWitness returns a witness; or why there is none; or neither, when it ran
// out of time.
func findWitness(h *History, w *owners, deadline time.Time) (*witness, string) {
	f := &searching{
		h: h, w: w, deadline: deadline, reads: map[uint64][]*Op{}, known: timelineOf(h.Ops), begun: w.earliest(),
		states: make([]State, len(w.of)+1), found: witness{made: map[*Op]uint64{}, at: map[*Op]uint64{}},
	}
	for _, o := range h.Ops {
		switch {
		case o.Outcome == Unknown:
			f.unknown = append(f.unknown, o)
		case floating(o):
			f.floats = append(f.floats, o)
		case o.Kind.Reads():
			f.reads[o.Revision] = append(f.reads[o.Revision], o)
		}
	}
	slices.SortFunc(f.floats, func(a, b *Op) int { return cmp.Compare(a.Call, b.Call) })
	f.states[0] = h.Initial
	switch {
	case !f.matches(&f.states[0]):
	case f.from(w.first):
		return &f.found, ""
	}
	if f.late {
		return nil, ""
	}
	return nil, f.why
}

// from explains the revisions from r on, given the states before.
func (f *searching) from(r uint64) bool {
	for ; r <= f.w.last; r++ {
		owner := f.w.of[r-f.w.first]
		if owner == nil {
			return f.guess(r)
		}
		s := f.states[r-f.w.first]
		if refusal := s.Apply(owner.Kind, &owner.Args); refusal != "" {
			f.fail(r, "it should have been refused as %s:\n  %s", refusal, owner)
			return false
		}
		if !s.tells(owner.Told) {
			f.fail(r, "other generations were expected than %+v in the answer of\n  %s\nwhich leads to %s", owner.Told, owner, s.String())
			return false
		}
		if !f.matches(&s) {
			return false
		}
		f.states[r+1-f.w.first] = s
	}
	return f.place()
}

// guess tries the unknown outcomes as the one that made a revision.
func (f *searching) guess(r uint64) bool {
	if time.Now().After(f.deadline) {
		f.late = true
		return false
	}
	candidates := slices.DeleteFunc(slices.Clone(f.unknown), func(o *Op) bool {
		_, used := f.found.made[o]
		return used || f.known.before(o.Call) >= r
	})
	// One whose client was still waiting is the likelier.
	at := f.begun[r-f.w.first]
	slices.SortStableFunc(candidates, func(a, b *Op) int {
		return cmp.Compare(likelihood(b, at), likelihood(a, at))
	})
	for _, o := range candidates {
		s := f.states[r-f.w.first]
		if s.Apply(o.Kind, &o.Args) != "" || !f.matches(&s) {
			continue
		}
		f.states[r+1-f.w.first] = s
		f.found.made[o] = r
		if f.from(r + 1) {
			return true
		}
		delete(f.found.made, o)
		if f.late {
			return false
		}
	}
	f.fail(r, "no acknowledged change made this revision, and none of the %d of unknown outcome explains it. Before it: %s", len(candidates), f.states[r-f.w.first].String())
	return false
}

func likelihood(o *Op, at int64) int {
	if o.Call <= at && o.Return >= at {
		return 1
	}
	return 0
}

// matches reports whether all reads of the state's revision show it.
func (f *searching) matches(s *State) bool {
	for _, o := range f.reads[s.Revision] {
		if !s.Explains(o) {
			f.fail(s.Revision, "a read shows something else:\n  %s%s", o, difference(s, o))
			return false
		}
	}
	return true
}

// place finds a place for what floats. Each is put as early as may be, by
// order of call, which leaves the most room to those after it.
func (f *searching) place() bool {
	clear(f.found.at)
	limits := timelineOf(nil)
	for _, o := range f.h.Ops {
		switch {
		case o.Outcome == Unknown:
			if made, ok := f.found.made[o]; ok {
				limits.addLimit(o.Call, made-1)
			}
		case o.Outcome == OK && o.Revision != 0 && !o.Kind.Reads():
			limits.addLimit(o.Call, o.Revision-1)
		case o.Outcome == OK && o.Revision != 0 && o.Level == Linearizable:
			limits.addLimit(o.Call, o.Revision)
		}
	}
	limits.finish()
	placed := timelineOf(nil)
	for _, o := range f.floats {
		least := max(f.w.first-1, f.known.before(o.Call), placed.before(o.Call))
		most := min(f.w.last, limits.after(o.Return))
		ok := false
		for r := least; r <= most && !ok; r++ {
			s := f.states[r+1-f.w.first]
			if o.Kind.Reads() {
				ok = s.Explains(o)
			} else {
				ok = s.Apply(o.Kind, &o.Args) == o.Code
			}
			if ok {
				f.found.at[o] = r
				placed.add(o.Return, r)
			}
		}
		if !ok {
			f.fail(f.w.last+1, "no state from revision %d to %d explains\n  %s\nwhere the first is %s", least, most, o, f.states[least+1-f.w.first].String())
			return false
		}
	}
	return true
}

// fail notes why the search turned back, if it never came further.
func (f *searching) fail(r uint64, format string, args ...any) {
	if r >= f.deepest {
		f.deepest = r
		f.why = fmt.Sprintf("revision %d: %s", r, fmt.Sprintf(format, args...))
	}
}

// difference tells what a read shows otherwise than a state is.
func difference(s *State, o *Op) string {
	var text strings.Builder
	if o.Providers != nil && o.Kind == ReadProviders {
		for p, at := range o.Providers {
			if at != s.Providers[p] {
				fmt.Fprintf(&text, "\n    %s: shown %+v, expected %+v", ProviderName(p), at, s.Providers[p])
			}
		}
	}
	if o.Consumers != nil && o.Kind == ReadConsumers {
		for c, at := range o.Consumers {
			if at != s.Consumers[c] {
				fmt.Fprintf(&text, "\n    consumer %d: shown %+v, expected %+v", c, at, s.Consumers[c])
			}
		}
	}
	if text.Len() == 0 {
		fmt.Fprintf(&text, "\nexpected %s", s.String())
	}
	return text.String()
}

// timeline is revisions by time.
type timeline struct {
	points []point // for before: by time, revisions rising
	limits []point // for after: by time, revisions rising
}

type point struct {
	time     int64
	revision uint64
}

// timelineOf knows the revisions that the answers show, by their return.
func timelineOf(ops []*Op) timeline {
	var all []point
	for _, o := range ops {
		if o.Outcome == OK && o.Revision != 0 {
			all = append(all, point{o.Return, o.Revision})
		}
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.time, b.time) })
	var t timeline
	for _, p := range all {
		if n := len(t.points); n == 0 || p.revision > t.points[n-1].revision {
			t.points = append(t.points, p)
		}
	}
	return t
}

// add notes a revision. Those with a later time already must be no smaller.
func (t *timeline) add(at int64, revision uint64) {
	i, _ := slices.BinarySearchFunc(t.points, at, func(p point, at int64) int { return cmp.Compare(p.time, at) })
	if i > 0 && t.points[i-1].revision >= revision {
		return
	}
	t.points = slices.Insert(t.points, i, point{at, revision})
	after := i + 1
	for after < len(t.points) && t.points[after].revision <= revision {
		after++
	}
	t.points = slices.Delete(t.points, i+1, after)
}

// before is the greatest revision known before a time; 0 if there is none.
func (t *timeline) before(at int64) uint64 {
	i, _ := slices.BinarySearchFunc(t.points, at, func(p point, at int64) int { return cmp.Compare(p.time, at) })
	if i == 0 {
		return 0
	}
	return t.points[i-1].revision
}

// addLimit notes that from a time on only greater revisions can take place.
func (t *timeline) addLimit(at int64, revision uint64) {
	t.limits = append(t.limits, point{at, revision})
}

// finish makes after work.
func (t *timeline) finish() {
	slices.SortFunc(t.limits, func(a, b point) int { return cmp.Compare(a.time, b.time) })
	for i := len(t.limits) - 2; i >= 0; i-- {
		t.limits[i].revision = min(t.limits[i].revision, t.limits[i+1].revision)
	}
}

// after is the least limit noted after a time.
func (t *timeline) after(at int64) uint64 {
	i, _ := slices.BinarySearchFunc(t.limits, at+1, func(p point, at int64) int { return cmp.Compare(p.time, at) })
	if i == len(t.limits) {
		return math.MaxUint64
	}
	return t.limits[i].revision
}
