package logstore

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// faulty is an inner store of which calls can be made to fail or to hang.
type faulty struct {
	Inner
	mu     sync.Mutex
	before func(op Op) error
	writes atomic.Int64 // writes that reached the real store
}

func (f *faulty) inject(before func(op Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before = before
}

func (f *faulty) check(op Op) error {
	f.mu.Lock()
	before := f.before
	f.mu.Unlock()
	if before != nil {
		if err := before(op); err != nil {
			return err
		}
	}
	if op.changesDisk() {
		f.writes.Add(1)
	}
	return nil
}

func (f *faulty) GetLog(index uint64, l *raft.Log) error {
	if err := f.check(OpGetLog); err != nil {
		return err
	}
	return f.Inner.GetLog(index, l)
}

func (f *faulty) StoreLogs(logs []*raft.Log) error {
	if err := f.check(OpStoreLogs); err != nil {
		return err
	}
	return f.Inner.StoreLogs(logs)
}

func (f *faulty) DeleteRange(lo, hi uint64) error {
	if err := f.check(OpDeleteRange); err != nil {
		return err
	}
	return f.Inner.DeleteRange(lo, hi)
}

func (f *faulty) Get(key []byte) ([]byte, error) {
	if err := f.check(OpGet); err != nil {
		return nil, err
	}
	return f.Inner.Get(key)
}

func (f *faulty) Set(key, value []byte) error {
	if err := f.check(OpSet); err != nil {
		return err
	}
	return f.Inner.Set(key, value)
}

func newFaulty(t *testing.T, opts Options) (*Store, *faulty) {
	t.Helper()
	path := dbPath(t)
	bolt, err := raftboltdb.NewBoltStore(path)
	if err != nil {
		t.Fatal(err)
	}
	inner := &faulty{Inner: bolt}
	s, err := New(path, inner, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, inner
}

var errDisk = errors.New("injected disk failure")

func failOn(which Op) func(Op) error {
	return func(op Op) error {
		if op == which {
			return errDisk
		}
		return nil
	}
}

func panicOn(which Op) func(Op) error {
	return func(op Op) error {
		if op == which {
			panic("injected panic")
		}
		return nil
	}
}

// writes are the three kinds of writes, each of which fits the log 1 to 10.
var writes = map[Op]func(*Store) error{
	OpStoreLogs:   func(s *Store) error { return s.StoreLogs(run(11, 1)) },
	OpDeleteRange: func(s *Store) error { return s.DeleteRange(1, 3) },
	OpSet:         func(s *Store) error { return s.SetUint64([]byte("k"), 2) },
}

func TestFailedWritePoisons(t *testing.T) {
	for op, write := range writes {
		for name, injected := range map[string]func(Op) error{"error": failOn(op), "panic": panicOn(op)} {
			t.Run(string(op)+" "+name, func(t *testing.T) {
				var told failures
				s, inner := newFaulty(t, Options{OnFailure: told.add})
				mustStore(t, s, run(1, 10)...)
				if err := s.SetUint64([]byte("k"), 1); err != nil {
					t.Fatal(err)
				}
				inner.inject(injected)
				first := write(s)
				var failed *WriteError
				if !errors.As(first, &failed) || failed.Op != op {
					t.Fatalf("got %v", first)
				}
				if name == "error" && !errors.Is(first, errDisk) {
					t.Fatalf("%v does not have the cause", first)
				}
				inner.inject(nil) // the disk is well again, which must not matter
				reached := inner.writes.Load()
				for other, write := range writes {
					if err := write(s); err != first { //nolint:errorlint // the very same error is promised
						t.Errorf("%s after the failure: %v", other, err)
					}
				}
				if got := inner.writes.Load(); got != reached {
					t.Errorf("%d writes reached the disk after the failure", got-reached)
				}
				if s.Err() != first { //nolint:errorlint // the very same error is promised
					t.Errorf("Err is %v", s.Err())
				}
				if got := told.all(); len(got) != 1 || got[0] != first { //nolint:errorlint // the very same error is promised
					t.Errorf("OnFailure was told %v", got)
				}
				if err := s.GetLog(5, &raft.Log{}); err != nil {
					t.Errorf("reading after the failure: %v", err)
				}
				if n, err := s.GetUint64([]byte("k")); err != nil || n != 1 {
					t.Errorf("reading after the failure: %d, %v", n, err)
				}
			})
		}
	}
}

// TestNoWriteOvertakesAFailure lets writes queue up behind one that fails.
func TestNoWriteOvertakesAFailure(t *testing.T) {
	s, inner := newFaulty(t, Options{})
	mustStore(t, s, run(1, 10)...)
	reached := inner.writes.Load()
	started, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	inner.inject(func(Op) error {
		failing := false
		once.Do(func() { failing = true })
		if !failing {
			return nil
		}
		close(started)
		<-release
		return errDisk
	})
	results := make(chan error)
	go func() { results <- s.StoreLogs(run(11, 1)) }()
	<-started
	for range 5 {
		go func() { results <- s.SetUint64([]byte("k"), 1) }()
	}
	close(release)
	for range 6 {
		if err := <-results; !errors.Is(err, errDisk) {
			t.Errorf("got %v", err)
		}
	}
	if got := inner.writes.Load(); got != reached {
		t.Errorf("%d writes reached the disk", got-reached)
	}
}

// TestUnsureDeletion: a deletion that failed may have happened.
func TestUnsureDeletion(t *testing.T) {
	var told failures
	s, inner := newFaulty(t, Options{OnFailure: told.add})
	mustStore(t, s, run(1, 10)...)
	inner.inject(func(op Op) error {
		if op != OpDeleteRange {
			return nil
		}
		return errors.Join(errDisk, inner.Inner.DeleteRange(1, 3))
	})
	if err := s.DeleteRange(1, 3); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	if err := s.GetLog(2, &raft.Log{}); !errors.Is(err, errDisk) {
		t.Errorf("an entry that may be deleted: %v", err)
	}
	if len(told.all()) != 1 {
		t.Errorf("OnFailure was told %v", told.all())
	}
}

func TestFailedReadIsCorruption(t *testing.T) {
	for _, injected := range []func(Op) error{failOn(OpGetLog), panicOn(OpGetLog)} {
		var told failures
		s, inner := newFaulty(t, Options{OnFailure: told.add})
		mustStore(t, s, run(1, 10)...)
		inner.inject(injected)
		var corrupt *CorruptError
		for range 3 {
			if err := s.GetLog(4, &raft.Log{}); !errors.As(err, &corrupt) || corrupt.Index != 4 {
				t.Fatal(err)
			}
		}
		if len(told.all()) != 1 {
			t.Errorf("OnFailure was told %v", told.all())
		}
		if err := s.StoreLogs(run(11, 1)); err != nil {
			t.Errorf("a bad read must not stop writes: %v", err)
		}
	}
}

// TestOwnerIsToldFirst: no caller gets an error before the owner has heard of
// the damage, not even one that finds it second.
func TestOwnerIsToldFirst(t *testing.T) {
	telling, heard := make(chan struct{}), make(chan struct{})
	s, inner := newFaulty(t, Options{OnFailure: func(error) { close(telling); <-heard }})
	mustStore(t, s, run(1, 10)...)
	inner.inject(failOn(OpGetLog))
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- s.GetLog(4, &raft.Log{}) }()
	}
	<-telling
	select {
	case err := <-results:
		t.Fatalf("a caller got %v while the owner was being told", err)
	case <-time.After(20 * time.Millisecond): // nothing may happen; there is no event to wait for
	}
	close(heard)
	for range 2 {
		if err := <-results; !errors.As(err, new(*CorruptError)) {
			t.Error(err)
		}
	}
}

