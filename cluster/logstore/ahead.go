package logstore

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// Ahead lets a leader send its new entries to the followers while its own disk
// still writes them, instead of one after the other (Ongaro's thesis, section
// 10.2.1, "Writing to the leader's disk in parallel"). It stands between Raft
// and a log.
//
// What StoreLogs took ahead is pending until the log has it. Raft believes that
// it is on disk, so that two rules keep that belief from doing harm, of which
// the second is the owner's:
//
//   - Nothing but a leader's own new commands is taken ahead. StoreLogs, and
//     GetLog on a node that does not lead, wait until nothing is pending: a
//     follower never tells a leader that it has an entry which is not on its
//     disk, be it one that it took ahead while it led.
//   - The owner lets no follower's answer for an entry reach Raft before
//     Written says that the entry is on this disk (package cluster's
//     transport). As the owner takes ahead only with two voters or more, no
//     entry is committed without such an answer, hence none that this node
//     has not on disk.
//
// All methods may be called concurrently, StoreLogs by one goroutine only.
type Ahead struct {
	log raft.LogStore
	// leads reports whether entries may be taken ahead now. It is called from
	// Raft's own goroutine and those that it reads the log from.
	leads func() bool

	mu      sync.Mutex
	changed *sync.Cond  // of pending, written, err, closed
	pending []*raft.Log // in order; the first are being written
	written uint64      // the last index that went through and is in the log
	err     error       // of the write that failed: nothing is written after
	closed  bool
	wakes   []wake // under mu

	taken atomic.Uint64
	done  chan struct{}
}

// wake is somebody who waits for an index.
type wake struct {
	index uint64
	ready chan struct{}
}

// pendingMax bounds the entries that wait for the disk. The owner has only a
// few under way at a time; this is against one that has not.
const pendingMax = 64

var _ raft.MonotonicLogStore = (*Ahead)(nil)

// NewAhead returns an Ahead before a log without gaps. Close ends it, and
// leaves the log open.
func NewAhead(log raft.LogStore, leads func() bool) *Ahead {
	a := &Ahead{log: log, leads: leads, done: make(chan struct{})}
	a.changed = sync.NewCond(&a.mu)
	go a.write()
	return a
}

// IsMonotonic implements raft.MonotonicLogStore.
func (a *Ahead) IsMonotonic() bool { return true }

// Taken returns how many entries were taken ahead so far.
func (a *Ahead) Taken() uint64 { return a.taken.Load() }

// FirstIndex implements raft.LogStore.
func (a *Ahead) FirstIndex() (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	first, err := a.log.FirstIndex()
	if err == nil && first == 0 && len(a.pending) > 0 {
		first = a.pending[0].Index
	}
	return first, err
}

// LastIndex implements raft.LogStore.
func (a *Ahead) LastIndex() (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.pending); n > 0 {
		return a.pending[n-1].Index, nil
	}
	return a.log.LastIndex()
}

// GetLog implements raft.LogStore. Errors are the log's.
func (a *Ahead) GetLog(index uint64, l *raft.Log) error {
	if p := a.find(index); p != nil {
		if a.leads() {
			*l = *p
			return nil
		}
		if err := a.drain(); err != nil {
			return err
		}
	}
	return a.log.GetLog(index, l)
}

func (a *Ahead) find(index uint64) *raft.Log {
	a.mu.Lock()
	defer a.mu.Unlock()
	if n := len(a.pending); n == 0 || index < a.pending[0].Index || index > a.pending[n-1].Index {
		return nil
	}
	return a.pending[index-a.pending[0].Index]
}

// StoreLog implements raft.LogStore.
func (a *Ahead) StoreLog(l *raft.Log) error { return a.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. The entries must not be changed after.
// Errors are the log's: those of this call, or of an earlier one that had
// returned nil, after which every call fails.
func (a *Ahead) StoreLogs(logs []*raft.Log) error {
	if a.mayTake(logs) {
		if taken, err := a.take(logs); taken || err != nil {
			return err
		}
	}
	if err := a.drain(); err != nil {
		return err
	}
	return a.log.StoreLogs(logs)
}

// take makes the entries pending, if they go on where the log and what is
// pending end, and there is room.
func (a *Ahead) take(logs []*raft.Log) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return false, a.err
	}
	if a.closed || len(a.pending)+len(logs) > pendingMax || !a.follows(logs) {
		return false, nil
	}
	a.pending = append(a.pending, logs...)
	a.taken.Add(uint64(len(logs)))
	a.changed.Broadcast()
	return true, nil
}

// mayTake reports whether entries can be taken ahead. Changes of the
// configuration can't: the voters that are counted would be others.
func (a *Ahead) mayTake(logs []*raft.Log) bool {
	for _, l := range logs {
		if l == nil || l.Type == raft.LogConfiguration {
			return false
		}
	}
	return len(logs) > 0 && a.leads()
}

// follows reports whether logs are in order behind what is there. What is not
// is for the log to refuse.
func (a *Ahead) follows(logs []*raft.Log) bool {
	last := uint64(0)
	if n := len(a.pending); n > 0 {
		last = a.pending[n-1].Index
	} else {
		var err error
		if last, err = a.log.LastIndex(); err != nil {
			return false
		}
	}
	for i, l := range logs {
		if l.Index != last+1+uint64(i) {
			return false
		}
	}
	return last != 0
}

// DeleteRange implements raft.LogStore.
func (a *Ahead) DeleteRange(lo, hi uint64) error {
	if err := a.drain(); err != nil {
		return err
	}
	return a.log.DeleteRange(lo, hi)
}

// Written returns nil once the log has the entry at index, and every one before
// it, if it was taken ahead; an error if it never will, and ErrClosed when gone
// closes before.
func (a *Ahead) Written(index uint64, gone <-chan struct{}) error {
	a.mu.Lock()
	if n := len(a.pending); n == 0 || index < a.pending[0].Index {
		defer a.mu.Unlock()
		return nil // not taken ahead, or in the log since
	}
	if a.err != nil {
		defer a.mu.Unlock()
		return a.err
	}
	w := wake{index, make(chan struct{})}
	a.wakes = append(a.wakes, w)
	a.mu.Unlock()
	select {
	case <-w.ready:
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.written < index {
			return a.err
		}
		return nil
	case <-gone:
		return ErrClosed
	}
}

// drain waits until nothing is pending.
func (a *Ahead) drain() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.pending) > 0 && a.err == nil {
		a.changed.Wait()
	}
	return a.err
}

// write brings what is pending to the log: what came while it wrote goes
// together, with one flush.
func (a *Ahead) write() {
	defer close(a.done)
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		for len(a.pending) == 0 && !a.closed {
			a.changed.Wait()
		}
		if len(a.pending) == 0 || a.err != nil {
			return
		}
		logs := slices.Clone(a.pending)
		a.mu.Unlock()
		err := a.log.StoreLogs(logs)
		a.mu.Lock()
		if err != nil {
			// Everything stays pending: it must not look as if it were written.
			a.err = err
		} else {
			a.written = logs[len(logs)-1].Index
			a.pending = slices.Delete(a.pending, 0, len(logs))
		}
		a.wakes = slices.DeleteFunc(a.wakes, func(w wake) bool {
			if err == nil && w.index > a.written {
				return false
			}
			close(w.ready)
			return true
		})
		a.changed.Broadcast()
		if err != nil {
			return
		}
	}
}

// Close waits until what is pending is written, or can't be. Nothing is taken
// ahead after.
func (a *Ahead) Close() {
	a.mu.Lock()
	a.closed = true
	a.changed.Broadcast()
	a.mu.Unlock()
	<-a.done
}
