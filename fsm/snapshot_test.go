package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/treenode/treenode/fsm/tree"
)

func wantSameView(t testing.TB, want, have *View) {
	t.Helper()
	if have.Index != want.Index || have.logTime != want.logTime || have.Tree.Revision() != want.Tree.Revision() {
		t.Fatalf("index %d, log time %d, revision %d; want %d, %d, %d",
			have.Index, have.logTime, have.Tree.Revision(), want.Index, want.logTime, want.Tree.Revision())
	}
	if have.Digest() != want.Digest() {
		t.Fatal("the digests differ")
	}
	wantSameRequests(t, want, have)
}

func TestRecordsRoundTrip(t *testing.T) {
	roundTrip(t, filled[tree.Meta](t), (*codec).meta)
	roundTrip(t, filled[tree.TermRecord](t), (*codec).term)
	roundTrip(t, filled[tree.ProviderRecord](t), (*codec).provider)
	roundTrip(t, filled[tree.ConsumerRecord](t), (*codec).consumer)
	roundTrip(t, snapshotHeader{1000, start, filled[tree.Meta](t), uuid(7), nil}, (*codec).header)
	roundTrip(t, snapshotHeader{1000, start, filled[tree.Meta](t), uuid(7), []JoinToken{{ID: "a", Hash: [32]byte{0: 1, 31: 2}, Node: "n4", By: "ann", Made: start, Expires: start + 1, UsedBy: "n4@x", Used: start + 2}}}, (*codec).headerWithTokens)
	roundTrip(t, answer{uuid(1), fingerprint{0: 1, 15: 2}, 3000, 4000, []byte("outcome")}, (*codec).answer)
	roundTrip(t, [recordFooter]uint64{0, 1, 2, 300, 4, 5, 6}, (*codec).counts)
}

func TestSnapshotRoundTrips(t *testing.T) {
	j := newJournal(t, nil)
	for _, furnish := range []func(){
		func() {},
		j.furnish,
		func() { j.refuse(tree.CodeTraitNotFound, tree.RemoveTrait{Trait: "CUSTOM_NOBODY"}) },
		func() { j.at += 61 * minute; j.do(tree.CreateTrait{Trait: "CUSTOM_LATE"}) },
		func() { j.index += 100; j.m.Advance(j.index) },
	} {
		furnish()
		before := j.m.View()
		b := snapshot(t, before)
		var both bytes.Buffer
		if digest, err := before.WriteSnapshotDigest(&both); err != nil || digest != before.Digest() || !bytes.Equal(both.Bytes(), b) {
			t.Errorf("in one walk: digest %x, %v", digest, err)
		}
		m := New(nil)
		// A reader that gives one byte at a time, as a network may.
		if err := m.Restore(iotest.OneByteReader(bytes.NewReader(b))); err != nil {
			t.Fatal(err)
		}
		wantSameView(t, before, m.View())
		if err := m.View().Tree.Check(); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(snapshot(t, m.View()), b) {
			t.Error("the restored view is written differently")
		}
	}
	v := smallView(t)
	back, err := ReadSnapshot(bytes.NewReader(snapshot(t, v)))
	if err != nil {
		t.Fatal(err)
	}
	wantSameView(t, v, back)
}

// TestRestoreReplacesEverything restores over a machine that has other things.
func TestRestoreReplacesEverything(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	v := smallView(t)
	if err := j.m.Restore(bytes.NewReader(snapshot(t, v))); err != nil {
		t.Fatal(err)
	}
	wantSameView(t, v, j.m.View())
	j.index = v.Index
	j.do(tree.CreateTrait{Trait: "CUSTOM_A"})
}

// TestDigestSeesEverything changes one thing after the other. The digests also
// differ from each other: the count of transactions alone would tell each of
// the states from the one before it.
func TestDigestSeesEverything(t *testing.T) {
	seen := map[[32]byte]string{}
	sameEffect := map[[2]string]bool{
		{"remove subtree", "remove provider"}:     true,
		{"upsert inventories", "add inventories"}: true,
	}
	for _, d := range deeds() {
		j := newJournal(t, nil)
		j.furnish()
		digest := j.m.View().Digest()
		seen[digest] = "nothing"
		j.do(d.op)
		digest = j.m.View().Digest()
		if other, ok := seen[digest]; ok && !sameEffect[[2]string{d.name, other}] && !sameEffect[[2]string{other, d.name}] {
			t.Errorf("%s and %s lead to the same digest", d.name, other)
		}
		seen[digest] = d.name
	}
	// The memory of answers, the index and log time have no part in it.
	j := newJournal(t, nil)
	j.furnish()
	before := j.m.View().Digest()
	j.refuse(tree.CodeTraitNotFound, tree.RemoveTrait{Trait: "CUSTOM_NOBODY"})
	if j.m.View().Digest() != before {
		t.Error("a refusal changed the digest")
	}
}

// TestDeterministicBytes feeds one log to two machines, one of which was
// restored on the way.
func TestDeterministicBytes(t *testing.T) {
	log := func(m *Machine, half func() *Machine) *Machine {
		j := newJournal(t, nil)
		j.m = m
		j.furnish()
		j.m = half()
		for i, d := range deeds() {
			j.apply(j.command(d.op)) // some are refused, by what went before
			if i%5 == 0 {
				j.at += 10 * minute
			}
		}
		return j.m
	}
	a, b := New(nil), New(nil)
	straight := log(a, func() *Machine { return a })
	restored := log(b, func() *Machine {
		m := New(nil)
		if err := m.Restore(bytes.NewReader(snapshot(t, b.View()))); err != nil {
			t.Fatal(err)
		}
		return m
	})
	if !bytes.Equal(snapshot(t, straight.View()), snapshot(t, restored.View())) {
		t.Error("the snapshots differ")
	}
	if !bytes.Equal(snapshot(t, straight.View()), snapshot(t, straight.View())) {
		t.Error("one view is written in two ways")
	}
}