func TestWatchdog(t *testing.T) {
	calls := map[Op]func(*Store) error{
		OpGetLog: func(s *Store) error { return s.GetLog(5, &raft.Log{}) },
		OpGet:    func(s *Store) error { _, err := s.GetUint64([]byte("k")); return err },
	}
	for op, write := range writes {
		calls[op] = write
	}
	for op, call := range calls {
		t.Run(string(op), func(t *testing.T) {
			const timeout = 20 * time.Millisecond
			told := make(chan error, 10)
			s, inner := newFaulty(t, Options{OnFailure: func(err error) { told <- err }})
			if err := errors.Join(s.StoreLogs(run(1, 10)), s.SetUint64([]byte("k"), 1)); err != nil {
				t.Fatal(err)
			}
			s.watch.timeout = timeout // only now: what went before may have been slow
			release := make(chan struct{})
			inner.inject(func(o Op) error {
				if o == op {
					<-release
				}
				return nil
			})
			result := make(chan error)
			go func() { result <- call(s) }()
			var stall *StallError
			if err := <-told; !errors.As(err, &stall) || stall.Op != op || stall.After < timeout || stall.Path != s.Path() {
				t.Fatalf("told %v", err)
			}
			if !op.changesDisk() {
				if s.Err() != nil {
					t.Errorf("a stalled read poisoned the store: %v", s.Err())
				}
				close(release)
				if err := <-result; err != nil {
					t.Error(err)
				}
				return
			}
			// A write behind the stalled one must not reach the disk, even when
			// the disk comes back.
			if !errors.As(s.Err(), &stall) {
				t.Errorf("Err is %v", s.Err())
			}
			behind := make(chan error)
			go func() { behind <- s.SetUint64([]byte("behind"), 1) }()
			reached := inner.writes.Load()
			close(release)
			if err := <-result; err != nil {
				t.Errorf("the stalled write itself: %v", err)
			}
			if err := <-behind; !errors.As(err, &stall) {
				t.Errorf("the write behind: %v", err)
			}
			if got := inner.writes.Load(); got != reached+1 {
				t.Errorf("%d writes reached the disk, want the stalled one", got-reached)
			}
			select {
			case err := <-told:
				t.Errorf("told again: %v", err)
			default:
			}
		})
	}
}

func TestStallDuringOpen(t *testing.T) {
	bolt, err := raftboltdb.NewBoltStore(dbPath(t))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan error, 1)
	inner := &faulty{Inner: bolt}
	inner.inject(func(op Op) error {
		if op == OpSet {
			if err := <-told; !errors.As(err, new(*StallError)) {
				t.Error(err)
			}
		}
		return nil
	})
	s, err := New("x", inner, Options{StallTimeout: time.Millisecond, OnFailure: func(err error) { told <- err }})
	if err != nil {
		t.Fatal(err)
	}
	s.watch.timeout = time.Hour
	mustClose(t, s)
}

func TestNewFails(t *testing.T) {
	for _, op := range []Op{OpGet, OpSet} {
		bolt, err := raftboltdb.NewBoltStore(dbPath(t))
		if err != nil {
			t.Fatal(err)
		}
		inner := &faulty{Inner: bolt}
		inner.inject(failOn(op))
		var open *OpenError
		if _, err := New("some file", inner, Options{}); !errors.As(err, &open) || open.Path != "some file" || !errors.Is(err, errDisk) {
			t.Errorf("%s: %v", op, err)
		}
		if err := bolt.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
