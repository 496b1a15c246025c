package fsm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// TestBatch has good and bad commands in one entry: each is all or nothing for
// itself and gets its own result, in order.
func TestBatch(t *testing.T) {
	j := newJournal(t, nil)
	before := j.m.View()
	again := j.command(tree.CreateProvider{UUID: uuid(2), Name: "b"})
	results := j.apply(
		j.command(tree.CreateProvider{UUID: uuid(1), Name: "a"}),
		// Its first half would work, but for its second.
		j.command(tree.CreateProvider{UUID: uuid(9), Name: "x"}, tree.RemoveProvider{Provider: tree.ByName("nobody")}),
		again,
		j.command(tree.CreateProvider{UUID: uuid(3), Name: "a"}),
		again,
		j.command(), // no operation
		// It builds on a command of the same entry.
		j.command(tree.CreateProvider{UUID: uuid(4), Name: "c", Parent: tree.ByName("a")}),
	)
	wantRefusal(t, results[1], tree.CodeProviderNotFound)
	wantRefusal(t, results[3], tree.CodeDuplicateName)
	wantRefusal(t, results[5], tree.CodeInvalid)
	for i, revision := range []uint64{1, 1, 2, 2, 2, 2, 3} {
		if r := results[i]; r.Revision != revision || r.Index != j.index || r.Replayed != (i == 4) {
			t.Errorf("result %d is %+v, want revision %d", i, r, revision)
		}
	}
	for i, id := range map[int]tree.UUID{0: uuid(1), 2: uuid(2), 4: uuid(2), 6: uuid(4)} {
		if e := results[i].Effect; len(e.Created) != 1 || e.Created[0] != id || results[i].Refused != nil {
			t.Errorf("result %d is %+v, want %s created", i, results[i], id)
		}
	}
	v := j.m.View()
	if _, ok := v.Tree.Find(tree.ByName("x")); ok || v.Tree.NumProviders() != 3 {
		t.Errorf("%d providers", v.Tree.NumProviders())
	}
	if p, _ := v.Tree.Find(tree.ByName("c")); p.Root().Name() != "a" {
		t.Errorf("c hangs below %s", p.Root().Name())
	}
	if before.Tree.NumProviders() != 0 || before.Index != 0 || before.requests.byID.Len() != 0 {
		t.Error("the view from before has changed")
	}
	if err := v.Tree.Check(); err != nil {
		t.Error(err)
	}
}

// TestOneViewPerEntry looks at the published view from within every step of a
// batch: it must be the one from before the entry.
func TestOneViewPerEntry(t *testing.T) {
	var j *journal
	var seen []*View
	j = newJournal(t, func(int, string) error {
		seen = append(seen, j.m.View())
		return nil
	})
	for range 3 {
		before := j.m.View()
		seen = nil
		j.apply(j.command(tree.CreateTrait{Trait: "CUSTOM_A"}), j.command(tree.RemoveTrait{Trait: "CUSTOM_A"}))
		if len(seen) != 4 {
			t.Fatalf("%d steps, want 4", len(seen))
		}
		for _, v := range seen {
			if v != before {
				t.Fatal("a view was published in the middle of an entry")
			}
		}
		if j.m.View() == before || j.m.View().Index != j.index {
			t.Errorf("after entry %d the view is of %d", j.index, j.m.View().Index)
		}
	}
}

func TestRefusedCommandLeavesTheState(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	// Each begins with something that would change the state.
	for code, op := range map[tree.Code]tree.Op{
		tree.CodeProviderNotFound:  tree.RemoveProvider{Provider: tree.ByName("nobody")},
		tree.CodeProviderHasChild:  tree.RemoveProvider{Provider: tree.ByName("host")},
		tree.CodeProviderInUse:     tree.RemoveProvider{Provider: tree.ByName("host"), Subtree: true},
		tree.CodeLoop:              tree.MoveProvider{Provider: tree.ByName("host"), Parent: tree.ByName("disk")},
		tree.CodeInventoryInUse:    tree.SetInventories{Provider: tree.ByName("numa0")},
		tree.CodeCapacityExceeded:  tree.Claim{Consumers: []tree.ConsumerClaim{claim(102, "spare", "VCPU", 100), claim(103, "spare", "VCPU", 1)}},
		tree.CodeOrphan:            tree.Populate{Providers: []tree.PopulateProvider{{NewUUID: uuid(9), Name: "x", Parent: tree.ByName("nobody")}}},
		tree.CodeTraitInUse:        tree.RemoveTrait{Trait: "CUSTOM_FAST"},
		tree.CodeInventoryNotFound: tree.RemoveInventories{Provider: tree.ByName("spare"), Classes: []string{"VCPU", "DISK_GB"}},
	} {
		before := j.m.View()
		r := j.refuse(code, tree.CreateProvider{UUID: uuid(90), Name: "first"}, tree.ChangeTraits{Provider: tree.ByName("spare")}, tree.ChangeTraits{Provider: tree.ByName("spare"), Traits: []string{"CUSTOM_FAST"}}, op)
		after := j.m.View()
		if after.Digest() != before.Digest() || r.Revision != before.Tree.Revision() || after.Tree != before.Tree {
			t.Errorf("%s: the state has changed", code)
		}
		if !reflect.DeepEqual(r.Effect, tree.Effect{}) || r.Refused.Op != 3 {
			t.Errorf("%s: result %+v", code, r)
		}
	}
}

