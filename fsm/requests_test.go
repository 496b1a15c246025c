package fsm

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// again applies a command for the second time and checks that its first
// answer comes back and nothing else happens.
func (j *journal) again(command []byte, first Result) {
	j.t.Helper()
	before := j.m.View()
	r := j.apply(command)[0]
	want := first
	want.Replayed = true
	if !reflect.DeepEqual(r, want) {
		j.t.Errorf("the second time gave %+v, want %+v", r, want)
	}
	if v := j.m.View(); v.Tree != before.Tree {
		j.t.Error("the second time changed the state")
	}
}

func TestReplayGivesTheFirstAnswer(t *testing.T) {
	for _, d := range deeds() {
		t.Run(d.name, func(t *testing.T) {
			j := newJournal(t, nil)
			j.furnish()
			command := j.command(d.op)
			first := j.apply(command)[0]
			if first.Refused != nil || first.Replayed || first.Index != j.index {
				t.Fatalf("first result %+v", first)
			}
			j.again(command, first)
			j.do(tree.CreateTrait{Trait: "CUSTOM_BETWEEN"})
			j.again(command, first)
		})
	}
}

// TestReplayGivesTheFirstRefusal holds even where the operation would succeed
// by now.
func TestReplayGivesTheFirstRefusal(t *testing.T) {
	j := newJournal(t, nil)
	command := j.command(tree.CreateProvider{UUID: uuid(1), Name: "child", Parent: tree.ByName("host")})
	first := j.apply(command)[0]
	wantRefusal(t, first, tree.CodeProviderNotFound)
	j.do(tree.CreateProvider{UUID: uuid(2), Name: "host"})
	j.again(command, first)

	conflicting := encoded(t, j.id(), tree.Txn{
		Preconditions: []tree.Precondition{{Kind: tree.StateRevision, Value: 77}, {Kind: tree.ProviderAbsent, Provider: tree.ByName("host")}},
		Ops:           []tree.Op{tree.CreateTrait{Trait: "CUSTOM_A"}},
	})
	first = j.apply(conflicting)[0]
	if first.Refused == nil || len(first.Refused.Conflicts) != 2 {
		t.Fatalf("first result %+v", first)
	}
	j.again(conflicting, first)
}

func TestReplayWithinOneEntry(t *testing.T) {
	j := newJournal(t, nil)
	command := j.command(tree.CreateProvider{UUID: uuid(1), Name: "a"})
	results := j.apply(command, command, command)
	for i, r := range results {
		want := results[0]
		want.Replayed = i > 0
		if !reflect.DeepEqual(r, want) {
			t.Errorf("result %d is %+v, want %+v", i, r, want)
		}
	}
	if j.m.View().Tree.Revision() != 1 {
		t.Errorf("revision %d", j.m.View().Tree.Revision())
	}
}

func TestOtherBodyUnderOneID(t *testing.T) {
	j := newJournal(t, nil)
	id := j.id()
	body := func(name string) []byte {
		return encoded(t, id, txn(tree.CreateProvider{UUID: uuid(1), Name: name}))
	}
	first := j.apply(body("a"))[0]
	before := j.m.View()
	r := j.apply(body("b"))[0]
	wantRefusal(t, r, tree.CodeRequestIDReused)
	if r.Replayed || r.Index != j.index || r.Revision != first.Revision || j.m.View().Tree != before.Tree {
		t.Errorf("result %+v", r)
	}
	// The first one is still remembered.
	j.again(body("a"), first)
}

func TestIDsThatAreNotVersion7(t *testing.T) {
	j := newJournal(t, nil)
	for version := range byte(16) {
		id := j.id()
		id[6] = version<<4 | id[6]&0xf
		r := j.apply(encoded(t, id, txn(tree.CreateTrait{Trait: "CUSTOM_A"})))[0]
		if version == 7 {
			if r.Refused != nil {
				t.Errorf("version 7: %v", r.Refused)
			}
			continue
		}
		wantRefusal(t, r, tree.CodeInvalid)
	}
	j.at += second
	r := j.apply(encoded(t, tree.UUID{}, txn(tree.CreateTrait{Trait: "CUSTOM_A"})))[0]
	wantRefusal(t, r, tree.CodeInvalid)
	if n := j.m.View().requests.byID.Len(); n != 1 {
		t.Errorf("%d answers are remembered", n)
	}
}

