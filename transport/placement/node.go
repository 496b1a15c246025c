package placement

import (
	"context"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
)

// Node is the node that serves: what this package needs of cluster.Node. All
// methods may be called concurrently, and every error is a *cluster.Error.
type Node interface {
	// Propose executes a command on the cluster. A refusal comes in the result.
	Propose(ctx context.Context, c fsm.Command) (fsm.Result, error)
	// Read returns a view that is as new as the level demands.
	Read(ctx context.Context, level cluster.Level, index uint64) (*fsm.View, error)
	// Ready is nil when the node knows a leader and has caught up.
	Ready(ctx context.Context) error
}
