package logstore

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/failpoint"
)

// DefaultStallTimeout is how long a call may be in flight before it is
// reported.
const DefaultStallTimeout = 5 * time.Second

// DefaultScrubPerSecond is how many entries Scrub verifies in a second.
const DefaultScrubPerSecond = 1000

// Engine names what keeps the bytes below a Store.
type Engine string

// The engines.
const (
	// EngineBolt is raft-boltdb: one file, pages written in place.
	EngineBolt Engine = "bolt"
	// EngineWAL is raft-wal: a directory of segments that are only appended to.
	EngineWAL Engine = "wal"
)

// Options are the choices of a Store. The zero value is usable.
type Options struct {
	// Engine is the engine of a store that is opened. Empty means EngineBolt.
	Engine Engine
	// StallTimeout is how long a call may be in flight. 0 means
	// DefaultStallTimeout.
	StallTimeout time.Duration
	// OnFailure is told of the first failure of each kind: a *StallError,
	// a *WriteError, a *CorruptError. See the package's doc for what it may do.
	OnFailure func(error)
	// Observe is told how long each call took. It runs on the caller's
	// goroutine and must be quick. May be nil.
	Observe func(op Op, d time.Duration)
	// Wrap is for tests: what Open puts between the store and the disk. May be
	// nil.
	Wrap func(Inner) Inner
	// ScrubPerSecond bounds the speed of Scrub, in entries. 0 means
	// DefaultScrubPerSecond.
	ScrubPerSecond int
	// Keys are what entries are encrypted with, and decrypted. Nil for none.
	Keys *atrest.Ring
}

func (o Options) check() (Options, error) {
	switch {
	case o.Engine != "" && o.Engine != EngineBolt && o.Engine != EngineWAL:
		return o, fmt.Errorf("Engine %q is none of %s, %s", o.Engine, EngineBolt, EngineWAL)
	case o.StallTimeout < 0:
		return o, fmt.Errorf("StallTimeout is negative: %v", o.StallTimeout)
	case o.ScrubPerSecond < 0:
		return o, fmt.Errorf("ScrubPerSecond is negative: %d", o.ScrubPerSecond)
	}
	if o.StallTimeout == 0 {
		o.StallTimeout = DefaultStallTimeout
	}
	if o.ScrubPerSecond == 0 {
		o.ScrubPerSecond = DefaultScrubPerSecond
	}
	return o, nil
}

// Inner is what a Store wraps. It is the seam for tests that inject failures;
// Open uses raft-boltdb. A missing key is raftboltdb.ErrKeyNotFound, a missing
// entry raft.ErrLogNotFound.
type Inner interface {
	raft.LogStore
	Get(key []byte) ([]byte, error)
	Set(key, value []byte) error
	Close() error
}

// Store is a raft.LogStore, a raft.StableStore and a raft.MonotonicLogStore.
// All methods may be called concurrently.
type Store struct {
	path   string
	opts   Options
	inner  Inner
	watch  *watchdog
	closed atomic.Bool

	// poison is the failure after which no write reaches the disk.
	poison atomic.Pointer[error]

	// writing is held by the one write in flight, so that no write can start
	// between another one's failure and its being noticed.
	writing sync.Mutex
	keys    []string // the stable keys ever set; under writing

	// The indexes that are stored, both inclusive, 0 when there are none. They
	// change after the disk did, with writing held as well.
	rangeMu     sync.RWMutex
	first, last uint64
	// usage is which keys the entries have, and taken the key that the last write
	// took; as first and last are.
	usage keyUsage
	taken atrest.Ref
}

var (
	_ raft.LogStore          = (*Store)(nil)
	_ raft.StableStore       = (*Store)(nil)
	_ raft.MonotonicLogStore = (*Store)(nil)
)

// New wraps inner, which it closes at Close. The path names the store in
// errors only. On error inner is left open.
func New(path string, inner Inner, opts Options) (*Store, error) {
	opts, err := opts.check()
	if err != nil {
		return nil, &OpenError{Path: path, Err: err}
	}
	s := &Store{path: path, opts: opts, inner: inner}
	s.watch = &watchdog{path: path, timeout: opts.StallTimeout, observe: opts.Observe, failure: opts.OnFailure, stalled: s.stall}
	f := s.watch.begin(OpOpen)
	defer s.watch.end(f)
	if err := guard(s.load); err != nil {
		return nil, openFailure(path, err)
	}
	opts.Keys.Use("the log", s.KeysInUse)
	return s, nil
}

