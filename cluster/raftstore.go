package cluster

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// errNotSeated is the answer to Raft when it would cast a vote it must not.
var errNotSeated = errors.New("this server is in no configuration yet, it casts no votes")

// raftStore is the log and the stable values as Raft gets them, in a process
// that outlives Raft: where Raft would panic on a failure that the node has been
// stopped for, its goroutine ends instead, with its deferred calls.
//
// It also keeps a server that was never in a configuration from voting: the one
// whose place it takes may have voted in the same term. Streams that are meant
// for that one do not reach it (Network.SetServer); this is a second bar.
//
// And it has two rules of the paper that hashicorp/raft has not; see install.go.
type raftStore struct {
	raft.LogStore
	stable raft.StableStore
	failed func(error)
	votes  func() bool
	base   atomic.Pointer[position] // of the snapshot that the state came from; never nil once Raft runs
}

// errNoRaft is a failure of hashicorp/raft to start.
var errNoRaft = errors.New("raft does not start")

// startRaft is raft.NewRaft on such a store.
func startRaft(c *raft.Config, machine raft.FSM, s *raftStore, snaps *snapshots, t raft.Transport) (*raft.Raft, error) {
	type outcome struct {
		raft *raft.Raft
		err  error
	}
	if err := s.startFrom(snaps); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoRaft, err)
	}
	done := make(chan outcome, 1)
	go func() {
		defer close(done)
		r, err := raft.NewRaft(c, machine, s, s, raftSnapshots{snaps, s}, t)
		done <- outcome{r, err}
	}()
	o, ok := <-done
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: the log failed", errNoRaft)
	case o.err != nil:
		return nil, fmt.Errorf("%w: %w", errNoRaft, o.err)
	}
	return o.raft, nil
}

// The stable values of hashicorp/raft.
const keyLastVoteTerm = "LastVoteTerm"

// IsMonotonic implements raft.MonotonicLogStore.
func (s *raftStore) IsMonotonic() bool {
	m, ok := s.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// end stops the node, and ends the goroutine if it is one that would panic: that
// of Raft's loop, or of its start. Those that replicate take errors well, and
// have others that wait for them.
func (s *raftStore) end(err error) {
	s.failed(err)
	if caller(raftLoop, raftStart) != "" {
		runtime.Goexit()
	}
}

// The functions of hashicorp/raft that are told apart: the two in which it panics
// on failures of the log, and three that want different things of it.
const (
	raftLoop    = "github.com/hashicorp/raft.(*Raft).run"
	raftStart   = "github.com/hashicorp/raft.NewRaft"
	raftAppend  = "github.com/hashicorp/raft.(*Raft).appendEntries"
	raftApply   = "github.com/hashicorp/raft.(*Raft).processLogs"
	raftInstall = "github.com/hashicorp/raft.(*Raft).installSnapshot"
)

// caller returns the innermost of some functions that this goroutine is in, ""
// if it is in none.
func caller(functions ...string) string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(1, callers[:])])
	for {
		frame, more := frames.Next()
		if slices.Contains(functions, frame.Function) {
			return frame.Function
		}
		if !more {
			return ""
		}
	}
}

// GetLog implements raft.LogStore.
func (s *raftStore) GetLog(index uint64, l *raft.Log) error {
	err := s.LogStore.GetLog(index, l)
	if err == nil {
		return nil
	}
	if !errors.Is(err, raft.ErrLogNotFound) {
		s.end(err)
		return err
	}
	switch caller(raftAppend, raftApply) {
	case raftApply: // it is committed
		s.end(fmt.Errorf("entry %d is not in the log", index))
	case raftAppend:
		if base := s.base.Load(); index == base.index {
			*l = raft.Log{Index: base.index, Term: base.term, Type: raft.LogNoop}
			return nil
		}
	}
	return err
}

// Set implements raft.StableStore.
func (s *raftStore) Set(key, value []byte) error {
	err := s.stable.Set(key, value)
	if err != nil {
		s.end(err)
	}
	return err
}

// Get implements raft.StableStore.
func (s *raftStore) Get(key []byte) ([]byte, error) { return s.stable.Get(key) }

// SetUint64 implements raft.StableStore.
func (s *raftStore) SetUint64(key []byte, value uint64) error {
	if string(key) == keyLastVoteTerm && !s.votes() {
		return errNotSeated
	}
	err := s.stable.SetUint64(key, value)
	if err != nil {
		s.end(err)
	}
	return err
}

// GetUint64 implements raft.StableStore.
func (s *raftStore) GetUint64(key []byte) (uint64, error) { return s.stable.GetUint64(key) }

// mayVote reports whether Raft may cast a vote: this server was in a
// configuration, or is pledged to one that is about to begin. From then on its
// log has the removal of the server whose place it takes, and it votes for
// nobody whose log has not.
func (n *Node) mayVote() bool {
	select {
	case <-n.opened:
	case <-n.stopped:
		return false
	}
	n.identityMu.Lock()
	pledged := n.identity.PledgedTo != ""
	n.identityMu.Unlock()
	if pledged {
		return true
	}
	return slices.ContainsFunc(n.raft.GetConfiguration().Configuration().Servers, n.isSelf)
}
