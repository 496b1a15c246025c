package tree

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

var seedFlag = flag.Uint64("seed", 0, "run the random histories with this seed only")

// seeds are those of the random histories: the same ones each time, and one
// that nobody has tried.
func seeds() []uint64 {
	if *seedFlag != 0 {
		return []uint64{*seedFlag}
	}
	return []uint64{1, 2, 3, 4, 5, 6, 7, 8, rand.Uint64N(1<<32) + 9}
}

// event is one transaction of a history and what came of it.
type event struct {
	base   int // the state it was applied to
	at     Time
	txn    Txn
	state  *State // nil when it was refused
	dump   string // of the state, when it was new
	effect Effect
	err    string
}

// world is a tree of states: most transactions go on from the newest state,
// some from an older one, so that states share their past but not their future.
type world struct {
	events []event
	states []*State
	models []*model
	dumps  []string
}

const historyLength = 500

// TestHistories applies random transactions and compares State with the model:
// what is refused and why, the content, what an effect lists; then that no
// state changed since it was made.
func TestHistories(t *testing.T) {
	for _, seed := range seeds() {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			w := &world{states: []*State{New()}, models: []*model{newModel()}}
			w.dumps = []string{dump(w.states[0])}
			c := newChance(seed)
			refusals := map[Code]int{}
			for i := range historyLength {
				base := len(w.states) - 1
				if c.rarely(10) {
					base = max(0, base-c.IntN(8))
				}
				txn := c.txn(w.states[base])
				w.step(t, base, now+Time(i), txn, refusals)
				if t.Failed() {
					t.Fatalf("seed %d, transaction %d on state %d: %+v", seed, i, base, txn)
				}
			}
			for i, s := range w.states {
				if dump(s) != w.dumps[i] {
					t.Errorf("seed %d: state %d is not what it was:\n%s\nwas:\n%s", seed, i, dump(s), w.dumps[i])
				}
			}
			t.Logf("%d of %d transactions were accepted; refusals: %v", len(w.states)-1, historyLength, refusals)
			if len(w.states) < historyLength/8 {
				t.Error("too few of them: the history shows little")
			}
			w.again(t)
		})
	}
}

func (w *world) step(t *testing.T, base int, at Time, txn Txn, refusals map[Code]int) {
	t.Helper()
	s, m := w.states[base], w.models[base]
	next, effect, err := s.Apply(at, txn, nil)
	want, code, op := m.apply(at, txn)
	w.events = append(w.events, event{base, at, txn, next, "", effect, describe(err)})
	if err != nil {
		e := err.(*Error) //nolint:errorlint,errcheck // refusals are never wrapped
		refusals[e.Code]++
		if e.Code != code || e.Op != op {
			t.Errorf("refused with %s, the model with %v in operation %d", describe(err), code, op)
		}
		return
	}
	if want == nil {
		t.Errorf("accepted, the model refuses with %v in operation %d", code, op)
		return
	}
	if err := next.Check(); err != nil {
		t.Error(err)
	}
	if got, want := content(next), want.content(); got != want {
		t.Errorf("the content differs from the model's:\n%s\nwant:\n%s", got, want)
	}
	compareEffect(t, want, effect)
	w.states, w.models = append(w.states, next), append(w.models, want)
	w.dumps = append(w.dumps, dump(next))
	w.events[len(w.events)-1].dump = dump(next)
}

// compareEffect looks that an effect lists what the model wrote last, once.
func compareEffect(t *testing.T, m *model, effect Effect) {
	t.Helper()
	order := func(a, b Generation) int {
		return cmp.Or(compareUUID(a.UUID, b.UUID), cmp.Compare(a.Generation, b.Generation))
	}
	var providers, consumers []Generation
	for _, p := range m.providers {
		if p.updated == m.at {
			providers = append(providers, Generation{p.uuid, p.generation})
		}
	}
	for _, k := range m.consumers {
		if k.updated == m.at {
			consumers = append(consumers, Generation{k.uuid, k.generation})
		}
	}
	equal(t, "providers of the effect", slices.SortedFunc(slices.Values(effect.Providers), order), slices.SortedFunc(slices.Values(providers), order))
	equal(t, "consumers of the effect", slices.SortedFunc(slices.Values(effect.Consumers), order), slices.SortedFunc(slices.Values(consumers), order))
}

// again applies the whole history once more, to states built from records, and
// compares every effect, error and state with those of the first time.
func (w *world) again(t *testing.T) {
	t.Helper()
	first, err := recordsOf(New()).build()
	if err != nil {
		t.Fatal(err)
	}
	states := []*State{first}
	for i, e := range w.events {
		next, effect, err := states[e.base].Apply(e.at, e.txn, nil)
		if got := describe(err); got != e.err {
			t.Fatalf("transaction %d: %s, the first time %s", i, got, e.err)
		}
		equal(t, "effect", effect, e.effect)
		if next == nil {
			continue
		}
		if dump(next) != e.dump {
			t.Fatalf("transaction %d gives another state than the first time", i)
		}
		if i%7 == 0 { // through a snapshot
			if next, err = recordsOf(next).build(); err != nil {
				t.Fatal(err)
			}
		}
		states = append(states, next)
	}
}

// TestHistoriesReachEverything looks that the random transactions are good for
// something: every kind of operation succeeds and fails, every code appears.
func TestHistoriesReachEverything(t *testing.T) {
	accepted, refusedKinds, codes := map[string]int{}, map[string]int{}, map[Code]int{}
	for seed := range uint64(4) {
		c, s := newChance(seed+1), New()
		for i := range 2000 {
			c.look(s)
			op := c.op()
			next, _, err := s.Apply(now+Time(i), Txn{Ops: []Op{op}}, nil)
			if err != nil {
				refusedKinds[op.Kind()]++
				codes[err.(*Error).Code]++ //nolint:errorlint,errcheck // refusals are never wrapped
				continue
			}
			accepted[op.Kind()]++
			s = next
		}
	}
	for _, op := range everyKind(t) {
		if accepted[op] == 0 || refusedKinds[op] == 0 {
			t.Errorf("%s: %d accepted, %d refused", op, accepted[op], refusedKinds[op])
		}
	}
	for _, code := range Codes() {
		if code < CodeConflict && codes[code] == 0 {
			t.Errorf("no operation is refused with %v", code)
		}
	}
	var summary []string
	for _, kind := range slices.Sorted(maps.Keys(accepted)) {
		summary = append(summary, fmt.Sprintf("%s %d/%d", kind, accepted[kind], refusedKinds[kind]))
	}
	t.Log("accepted/refused: " + strings.Join(summary, ", "))
}