// TestFailedPreconditions shows that the machine passes them on, all of them.
func TestFailedPreconditions(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	before := j.m.View()
	r := j.apply(encoded(t, j.id(), tree.Txn{
		Preconditions: []tree.Precondition{
			{Kind: tree.StateRevision, Value: before.Tree.Revision()},
			{Kind: tree.ProviderAbsent, Provider: tree.ByName("spare")},
			{Kind: tree.ConsumerGeneration, Consumer: uuid(100), Value: 77},
		},
		Ops: []tree.Op{tree.CreateTrait{Trait: "CUSTOM_A"}},
	}))[0]
	wantRefusal(t, r, tree.CodeConflict)
	if len(r.Refused.Conflicts) != 2 || r.Refused.Conflicts[0].Precondition != 1 || r.Refused.Conflicts[1].Want != 77 {
		t.Errorf("conflicts %+v", r.Refused.Conflicts)
	}
	if j.m.View().Digest() != before.Digest() {
		t.Error("the state has changed")
	}
}

func TestLogTimeNeverGoesBack(t *testing.T) {
	m := New(nil)
	updated := func(name string) tree.Time {
		p, ok := m.View().Tree.Find(tree.ByName(name))
		if !ok {
			t.Fatalf("no provider %s", name)
		}
		return p.CreatedAt()
	}
	for i, c := range []struct {
		name     string
		at, want tree.Time
	}{
		{"first", start, start},
		{"another leader's clock is behind", start - 4*minute, start},
		{"still behind", start - 1, start},
		{"ahead again", start + minute, start + minute},
		{"before the epoch", -1, start + minute},
	} {
		command := encoded(t, requestID(start, i+1), txn(tree.CreateProvider{UUID: uuid(i + 1), Name: c.name}))
		results, err := m.Apply(uint64(i+1), EncodeBatch(c.at, [][]byte{command})) //nolint:gosec // small
		if err != nil {
			t.Fatal(err)
		}
		if results[0].Refused != nil {
			t.Fatalf("%s: %v", c.name, results[0].Refused)
		}
		if have := updated(c.name); have != c.want || m.View().logTime != c.want {
			t.Errorf("%s: created at %d, log time %d, want %d", c.name, have, m.View().logTime, c.want)
		}
	}
}

func TestEmptyBatch(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	before := j.m.View()
	if results := j.apply(); len(results) != 0 {
		t.Errorf("results %v of no command", results)
	}
	v := j.m.View()
	if v.Index != before.Index+1 || v.logTime != j.at || v.Digest() != before.Digest() {
		t.Errorf("view %+v after %+v", v, before)
	}
	wantSameRequests(t, before, v)
}

func TestAdvance(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	before := j.m.View()
	j.m.Advance(before.Index + 5)
	v := j.m.View()
	if v.Index != before.Index+5 || v.Tree != before.Tree || v.logTime != before.logTime || !reflect.DeepEqual(answers(v), answers(before)) {
		t.Errorf("view %+v after %+v", v, before)
	}
	if before.Index == v.Index {
		t.Error("the view from before was changed")
	}
	for _, index := range []uint64{v.Index, v.Index - 1, 0} {
		j.m.Advance(index)
		if j.m.View() != v {
			t.Errorf("advancing to %d went from %d to %d", index, v.Index, j.m.View().Index)
		}
	}
	j.index = v.Index
	j.do(tree.CreateTrait{Trait: "CUSTOM_A"})
}

