package fsm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync/atomic"

	"github.com/treenode/treenode/fsm/tree"
)

// Machine holds the published View and makes the next one from each entry.
//
// Apply, Advance and Restore are for one goroutine at a time; View, Halted and
// Stop may be called from any.
type Machine struct {
	view   atomic.Pointer[View]
	halted atomic.Pointer[Halt]
	hook   tree.StepHook

	// Of the goroutine that applies, for their memory.
	reading decoder
	writing codec
}

// New returns a machine in the first state of every cluster. The hook is nil
// outside of tests; see tree.StepHook.
func New(hook tree.StepHook) *Machine {
	m := &Machine{hook: hook}
	m.view.Store(&View{Tree: tree.New(), requests: newRequests()})
	return m
}

// NewFrom returns a machine that goes on from a view, to apply a log to it
// again.
func NewFrom(v *View) *Machine {
	m := &Machine{}
	m.view.Store(v)
	return m
}

// View returns the newest published version.
func (m *Machine) View() *View { return m.view.Load() }

// Halted returns why the machine has stopped, or nil.
func (m *Machine) Halted() *Halt { return m.halted.Load() }

// Apply executes one log entry and returns one result for each of its
// commands. The error is a *Halt: nothing of the entry was published and the
// machine takes nothing more.
func (m *Machine) Apply(index uint64, entry []byte) (results []Result, err error) {
	if h := m.halted.Load(); h != nil {
		return nil, h
	}
	defer func() {
		if r := recover(); r != nil {
			results, err = nil, m.halt(haltAt(index, entry, fmt.Sprintf("panic: %v", r), string(debug.Stack())))
		}
	}()
	old := m.view.Load()
	if index <= old.Index {
		return nil, m.halt(haltAt(index, entry, fmt.Sprintf("index %d is applied already", old.Index), ""))
	}
	e, err := DecodeEntry(entry)
	if err != nil {
		return nil, m.halt(haltAt(index, entry, err.Error(), ""))
	}
	next := &View{Index: index, Tree: old.Tree, requests: old.requests, joinTokens: old.joinTokens, logTime: max(e.At, old.logTime)}
	if e.Kind == KindJoinToken {
		next.joinTokens = changeJoinTokens(old.joinTokens, e.JoinToken, next.logTime)
	}
	if len(e.Commands) > 0 {
		next.requests = old.requests.edit()
	}
	results = make([]Result, len(e.Commands))
	batch := old.Tree.Batch()
	for i, command := range e.Commands {
		if err := m.execute(next, batch, command, &results[i]); err != nil {
			return nil, m.halt(haltAt(index, entry, fmt.Sprintf("command %d: %v", i, err), ""))
		}
	}
	next.Tree = batch.State()
	m.view.Store(next)
	return results, nil
}

// execute runs one command on a view that is not published yet, whose tree is
// what the batch will lead to.
func (m *Machine) execute(v *View, batch *tree.Batch, command []byte, r *Result) error {
	cmd, err := m.reading.decode(command)
	if err != nil {
		return err
	}
	print := fingerprintOf(command)
	known, replay, refused := v.requests.find(cmd.RequestID, print, v.logTime)
	if refused != nil {
		*r = Result{Index: v.Index, Revision: batch.Revision(), Refused: refused}
		return nil
	}
	if replay {
		*r, err = known.result()
		return err
	}
	r.Index = v.Index
	r.Effect, err = batch.Apply(v.logTime, cmd.Txn, m.hook)
	if err != nil && !errors.As(err, &r.Refused) {
		return err
	}
	r.Revision = batch.Revision()
	m.writing.buf = m.writing.buf[:0]
	m.writing.outcome(&r.Effect, &r.Refused)
	v.requests.remember(answer{cmd.RequestID, print, r.Index, r.Revision, bytes.Clone(m.writing.buf)}, v.logTime)
	return nil
}

// Advance notes that the log has passed an entry that is not the machine's,
// such as a configuration change.
func (m *Machine) Advance(index uint64) {
	old := m.view.Load()
	if index <= old.Index || m.halted.Load() != nil {
		return
	}
	next := *old
	next.Index = index
	m.view.Store(&next)
}

// Restore replaces everything by a snapshot, after all of it was read and
// verified. On an error the machine is as it was.
func (m *Machine) Restore(r io.Reader) error {
	if h := m.halted.Load(); h != nil {
		return h
	}
	v, err := ReadSnapshot(r)
	if err != nil {
		return err
	}
	m.view.Store(v)
	return nil
}

// Stop halts the machine for a cause from outside: what it has applied up to
// an index was found to be wrong. It returns the halt that stands, which is an
// earlier one if there was one. It may be called from any goroutine; an entry
// that is being applied is still published.
func (m *Machine) Stop(index uint64, cause error) *Halt {
	return m.halt(&Halt{Index: index, Cause: cause.Error(), Err: cause})
}

func (m *Machine) halt(h *Halt) *Halt {
	m.halted.CompareAndSwap(nil, h)
	return m.halted.Load()
}

func refusal(code tree.Code, format string, args ...any) *tree.Error {
	return &tree.Error{Code: code, Op: -1, Message: fmt.Sprintf(format, args...)}
}
