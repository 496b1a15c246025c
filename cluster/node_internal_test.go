package cluster

import (
	"errors"
	"fmt"
	"testing"

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