// wantHalted checks that the machine has stopped for good with the view from
// before: that it applies, advances and restores nothing.
func wantHalted(t *testing.T, m *Machine, before *View, index uint64, entry []byte, err error, cause string) {
	t.Helper()
	var halt *Halt
	if !errors.As(err, &halt) {
		t.Fatalf("error %v, want a halt", err)
	}
	sum := sha256.Sum256(entry)
	if halt.Index != index || halt.Hash != hex.EncodeToString(sum[:]) || !strings.Contains(halt.Cause, cause) {
		t.Fatalf("halted with %+v, want index %d, hash %x, cause %q", halt, index, sum, cause)
	}
	for _, part := range []string{halt.Hash, halt.Cause} {
		if !strings.Contains(halt.Error(), part) {
			t.Errorf("%q is not in the error %q", part, halt)
		}
	}
	digest, index := before.Digest(), before.Index
	good := EncodeBatch(start, [][]byte{encoded(t, requestID(start, 777), txn(tree.CreateTrait{Trait: "CUSTOM_AFTER"}))})
	results, later := m.Apply(halt.Index+1, good)
	if !errors.Is(later, halt) || results != nil {
		t.Errorf("after the halt an entry gives %v, %v", results, later)
	}
	m.Advance(halt.Index + 2)
	if err := m.Restore(bytes.NewReader(snapshot(t, New(nil).View()))); !errors.Is(err, halt) {
		t.Errorf("after the halt a restore gives %v", err)
	}
	if v := m.View(); m.Halted() != halt || v != before || v.Index != index || v.Digest() != digest {
		t.Errorf("after the halt: halted %v, index %d, was %d", m.Halted(), v.Index, index)
	}
}

func TestIndexMustRise(t *testing.T) {
	for _, back := range []uint64{0, 1} {
		j := newJournal(t, nil)
		j.furnish()
		before := j.m.View()
		entry := EncodeBatch(start, [][]byte{j.command(tree.CreateTrait{Trait: "CUSTOM_A"})})
		results, err := j.m.Apply(before.Index-back, entry)
		if results != nil {
			t.Errorf("results %v", results)
		}
		wantHalted(t, j.m, before, before.Index-back, entry, err, "applied already")
	}
}

func TestUnreadableEntryHalts(t *testing.T) {
	good := func(n int) []byte {
		return encoded(t, requestID(start, n), txn(tree.CreateProvider{UUID: uuid(90 + n), Name: "new"}))
	}
	unknown := append(idBytes(requestID(start, 5)), 0, 1, byte(len(opCodecs)))
	for _, c := range []struct {
		name  string
		entry []byte
		cause string
	}{
		{"empty", nil, "end early"},
		{"format from the future", []byte{2, 1}, "unknown entry format 2"},
		{"kind from the future", []byte{1, 7}, "unknown kind of entry 7"},
		{"cut", EncodeBatch(start, [][]byte{good(1)})[:20], "end early"},
		{"longer", append(EncodeBatch(start, [][]byte{good(1)}), 0), "after the last field"},
		{"bad command", EncodeBatch(start, [][]byte{{1, 2, 3}}), "command 0"},
		{"empty command", EncodeBatch(start, [][]byte{{}}), "command 0"},
		{"good command before a bad one", EncodeBatch(start, [][]byte{good(1), good(2)[:30], good(3)}), "command 1"},
		{"operation from the future", EncodeBatch(start, [][]byte{good(1), unknown}), "command 1: unknown kind of operation"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := newJournal(t, nil)
			j.furnish()
			before := j.m.View()
			results, err := j.m.Apply(before.Index+1, c.entry)
			if results != nil {
				t.Errorf("results %v", results)
			}
			wantHalted(t, j.m, before, before.Index+1, c.entry, err, c.cause)
		})
	}
}

// TestEntryIsNotKept overwrites an entry after it was applied, as a log store
// that reuses its buffers would.
func TestEntryIsNotKept(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	j.index++
	entry := EncodeBatch(j.at, [][]byte{
		j.command(tree.CreateProvider{UUID: uuid(10), Name: "kept"}),
		j.command(tree.ChangeResources{Provider: tree.ByName("kept"), Devices: []tree.Device{{Class: "PCI_DEVICE", Identifier: "id", Metadata: "{}"}}}),
		j.command(tree.RemoveTrait{Trait: "CUSTOM_NOBODY"}),
	})
	results, err := j.m.Apply(j.index, entry)
	if err != nil {
		t.Fatal(err)
	}
	var before [][]byte
	for _, r := range results {
		before = append(before, r.Encode())
	}
	written := snapshot(t, j.m.View())
	clear(entry)
	for i, r := range results {
		if !bytes.Equal(r.Encode(), before[i]) {
			t.Errorf("result %d has changed to %+v", i, r)
		}
	}
	if !bytes.Equal(snapshot(t, j.m.View()), written) {
		t.Error("the view has changed")
	}
}
