package simulation

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// class is what registers have an inventory of.
const class = "VCPU"

// firstTotal is what a register holds before the first write. A write's own
// value is above it.
const firstTotal = 1

// registerName is the provider that register i is.
func registerName(i int) string { return fmt.Sprintf("register%d", i) }

func total(n int64) []tree.InventoryOf {
	return []tree.InventoryOf{{Class: class, Inventory: tree.Inventory{Total: n, MinUnit: 1, MaxUnit: n, StepSize: 1, Ratio: tree.One}}}
}

// write is a command that changes one register. begun and ended are ticks;
// ended is 0 while its outcome is unknown.
type write struct {
	client, register int
	value            int64
	command          fsm.Command
	begun, ended     uint64
	revision, index  uint64
	tries            int
}

// writeOf changes the register twice: were it applied two times in a row, the
// generation would tell.
func writeOf(id tree.UUID, register int, value int64) fsm.Command {
	p := tree.ByName(registerName(register))
	return fsm.Command{RequestID: id, Txn: tree.Txn{Ops: []tree.Op{
		tree.SetInventories{Provider: p, Inventories: total(firstTotal)},
		tree.SetInventories{Provider: p, Inventories: total(value)},
	}}}
}

// read is what a read showed.
type read struct {
	client       int
	level        cluster.Level
	node         string
	begun, ended uint64
	index        uint64 // asked for
	view         *cluster.View
}

// record is everything that clients saw. All methods may be called
// concurrently.
type record struct {
	tick atomic.Uint64

	mu     sync.Mutex
	writes []*write
	reads  []*read
}

// now is a time that no two events share.
func (r *record) now() uint64 { return r.tick.Add(1) }

func (r *record) addWrite(w *write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writes = append(r.writes, w)
}

func (r *record) addRead(x *read) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads = append(r.reads, x)
}

// open returns the writes whose outcome is unknown.
func (r *record) open() []*write {
	r.mu.Lock()
	defer r.mu.Unlock()
	var open []*write
	for _, w := range r.writes {
		if w.ended == 0 {
			open = append(open, w)
		}
	}
	return open
}

// check judges the record of a history that has ended, with all outcomes known.
// first is the state that it began with, last the one at its end.
func (r *record) check(t testing.TB, first, last *cluster.View, registers int) {
	t.Helper()
	byRevision := slices.SortedFunc(slices.Values(r.writes), func(a, b *write) int { return cmp.Compare(a.revision, b.revision) })
	for i, w := range byRevision {
		switch {
		case w.ended == 0:
			t.Errorf("the outcome of %v is not known", w)
		case w.revision <= first.Tree.Revision():
			t.Errorf("%v has a revision from before it began", w)
		case i > 0 && w.revision == byRevision[i-1].revision:
			t.Errorf("%v and %v have the same revision", w, byRevision[i-1])
		case i > 0 && w.index < byRevision[i-1].index:
			t.Errorf("%v and %v have indexes in another order than revisions", w, byRevision[i-1])
		}
	}
	if want := first.Tree.Revision() + uint64(len(r.writes)); last.Tree.Revision() != want {
		t.Errorf("the last revision is %d, the writes make %d", last.Tree.Revision(), want)
	}
	r.checkContent(t, byRevision, first, append(slices.Clone(r.reads), &read{view: last, node: "the end", level: cluster.Linearizable}), registers)
	r.checkOrder(t)
}

func (w *write) String() string {
	return fmt.Sprintf("write of client %d to register %d (value %d, ticks %d to %d, index %d, revision %d, %d tries)",
		w.client, w.register, w.value, w.begun, w.ended, w.index, w.revision, w.tries)
}

func (x *read) String() string {
	return fmt.Sprintf("read of client %d on %s (level %d, ticks %d to %d, index %d, revision %d)",
		x.client, x.node, x.level, x.begun, x.ended, x.view.Index, x.view.Tree.Revision())
}

// checkContent compares each view with what the writes up to its revision make.
func (r *record) checkContent(t testing.TB, writes []*write, first *cluster.View, reads []*read, registers int) {
	t.Helper()
	slices.SortFunc(reads, func(a, b *read) int { return cmp.Compare(a.view.Tree.Revision(), b.view.Tree.Revision()) })
	values, counts := make([]int64, registers), make([]uint64, registers)
	for i := range values {
		values[i] = firstTotal
	}
	for _, x := range reads {
		if x.level == cluster.Stale && x.view.Tree.Revision() < first.Tree.Revision() {
			continue // a node that has just started, without registers yet
		}
		for len(writes) > 0 && writes[0].revision <= x.view.Tree.Revision() {
			values[writes[0].register] = writes[0].value
			counts[writes[0].register]++
			writes = writes[1:]
		}
		for i := range registers {
			before, _ := first.Tree.Find(tree.ByName(registerName(i)))
			p, ok := x.view.Tree.Find(tree.ByName(registerName(i)))
			if !ok {
				t.Errorf("%v: register %d is not there", x, i)
				continue
			}
			inventory, _ := p.Inventory(class)
			generation := before.Generation() + 2*counts[i]
			if inventory.Total != values[i] || p.Generation() != generation {
				t.Errorf("%v: register %d has value %d and generation %d; the writes make %d and %d",
					x, i, inventory.Total, p.Generation(), values[i], generation)
			}
		}
	}
}

// event is the begin or the end of an operation.
type event struct {
	tick, revision uint64
	begins         bool
	// above is by how much the revision must be above those of what has ended.
	above uint64
	what  fmt.Stringer
}

// checkOrder compares the revisions with the order of what did not overlap.
func (r *record) checkOrder(t testing.TB) {
	t.Helper()
	var events []event
	for _, w := range r.writes {
		events = append(events, event{w.begun, w.revision, true, 1, w}, event{w.ended, w.revision, false, 0, w})
	}
	for _, x := range r.reads {
		revision := x.view.Tree.Revision()
		// Whatever a read shows is committed, so what begins later is not below.
		events = append(events, event{x.ended, revision, false, 0, x})
		switch x.level {
		case cluster.Linearizable:
			events = append(events, event{x.begun, revision, true, 0, x})
		case cluster.Session:
			if x.view.Index < x.index {
				t.Errorf("%v shows less than index %d", x, x.index)
			}
		case cluster.Stale:
		}
	}
	slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.tick, b.tick) })
	floor, of := uint64(0), fmt.Stringer(&bytes.Buffer{})
	for _, e := range events {
		if e.begins && e.revision < floor+e.above {
			t.Errorf("%v began after the end of %v", e.what, of)
		}
		if !e.begins && e.revision > floor {
			floor, of = e.revision, e.what
		}
	}
}
