package logstore_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/logstore"
)

// gatedLog is a log whose writes wait for the test.
type gatedLog struct {
	*raft.InmemStore
	pass    chan error // each write takes one
	begun   chan int   // told how many entries a write has
	deletes atomic.Int64
}

func (g *gatedLog) StoreLogs(logs []*raft.Log) error {
	g.begun <- len(logs)
	if err := <-g.pass; err != nil {
		return err
	}
	return g.InmemStore.StoreLogs(logs)
}

func (g *gatedLog) DeleteRange(lo, hi uint64) error {
	g.deletes.Add(1)
	return g.InmemStore.DeleteRange(lo, hi)
}

type aheadTest struct {
	*testing.T
	*logstore.Ahead
	log   *gatedLog
	leads atomic.Bool
}

// newAhead returns one of a leader, before a log with the entry 1.
func newAhead(t *testing.T) *aheadTest {
	t.Helper()
	g := &gatedLog{InmemStore: raft.NewInmemStore(), pass: make(chan error), begun: make(chan int, 16)}
	if err := g.InmemStore.StoreLogs(commands(1, 1)); err != nil {
		t.Fatal(err)
	}
	a := &aheadTest{T: t, log: g}
	a.leads.Store(true)
	a.Ahead = logstore.NewAhead(g, a.leads.Load)
	return a
}

func commands(from, to uint64) []*raft.Log {
	var logs []*raft.Log
	for i := from; i <= to; i++ {
		logs = append(logs, &raft.Log{Index: i, Term: 1, Type: raft.LogCommand, Data: fmt.Append(nil, i)})
	}
	return logs
}

func (a *aheadTest) store(from, to uint64) {
	a.Helper()
	if err := a.StoreLogs(commands(from, to)); err != nil {
		a.Fatal(err)
	}
}

// during runs f in the background and returns what waits for its end; it fails
// the test if f ends before that is called, which only a bug can make happen.
func (a *aheadTest) during(what string, f func() error) func() error {
	a.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		a.Fatalf("%s did not wait: %v", what, err)
	case <-time.After(20 * time.Millisecond):
	}
	return func() error {
		a.Helper()
		select {
		case err := <-done:
			return err
		case <-time.After(10 * time.Second):
			a.Fatalf("%s waits for ever", what)
			return nil
		}
	}
}

func TestAheadIsSeenByALeader(t *testing.T) {
	a := newAhead(t)
	a.store(2, 3)
	a.store(4, 4)
	if last, err := a.LastIndex(); last != 4 || err != nil {
		t.Errorf("the last index is %d: %v", last, err)
	}
	for i := uint64(1); i <= 4; i++ {
		var l raft.Log
		if err := a.GetLog(i, &l); err != nil || l.Index != i {
			t.Errorf("entry %d: %v, %v", i, l, err)
		}
	}
	if last, _ := a.log.LastIndex(); last != 1 {
		t.Fatalf("the log has entry %d already", last)
	}
	a.log.pass <- nil
	if n := <-a.log.begun; n != 2 && n != 3 {
		t.Errorf("first %d entries were written", n)
	}
	go func() {
		for range a.log.begun {
		}
	}()
	go func() {
		for {
			a.log.pass <- nil
		}
	}()
	a.Close()
	if last, _ := a.log.LastIndex(); last != 4 {
		t.Errorf("after Close the log ends at %d", last)
	}
	if a.Taken() != 3 {
		t.Errorf("%d entries were taken ahead", a.Taken())
	}
}

// Whoever is told that an entry is there must find it on the disk, but for the
// goroutines of a leader.
func TestAheadWaitsForTheDisk(t *testing.T) {
	for _, c := range []struct {
		name string
		call func(a *aheadTest) error
	}{
		{"Written", func(a *aheadTest) error { return a.Written(2, nil) }},
		{"GetLog of a follower", func(a *aheadTest) error {
			a.leads.Store(false)
			return a.GetLog(2, new(raft.Log))
		}},
		{"StoreLogs of a follower", func(a *aheadTest) error {
			a.leads.Store(false)
			return a.StoreLogs(commands(3, 3))
		}},
		{"StoreLogs of a configuration", func(a *aheadTest) error {
			l := commands(3, 3)
			l[0].Type = raft.LogConfiguration
			return a.StoreLogs(l)
		}},
		{"StoreLogs of too much", func(a *aheadTest) error { return a.StoreLogs(commands(3, 300)) }},
		{"DeleteRange", func(a *aheadTest) error { return a.DeleteRange(1, 1) }},
		{"Close", func(a *aheadTest) error {
			a.Close()
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAhead(t)
			a.store(2, 2)
			<-a.log.begun
			end := a.during(c.name, func() error { return c.call(a) })
			go func() {
				for {
					a.log.pass <- nil
				}
			}()
			if err := end(); err != nil {
				t.Error(err)
			}
			if last, _ := a.log.LastIndex(); last < 2 {
				t.Errorf("the log ends at %d", last)
			}
		})
	}
}

func TestAheadAfterAFailedWrite(t *testing.T) {
	a := newAhead(t)
	a.store(2, 2)
	end := a.during("Written", func() error { return a.Written(2, nil) })
	broken := errors.New("the disk is broken")
	a.log.pass <- broken
	// Before it is known, entries are still taken: the caller of Written learns
	// of it once it is.
	if err := end(); !errors.Is(err, broken) {
		t.Errorf("Written: %v", err)
	}
	calls := map[string]func() error{
		"Written after":   func() error { return a.Written(2, nil) },
		"StoreLogs":       func() error { return a.StoreLogs(commands(3, 3)) },
		"StoreLogs again": func() error { return a.StoreLogs(commands(2, 2)) },
		"DeleteRange":     func() error { return a.DeleteRange(1, 1) },
		"GetLog of a follower": func() error {
			a.leads.Store(false)
			return a.GetLog(2, new(raft.Log))
		},
	}
	for name, call := range calls {
		if err := call(); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	a.Close()
	if last, _ := a.log.LastIndex(); last != 1 || a.log.deletes.Load() != 0 {
		t.Errorf("the log ends at %d, %d deletions", last, a.log.deletes.Load())
	}
}

func TestAheadWrittenIsGivenUp(t *testing.T) {
	a := newAhead(t)
	a.store(2, 2)
	gone := make(chan struct{})
	end := a.during("Written", func() error { return a.Written(2, gone) })
	close(gone)
	if err := end(); !errors.Is(err, logstore.ErrClosed) {
		t.Error(err)
	}
	a.log.pass <- nil
	a.Close()
}

// What is out of order is for the log to refuse.
func TestAheadKeepsTheOrder(t *testing.T) {
	path := t.TempDir() + "/raft-wal"
	store, err := logstore.Open(path, logstore.Options{Engine: logstore.EngineWAL})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := logstore.NewAhead(store, func() bool { return true })
	defer a.Close()
	if err := a.StoreLogs(commands(1, 3)); err != nil {
		t.Fatal(err)
	}
	var order *logstore.OrderError
	for _, logs := range [][]*raft.Log{commands(5, 5), commands(3, 3), {commands(4, 4)[0], commands(6, 6)[0]}, {nil}} {
		if err := a.StoreLogs(logs); !errors.As(err, &order) {
			t.Errorf("%v: %v", logs, err)
		}
	}
	if err := a.StoreLogs(commands(4, 5)); err != nil {
		t.Fatal(err)
	}
	if err := a.Written(5, nil); err != nil {
		t.Fatal(err)
	}
	if last, err := store.LastIndex(); last != 5 || err != nil {
		t.Errorf("the log ends at %d: %v", last, err)
	}
}