func (s *Store) load() (err error) {
	if s.first, err = s.inner.FirstIndex(); err != nil {
		return err
	}
	if s.last, err = s.inner.LastIndex(); err != nil {
		return err
	}
	if err := s.loadHeader(); err != nil {
		return err
	}
	return s.loadUsage()
}

// Path returns the file's path.
func (s *Store) Path() string { return s.path }

// Err returns the failure that poisoned the store, or nil: a *WriteError or
// a *StallError.
func (s *Store) Err() error {
	if p := s.poison.Load(); p != nil {
		return *p
	}
	return nil
}

// IsMonotonic implements raft.MonotonicLogStore: the log has no gaps.
func (s *Store) IsMonotonic() bool { return true }

// Range returns the first and the last index stored, 0 and 0 when there are
// none.
func (s *Store) Range() (first, last uint64) {
	s.rangeMu.RLock()
	defer s.rangeMu.RUnlock()
	return s.first, s.last
}

// FirstIndex implements raft.LogStore.
func (s *Store) FirstIndex() (uint64, error) {
	if s.closed.Load() {
		return 0, ErrClosed
	}
	first, _ := s.Range()
	return first, nil
}

// LastIndex implements raft.LogStore.
func (s *Store) LastIndex() (uint64, error) {
	if s.closed.Load() {
		return 0, ErrClosed
	}
	_, last := s.Range()
	return last, nil
}

// GetLog implements raft.LogStore. It fills l with the entry at index, or
// returns raft.ErrLogNotFound, a *CorruptError or ErrClosed and leaves l as it
// is.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	return s.getLog(OpGetLog, index, l)
}

func (s *Store) getLog(op Op, index uint64, l *raft.Log) error {
	if s.closed.Load() {
		return ErrClosed
	}
	f := s.watch.begin(op)
	defer s.watch.end(f)
	err := s.read(index, l)
	if err != nil {
		err = s.readAgain(index, l)
	}
	var corrupt *CorruptError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrLogNotFound):
		return raft.ErrLogNotFound // Raft compares with ==
	case s.closed.Load():
		return ErrClosed
	case err == s.Err(): //nolint:errorlint // the very value that readAgain returned
		return err
	case errors.As(err, new(*atrest.MissingKeyError)):
		return err
	case errors.As(err, &corrupt):
	default:
		corrupt = &CorruptError{Path: s.path, Index: index, Reason: "the record can't be read", Err: err}
	}
	if inner, ok := s.inner.(interface{ fileOf(index uint64) string }); ok && corrupt.Path == s.path {
		if file := inner.fileOf(index); file != "" {
			corrupt.Path = file
		}
	}
	return s.watch.corrupt(corrupt)
}

// read reads and verifies an entry.
func (s *Store) read(index uint64, l *raft.Log) error {
	var outer raft.Log
	if err := guard(func() error { return s.inner.GetLog(index, &outer) }); err != nil {
		return err
	}
	reason := verifyLog(index, &outer)
	var missing atrest.ID
	if reason == "" {
		reason, missing = openLog(&outer, l, s.opts.Keys.Keys())
	}
	switch {
	case reason != "":
		return &CorruptError{Path: s.path, Index: index, Reason: reason}
	case missing != atrest.ID{}:
		return s.missingKey(missing)
	}
	return nil
}