// TestCapture writes a view after the machine has gone on: deeds of every kind
// leave what was captured as it was.
func TestCapture(t *testing.T) {
	for _, d := range deeds() {
		j := newJournal(t, nil)
		j.furnish()
		captured := j.m.View()
		before := snapshot(t, captured)
		j.do(d.op)
		j.at += 2 * 60 * minute // everything is forgotten
		j.do(tree.CreateProvider{UUID: uuid(99), Name: "later"})
		if !bytes.Equal(snapshot(t, captured), before) {
			t.Errorf("%s: the captured view has changed", d.name)
		}
		if bytes.Equal(snapshot(t, j.m.View()), before) {
			t.Errorf("%s: nothing has changed", d.name)
		}
	}
}

// TestWriteWhileApplying writes captures and reads views while entries are
// applied. The race detector watches.
func TestWriteWhileApplying(t *testing.T) {
	j := newJournal(t, nil)
	j.furnish()
	type capture struct {
		view   *View
		digest [32]byte
	}
	captures := make(chan capture)
	failed := make(chan error, 2)
	for range 2 { // two writers of one view also race if any of them writes to it
		go func() {
			var err error
			for c := range captures {
				for p := range c.view.Tree.Providers(0) {
					_ = len(p.Traits()) + len(p.Aggregates()) + len(p.Inventories())
				}
				var b bytes.Buffer
				err = errors.Join(err, c.view.WriteSnapshot(&b))
				v, readErr := ReadSnapshot(&b)
				if err = errors.Join(err, readErr); err == nil && v.Digest() != c.digest {
					err = fmt.Errorf("index %d: what was written is not what was captured", c.view.Index)
				}
			}
			failed <- err
		}()
	}
	for n := range 60 {
		v := j.m.View()
		c := capture{v, v.Digest()}
		captures <- c
		captures <- c
		name := fmt.Sprintf("child%d", n)
		for _, op := range []tree.Op{
			tree.CreateProvider{UUID: uuid(200 + n), Name: name, Parent: tree.ByName("host")},
			tree.ChangeTraits{Provider: tree.ByName(name), Traits: []string{"CUSTOM_FAST", "HW_CPU_X86_AVX"}},
			tree.ChangeTraits{Provider: tree.ByName("spare"), Mode: tree.ChangeMode(n % 3), Traits: []string{"CUSTOM_FAST", "HW_CPU_X86_AVX"}}, //nolint:gosec // below 3
			tree.ChangeAggregates{Provider: tree.ByName("spare"), Mode: tree.ChangeMode(n % 3), Aggregates: []tree.UUID{uuid(50)}},             //nolint:gosec // below 3
			tree.Claim{Consumers: []tree.ConsumerClaim{claim(100+n, "numa0", "VCPU", 1)}},
		} {
			j.do(op)
		}
		j.at += minute * 2
	}
	close(captures)
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// TestLargeRecord has a provider with more devices than fit into any one
// buffer: what grew by many commands must be restored as well.
func TestLargeRecord(t *testing.T) {
	j := newJournal(t, nil)
	j.do(tree.CreateProvider{UUID: uuid(1), Name: "host"})
	var devices []tree.Device
	metadata := string(bytes.Repeat([]byte("x"), 4096))
	for n := range 4500 {
		devices = append(devices, tree.Device{Class: "PCI_DEVICE", Identifier: fmt.Sprint(n), Metadata: metadata})
	}
	j.do(tree.ChangeResources{Provider: tree.ByName("host"), Devices: devices})
	b := snapshot(t, j.m.View())
	if len(b) < 17<<20 {
		t.Fatalf("the snapshot has %d bytes only", len(b))
	}
	m := New(nil)
	if err := m.Restore(bytes.NewReader(b)); err != nil {
		t.Fatal(err)
	}
	wantSameView(t, j.m.View(), m.View())
}

// fullDisk takes n bytes.
type fullDisk struct{ n int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(b []byte) (int, error) {
	if len(b) > d.n {
		return 0, errFull
	}
	d.n -= len(b)
	return len(b), nil
}

func TestWriteErrorsAreReturned(t *testing.T) {
	j := newJournal(t, nil)
	for n := range 400 { // more than one buffer
		j.do(tree.CreateProvider{UUID: uuid(n + 1), Name: fmt.Sprintf("%0200d", n)})
	}
	size := len(snapshot(t, j.m.View()))
	for _, n := range []int{0, 1, size / 4, size / 2, size - 1} {
		if err := j.m.View().WriteSnapshot(&fullDisk{n}); !errors.Is(err, errFull) {
			t.Errorf("room for %d of %d bytes: error %v", n, size, err)
		}
	}
	if err := j.m.View().WriteSnapshot(&fullDisk{size}); err != nil {
		t.Error(err)
	}
}

func TestReadErrorsAreReturned(t *testing.T) {
	broken := errors.New("broken disk")
	b := snapshot(t, smallView(t))
	for n := range len(b) + 1 {
		from := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(broken))
		if _, err := ReadSnapshot(from); err == nil || n < len(b) && !errors.Is(err, broken) {
			t.Fatalf("a disk broken after %d of %d bytes: %v", n, len(b), err)
		}
	}
}
