package logstore

import (
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Op names a call of the store, for errors and for Options.Observe.
type Op string

// The calls that reach the disk.
const (
	OpOpen        Op = "Open"
	OpGetLog      Op = "GetLog"
	OpStoreLogs   Op = "StoreLogs"
	OpDeleteRange Op = "DeleteRange"
	OpGet         Op = "Get"
	OpSet         Op = "Set"
	OpScrub       Op = "Scrub"
	OpClose       Op = "Close"
)

// changesDisk reports whether the operation writes.
func (o Op) changesDisk() bool { return o == OpStoreLogs || o == OpDeleteRange || o == OpSet }

// openPatience is how many times longer than a call an Open may take: it reads
// the structure of the whole log, and nothing waits for it that another node
// could do.
const openPatience = 12

// watchdog reports calls that stay in flight for too long, and tells the
// owner of failures. The zero value is not ready for use.
type watchdog struct {
	path    string
	timeout time.Duration
	observe func(Op, time.Duration)
	failure func(error)
	stalled func(*StallError) // runs before failure; nil: nothing

	// One per kind of failure. A second failure of a kind waits until the
	// owner has been told of the first: its error must not reach Raft, which
	// may panic on it, before the owner had its say.
	stallOnce, writeOnce, corruptOnce sync.Once

	damaged atomic.Bool // a CorruptError was met
}

// flight is one call in flight.
type flight struct {
	op    Op
	start time.Time
	timer *time.Timer
}

func (w *watchdog) begin(op Op) flight {
	start, timeout := time.Now(), w.timeout
	if op == OpOpen {
		timeout *= openPatience
	}
	return flight{op: op, start: start, timer: time.AfterFunc(timeout, func() {
		err := &StallError{Path: w.path, Op: op, After: time.Since(start)}
		if w.stalled != nil {
			w.stalled(err)
		}
		w.tell(&w.stallOnce, err)
	})}
}

func (w *watchdog) end(f flight) {
	f.timer.Stop()
	if w.observe != nil {
		w.observe(f.op, time.Since(f.start))
	}
}

func (w *watchdog) tell(once *sync.Once, err error) {
	once.Do(func() {
		if w.failure != nil {
			w.failure(err)
		}
	})
}

// corrupt tells the owner of err and returns it.
func (w *watchdog) corrupt(err *CorruptError) error {
	w.damaged.Store(true)
	w.tell(&w.corruptOnce, err)
	return err
}

// panicError is a panic of the database library, or a memory fault in the file
// that it maps (the file became shorter, or the medium gave a read error).
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("the database library panicked: %v", e.value) }

// guard runs f and turns a panic and a memory fault into an error. The library
// trusts the structure of its file; damage there surfaces as either.
func guard(f func() error) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			err = &panicError{value: p}
		}
	}()
	return f()
}