// readAgain looks again for an entry that could not be read, with writes held
// off: only then can a hole or damage be told from an entry that a write in
// flight added or removed, with its file perhaps.
func (s *Store) readAgain(index uint64, l *raft.Log) error {
	if first, last := s.Range(); index < first || index > last || index == 0 {
		return raft.ErrLogNotFound
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if first, last := s.Range(); index < first || index > last {
		return raft.ErrLogNotFound
	}
	err := s.read(index, l)
	if !errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	if poison := s.Err(); poison != nil {
		return poison // the failed write may have been a deletion
	}
	first, last := s.Range()
	return fmt.Errorf("it is missing between %d and %d", first, last)
}

// StoreLog implements raft.LogStore.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore: all entries are on disk when it returns
// nil. The first index must follow the last one stored, each other one its
// predecessor; if not, it returns an *OrderError and changes nothing.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	return s.write(OpStoreLogs, func() (func() error, error) {
		if len(logs) == 0 {
			return nil, nil
		}
		first, last := s.Range()
		next := last
		key := s.takeKey()
		sealed := make([]*raft.Log, len(logs))
		for i, l := range logs {
			switch {
			case l == nil:
				return nil, &OrderError{Path: s.path, Op: OpStoreLogs, Reason: fmt.Sprintf("entry %d of %d is nil", i, len(logs))}
			case l.Index == 0:
				return nil, &OrderError{Path: s.path, Op: OpStoreLogs, Reason: "an entry has index 0"}
			case next != 0 && l.Index != next+1:
				return nil, &OrderError{Path: s.path, Op: OpStoreLogs, Reason: fmt.Sprintf("entry %d does not follow entry %d", l.Index, next)}
			}
			next = l.Index
			var err error
			if sealed[i], err = sealLog(l, key); err != nil {
				return nil, err
			}
		}
		usage, changed := s.usage.begin(key, first, logs[0].Index)
		return func() error {
			if changed { // before the entries: they must not outlive the knowledge
				if err := s.setUsage(usage); err != nil {
					return err
				}
			}
			failpoint.Reach(failpoint.AppendBefore)
			if err := s.inner.StoreLogs(sealed); err != nil {
				return err
			}
			failpoint.Reach(failpoint.AppendAfter)
			if first == 0 {
				first = logs[0].Index
			}
			s.setRange(first, next)
			return nil
		}, nil
	})
}

// DeleteRange implements raft.LogStore: it removes the entries from lo to hi,
// both inclusive. Indexes that are not stored are ignored. A range that would
// leave entries on both sides is an *OrderError and changes nothing.
func (s *Store) DeleteRange(lo, hi uint64) error {
	return s.write(OpDeleteRange, func() (func() error, error) {
		first, last := s.Range()
		if last == 0 || lo > hi || lo > last || hi < first {
			return nil, nil
		}
		lo, hi := max(lo, first), min(hi, last)
		if lo > first && hi < last {
			return nil, &OrderError{Path: s.path, Op: OpDeleteRange,
				Reason: fmt.Sprintf("removing %d to %d leaves a gap in %d to %d", lo, hi, first, last)}
		}
		return func() error {
			failpoint.Reach(failpoint.TrimBefore)
			if err := s.inner.DeleteRange(lo, hi); err != nil {
				return err
			}
			failpoint.Reach(failpoint.TrimAfter)
			switch {
			case lo == first && hi == last:
				s.setRange(0, 0)
			case lo == first:
				s.setRange(hi+1, last)
			default:
				s.setRange(first, lo-1)
			}
			return nil
		}, nil
	})
}

func (s *Store) setRange(first, last uint64) {
	s.rangeMu.Lock()
	defer s.rangeMu.Unlock()
	s.first, s.last = first, last
}

// write runs one write. Its plan is made with the write lock held and yields
// the change of the disk, or nil if there is nothing to do, or an error that
// leaves the store as it is.
func (s *Store) write(op Op, plan func() (func() error, error)) error {
	if s.closed.Load() {
		return ErrClosed
	}
	f := s.watch.begin(op)
	defer s.watch.end(f)
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Load() {
		return ErrClosed
	}
	if err := s.Err(); err != nil {
		return err
	}
	change, err := plan()
	if err != nil || change == nil {
		return err
	}
	if err := guard(change); err != nil {
		failed := &WriteError{Path: s.path, Op: op, Err: err}
		first := s.fail(failed)
		s.watch.tell(&s.watch.writeOnce, failed)
		return first
	}
	return nil
}

// fail poisons the store with err unless it is poisoned already, and returns
// the first failure.
func (s *Store) fail(err error) error {
	s.poison.CompareAndSwap(nil, &err)
	return s.Err()
}

// stall poisons the store if the call that hangs is a write.
func (s *Store) stall(err *StallError) {
	if err.Op.changesDisk() {
		s.poison.CompareAndSwap(nil, ptr[error](err))
	}
}

func ptr[T any](v T) *T { return &v }

// Close waits for the calls in flight and closes the file. Closing again
// returns nil.
func (s *Store) Close() error {
	f := s.watch.begin(OpClose)
	defer s.watch.end(f)
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed.Swap(true) {
		return nil
	}
	if inner, ok := s.inner.(interface{ closeAsIs() error }); ok && (s.Err() != nil || s.watch.damaged.Load()) {
		return guard(inner.closeAsIs)
	}
	return guard(s.inner.Close)
}
