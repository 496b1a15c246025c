package fsm

import (
	"bytes"
	"fmt"
	"math/rand"
	"reflect"
	"slices"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// oracle says what must become of a command, from everything that it has seen.
// It is written for being obvious.
type oracle struct {
	executed map[tree.UUID]bool // ever
	bodies   map[tree.UUID]string
	answers  map[tree.UUID]Result
	known    []tree.UUID // remembered, sorted
	bytes    int
	floor    tree.UUID
	logTime  tree.Time
}

func newOracle() *oracle {
	return &oracle{executed: map[tree.UUID]bool{}, bodies: map[tree.UUID]string{}, answers: map[tree.UUID]Result{}}
}

func compareID(a, b tree.UUID) int { return bytes.Compare(a[:], b[:]) }

// verdict is what becomes of a command.
type verdict string

const (
	execute verdict = "execute"
	replay  verdict = "replay"
)

func (o *oracle) judge(id tree.UUID, body string) verdict {
	if _, ok := slices.BinarySearchFunc(o.known, id, compareID); ok {
		if o.bodies[id] != body {
			return verdict(tree.CodeRequestIDReused.String())
		}
		return replay
	}
	switch {
	case id[6]>>4 != 7:
		return verdict(tree.CodeInvalid.String())
	case compareID(id, o.floor) <= 0, timeOf(id) < o.logTime-60*minute:
		return verdict(tree.CodeRequestIDExpired.String())
	case timeOf(id) > o.logTime+5*minute:
		return verdict(tree.CodeRequestIDInFuture.String())
	}
	return execute
}

func (o *oracle) size(id tree.UUID) int {
	r := o.answers[id]
	c := &codec{}
	c.outcome(&r.Effect, &r.Refused)
	return len(c.buf) + answerOverhead
}

func (o *oracle) remember(id tree.UUID, body string, r Result) {
	o.executed[id] = true
	o.bodies[id], o.answers[id] = body, r
	i, _ := slices.BinarySearchFunc(o.known, id, compareID)
	o.known = slices.Insert(o.known, i, id)
	o.bytes += o.size(id)
	for len(o.known) > 0 && (len(o.known) > 1<<18 || o.bytes > 64<<20 || timeOf(o.known[0]) < o.logTime-60*minute) {
		o.bytes -= o.size(o.known[0])
		o.floor, o.known = o.known[0], o.known[1:]
	}
}

// attempt is a command as a client makes it, again and again.
type attempt struct {
	id   tree.UUID
	body string // the name of a trait to create
}

// clients make attempts with clocks that are wrong, out of order, and repeat
// old ones.
type clients struct {
	r   *rand.Rand
	n   int
	all []attempt
}

func (c *clients) next(now tree.Time) attempt {
	c.n++
	a := attempt{body: fmt.Sprintf("CUSTOM_%d", c.n)}
	switch k := c.r.Intn(20); {
	case k < 7 && len(c.all) > 0: // a retry of something recent
		return c.all[len(c.all)-1-c.r.Intn(min(len(c.all), 20))]
	case k < 9 && len(c.all) > 0: // of anything
		return c.all[c.r.Intn(len(c.all))]
	case k == 9 && len(c.all) > 0: // another body under a used id
		a.id = c.all[len(c.all)-1-c.r.Intn(min(len(c.all), 50))].id
		return a
	case k == 10: // a random UUID
		c.r.Read(a.id[:])
		a.id[6] = 0x40 | a.id[6]&0xf
		return a
	case k < 13: // a clock that is wrong by up to 70 minutes
		a.id = requestID(now+tree.Time(c.r.Int63n(int64(140*minute)))-70*minute, c.n)
	case k == 13: // two ids of one millisecond
		a.id = requestID(now/second*second, c.n)
	default:
		a.id = requestID(now-tree.Time(c.r.Int63n(int64(second))), c.n)
	}
	c.all = append(c.all, a)
	return a
}

// compete applies random attempts to the machine and compares each result with
// the oracle's verdict. Log time jumps ahead now and then, by up to jump. It
// returns how many attempts had each verdict.
func compete(t *testing.T, r *rand.Rand, m *Machine, o *oracle, entries int, jump tree.Time, restore func(i int) bool) (*Machine, map[verdict]int) {
	t.Helper()
	verdicts := map[verdict]int{}
	c := &clients{r: r}
	now := o.logTime
	index, revision := m.View().Index, m.View().Tree.Revision()
	for i := range entries {
		behind := tree.Time(0)
		switch r.Intn(40) {
		case 0:
			now += tree.Time(r.Int63n(int64(jump)))
		case 1, 2: // a proposer whose clock is behind
			behind = tree.Time(r.Int63n(int64(2 * minute)))
		default:
			now += tree.Time(r.Int63n(int64(5 * second)))
		}
		at := now - behind
		o.logTime = max(o.logTime, at)
		batch := make([]attempt, 1+r.Intn(4))
		commands := make([][]byte, len(batch))
		for k := range batch {
			batch[k] = c.next(now)
			commands[k] = encoded(t, batch[k].id, txn(tree.CreateTrait{Trait: batch[k].body}))
		}
		index++
		results, err := m.Apply(index, EncodeBatch(at, commands))
		if err != nil {
			t.Fatal(err)
		}
		for k, have := range results {
			id := batch[k].id
			want := o.judge(id, batch[k].body)
			verdicts[want]++
			ran := have.Revision == revision+1
			switch {
			case ran && !have.Replayed && o.executed[id]:
				t.Fatalf("entry %d: %s was executed twice", index, id)
			case want == execute:
				if !ran || have.Refused != nil || have.Replayed || have.Index != index {
					t.Fatalf("entry %d: %s: %+v (%v), want it executed", index, id, have, have.Refused)
				}
				revision++
				o.remember(id, batch[k].body, have)
			case want == replay:
				first := o.answers[id]
				first.Replayed = true
				if !reflect.DeepEqual(have, first) {
					t.Fatalf("entry %d: %s: %+v, want %+v", index, id, have, first)
				}
			case have.Refused == nil || have.Refused.Code.String() != string(want) || have.Revision != revision || have.Replayed:
				t.Fatalf("entry %d: %s: %+v (%v), want %s", index, id, have, have.Refused, want)
			}
		}
		if v := m.View(); v.Tree.Revision() != revision || v.requests.floor != o.floor ||
			v.requests.byID.Len() != len(o.known) || v.requests.bytes != o.bytes || v.logTime != o.logTime {
			t.Fatalf("entry %d: revision %d, floor %s, %d answers of %d bytes; want %d, %s, %d of %d",
				index, v.Tree.Revision(), v.requests.floor, v.requests.byID.Len(), v.requests.bytes, revision, o.floor, len(o.known), o.bytes)
		}
		if restore(i) {
			next := New(nil)
			if err := next.Restore(bytes.NewReader(snapshot(t, m.View()))); err != nil {
				t.Fatal(err)
			}
			wantSameRequests(t, m.View(), next.View())
			m = next
		}
	}
	return m, verdicts
}

// TestExactlyOnce has clients with skewed clocks, reordered commands and
// retries. No id is executed twice, ever, and nothing is refused that need not
// be. The machine is restored from snapshots now and then.
func TestExactlyOnce(t *testing.T) {
	r := random(t)
	o := newOracle()
	o.logTime = start
	m := New(nil)
	// The machine's log time starts with the first entry.
	if _, err := m.Apply(1, EncodeBatch(start, nil)); err != nil {
		t.Fatal(err)
	}
	_, verdicts := compete(t, r, m, o, 3000, 40*minute, func(int) bool { return r.Intn(50) == 0 })
	t.Log(verdicts)
	for _, v := range []verdict{execute, replay, "request_id_reused", "request_id_expired", "request_id_in_future", "invalid"} {
		if verdicts[v] < 20 {
			t.Errorf("only %d times %s", verdicts[v], v)
		}
	}
	if o.floor.IsZero() {
		t.Error("nothing was ever forgotten")
	}
}

// TestExactlyOnceWithFullMemory does the same where every execution makes an
// id go, with as many answers as a machine ever holds.
func TestExactlyOnceWithFullMemory(t *testing.T) {
	r := random(t)
	o := newOracle()
	o.logTime = start
	v := &View{Index: 1, Tree: tree.New(), requests: newRequests(), logTime: start}
	var nothing Result
	c := &codec{}
	c.outcome(&nothing.Effect, &nothing.Refused)
	for i := range requestsMax - 50 {
		// Two in a millisecond, over the last two minutes.
		id := requestID(start-tree.Time(requestsMax-i)/2*1000, i)
		v.requests.remember(answer{id: id, outcome: c.buf}, start)
		o.executed[id], o.answers[id] = true, nothing
		o.known = append(o.known, id)
		o.bytes += len(c.buf) + answerOverhead
	}
	m := New(nil)
	m.view.Store(v)
	m, verdicts := compete(t, r, m, o, 500, second, func(i int) bool { return i == 250 })
	t.Log(verdicts)
	if n := m.View().requests.byID.Len(); n != requestsMax {
		t.Errorf("%d answers are remembered in the end", n)
	}
	if o.floor.IsZero() || verdicts[execute] < 100 || verdicts["request_id_expired"] == 0 {
		t.Errorf("verdicts %v, floor %s", verdicts, o.floor)
	}
}