// TestWindow walks the edges of the times that an id may have.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		name string
		made tree.Time // before the entry
		want tree.Code
	}{
		{"now", 0, 0},
		{"an hour ago", -60 * minute, 0},
		{"more than an hour ago", -60*minute - 1000, tree.CodeRequestIDExpired},
		{"at the beginning of time", -start - second, tree.CodeRequestIDExpired},
		{"5 minutes ahead", 5 * minute, 0},
		{"more than 5 minutes ahead", 5*minute + 1000, tree.CodeRequestIDInFuture},
		{"at the end of time", 1<<47*1000 - start - second, tree.CodeRequestIDInFuture},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJournal(t, nil)
			command := encoded(t, requestID(j.at+second+c.made, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"}))
			r := j.apply(command)[0]
			if c.want == 0 {
				if r.Refused != nil {
					t.Fatal(r.Refused)
				}
				j.again(command, r)
				return
			}
			wantRefusal(t, r, c.want)
			if r.Index != j.index || r.Revision != 0 || j.m.View().Tree.Revision() != 0 || j.m.View().requests.byID.Len() != 0 {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// TestFromTheFutureMayComeAgain: such a refusal is no answer, so that the same
// id can be executed once log time has caught up.
func TestFromTheFutureMayComeAgain(t *testing.T) {
	j := newJournal(t, nil)
	command := encoded(t, requestID(j.at+10*minute, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"}))
	wantRefusal(t, j.apply(command)[0], tree.CodeRequestIDInFuture)
	j.at += 6 * minute
	if r := j.apply(command)[0]; r.Refused != nil || r.Replayed {
		t.Errorf("result %+v", r)
	}
}

// TestExpiredByTime: answers are forgotten in the order of their ids when a
// later command is executed, and what is forgotten is refused.
func TestExpiredByTime(t *testing.T) {
	j := newJournal(t, nil)
	older := encoded(t, requestID(start-minute, 1), txn(tree.CreateTrait{Trait: "CUSTOM_A"}))
	newer := encoded(t, requestID(start+minute, 1), txn(tree.CreateTrait{Trait: "CUSTOM_B"}))
	// The newer id is executed first.
	second := j.apply(newer)[0]
	first := j.apply(older)[0]
	j.at = start + 59*minute - 1e6
	j.do(tree.CreateTrait{Trait: "CUSTOM_C"})
	j.again(older, first)

	j.do(tree.CreateTrait{Trait: "CUSTOM_D"})
	v := j.m.View()
	if v.requests.floor != requestID(start-minute, 1) {
		t.Fatalf("floor %s", v.requests.floor)
	}
	wantRefusal(t, j.apply(older)[0], tree.CodeRequestIDExpired)
	j.again(newer, second)
	// An id that was never used, but is below the floor, might have been.
	wantRefusal(t, j.apply(encoded(t, requestID(start-minute, 0), txn(tree.CreateTrait{Trait: "CUSTOM_E"})))[0], tree.CodeRequestIDExpired)
	if r := j.apply(encoded(t, requestID(start-minute+1e5, 0), txn(tree.CreateTrait{Trait: "CUSTOM_E"})))[0]; r.Refused == nil {
		t.Error("an id older than the window was executed")
	}
}

// fillID is the n-th id of fillRequests: one per millisecond.
func fillID(n int) tree.UUID { return requestID(start+tree.Time(n)*1000, 0) }

// fillRequests remembers n answers of size bytes, one id per millisecond from
// start on, and returns how many bytes they count.
func fillRequests(r *requests, n, size int) int {
	outcome := make([]byte, size)
	for i := range n {
		r.remember(answer{id: fillID(i), outcome: outcome}, start)
	}
	return n * (size + answerOverhead)
}

func TestForgottenByCount(t *testing.T) {
	r := newRequests()
	if have, want := fillRequests(&r, requestsMax, 0), r.bytes; have != want || r.byID.Len() != requestsMax || !r.floor.IsZero() {
		t.Fatalf("%d answers of %d bytes, want %d of %d; floor %s", r.byID.Len(), r.bytes, requestsMax, want, r.floor)
	}
	full := r
	r = r.edit()
	for i := range 10 {
		id := fillID(i)
		r.remember(answer{id: fillID(requestsMax + i)}, start)
		if r.byID.Len() != requestsMax || r.floor != id || r.bytes != requestsMax*answerOverhead {
			t.Fatalf("%d answers of %d bytes, floor %s, want %s", r.byID.Len(), r.bytes, r.floor, id)
		}
		_, found, refused := r.find(id, fingerprint{}, start)
		if found || refused == nil || refused.Code != tree.CodeRequestIDExpired {
			t.Errorf("the id that was forgotten: found %t, %v", found, refused)
		}
		if _, found, _ := r.find(fillID(i+1), fingerprint{}, start); !found {
			t.Error("the id after the one forgotten is not remembered")
		}
	}
	if _, found, _ := full.find(requestID(start, 0), fingerprint{}, start); !found {
		t.Error("a copy from before has forgotten too")
	}
	// Whatever order they come in, the smallest ids go first: this one at once.
	oldest := fillID(10)
	late := fillID(9)
	late[15] |= 1
	if bytes.Compare(late[:], r.floor[:]) <= 0 {
		t.Fatal("the late id is below the floor")
	}
	r.remember(answer{id: late}, start)
	if _, found, refused := r.find(late, fingerprint{}, start); found || refused == nil || r.floor != late {
		t.Errorf("the late id: found %t, %v, floor %s", found, refused, r.floor)
	}
	if _, found, _ := r.find(oldest, fingerprint{}, start); !found {
		t.Error("an id above the late one was forgotten")
	}
}

func TestForgottenByBytes(t *testing.T) {
	const size = 1<<20 - answerOverhead
	r := newRequests()
	if have := fillRequests(&r, requestsBytesMax>>20, size); have != requestsBytesMax || r.bytes != have || !r.floor.IsZero() {
		t.Fatalf("%d bytes of %d, floor %s", r.bytes, have, r.floor)
	}
	// The smallest answer there can be makes one go; there is then room for more.
	n := r.byID.Len()
	r.remember(answer{id: fillID(n)}, start)
	if r.byID.Len() != n || r.bytes != requestsBytesMax-1<<20+answerOverhead || r.floor != requestID(start, 0) {
		t.Fatalf("%d answers of %d bytes, floor %s", r.byID.Len(), r.bytes, r.floor)
	}
	r.remember(answer{id: fillID(n + 1), outcome: make([]byte, 1<<20-3*answerOverhead)}, start)
	if r.byID.Len() != n+1 || r.floor != requestID(start, 0) {
		t.Fatalf("%d answers of %d bytes, floor %s", r.byID.Len(), r.bytes, r.floor)
	}
	// A large one makes several go.
	r.remember(answer{id: fillID(n + 2), outcome: make([]byte, 5<<20)}, start)
	if r.floor != fillID(5) || r.bytes > requestsBytesMax {
		t.Errorf("%d answers of %d bytes, floor %s", r.byID.Len(), r.bytes, r.floor)
	}
	// One that is over the bound by itself leaves nothing, and is not kept.
	last := fillID(n + 3)
	r.remember(answer{id: last, outcome: make([]byte, requestsBytesMax)}, start)
	if r.byID.Len() != 0 || r.bytes != 0 || r.floor != last {
		t.Errorf("%d answers of %d bytes, floor %s", r.byID.Len(), r.bytes, r.floor)
	}
}

func TestForgottenByTime(t *testing.T) {
	r := newRequests()
	fillRequests(&r, 1000, 10)
	r.remember(answer{id: fillID(1000)}, start+requestWindow+500*1000)
	if r.byID.Len() != 501 || r.floor != fillID(499) || r.bytes != 500*(10+answerOverhead)+answerOverhead {
		t.Errorf("%d answers of %d bytes, floor %s", r.byID.Len(), r.bytes, r.floor)
	}
}

// TestMemorySurvivesSnapshots restores a machine in the middle of a retry.
func TestMemorySurvivesSnapshots(t *testing.T) {
	j := newJournal(t, nil)
	expired := j.command(tree.CreateTrait{Trait: "CUSTOM_EXPIRED"})
	j.apply(expired)
	j.at += 61 * minute
	command, refused := j.command(tree.CreateProvider{UUID: uuid(1), Name: "a"}), j.command(tree.RemoveTrait{Trait: "CUSTOM_A"})
	results := j.apply(command, refused)
	before := j.m.View()
	if before.requests.floor.IsZero() || before.requests.bytes == 0 {
		t.Fatalf("floor %s, %d bytes", before.requests.floor, before.requests.bytes)
	}
	restored := New(nil)
	if err := restored.Restore(bytes.NewReader(snapshot(t, before))); err != nil {
		t.Fatal(err)
	}
	j.m = restored
	wantSameRequests(t, before, restored.View())
	j.again(command, results[0])
	j.again(refused, results[1])
	wantRefusal(t, j.apply(expired)[0], tree.CodeRequestIDExpired)
}

func answers(v *View) (all []answer) {
	v.requests.byID.All(func(_ tree.UUID, a *answer) bool { all = append(all, *a); return true })
	return all
}

func wantSameRequests(t testing.TB, want, have *View) {
	t.Helper()
	if want.requests.floor != have.requests.floor || want.requests.bytes != have.requests.bytes {
		t.Fatalf("floor %s and %d bytes, want %s and %d", have.requests.floor, have.requests.bytes, want.requests.floor, want.requests.bytes)
	}
	if !reflect.DeepEqual(answers(want), answers(have)) {
		t.Fatal("the answers differ")
	}
}
