package cluster

import (
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// Callers go to another node where this one comes back by itself; only a node that
// stays down for an invariant says that something is broken.
func TestCodeOfFailure(t *testing.T) {
	for cause, want := range map[error]Code{
		&DamageError{Path: "raft-wal", Reason: "flipped"}:                                CodeNotReady,
		errors.New("the disk is full"):                                                   CodeNotReady,
		fmt.Errorf("applying: %w", &fsm.Halt{}):                                          CodeHalted,
		errors.Join(errNoRaft, &DamageError{Path: "node.json", Reason: "it is missing"}): CodeNotReady,
	} {
		if got := codeOfFailure(cause); got != want {
			t.Errorf("%v: %s, want %s", cause, got, want)
		}
	}
}

// quietNetwork is a Network that is only closed.
type quietNetwork struct{ Network }

func (quietNetwork) Close() error { return nil }

// A node whose disk fails goes out of service at once, and its state can be read,
// while whoever supervises it hangs in that disk with a note.
func TestNodeIsWithdrawnWhileNobodyWatches(t *testing.T) {
	for _, c := range []struct {
		cause        error
		serves, last bool
	}{
		{&logstore.StallError{}, false, true},
		{&DamageError{Path: "raft-wal"}, false, false},
		{errClosed, true, false},
	} {
		n := &Node{
			config: Config{Network: quietNetwork{}, DataDir: t.TempDir()}, log: hclog.NewNullLogger(),
			stopped: make(chan struct{}), failed: make(chan struct{}),
		}
		s := &Supervised{}
		s.node.Store(n)
		done := make(chan struct{})
		go s.withdraw(n, done)
		n.stop(c.cause)
		<-done
		if s.node.Load() == n != c.serves || s.last.Load() == n != c.last {
			t.Errorf("%v: it serves: %v, is read from: %v", c.cause, s.node.Load() == n, s.last.Load() == n)
		}
	}
}
