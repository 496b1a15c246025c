package api

import (
	"context"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
)

var _ Node = (*cluster.Node)(nil)

// Node is the node that serves: what this package needs of cluster.Node. All
// methods may be called concurrently, and every error is a *cluster.Error.
type Node interface {
	// Propose executes a command on the cluster. A refusal comes in the result.
	Propose(ctx context.Context, c fsm.Command) (fsm.Result, error)
	// Read returns a view that is as new as the level demands; the index is
	// for cluster.Session.
	Read(ctx context.Context, level cluster.Level, index uint64) (*fsm.View, error)
	// Status is what the node knows without asking anyone.
	Status() cluster.Status
	// Members asks every member how it is.
	Members(ctx context.Context) ([]cluster.Member, error)
	// AddMember takes the server at the peer address into the cluster.
	AddMember(ctx context.Context, raftID, peer string, voter bool) error
	// RemoveMember takes a member out, by node id or raft id.
	RemoveMember(ctx context.Context, id string) error
	// TransferLeadership hands leadership to a member; to the most caught-up
	// voter where to is empty.
	TransferLeadership(ctx context.Context, to string) error
	// MakeJoinToken makes a token that lets a node join, and returns its text.
	MakeJoinToken(ctx context.Context, node string, life time.Duration) (cluster.JoinToken, string, error)
	// RevokeJoinToken removes a token.
	RevokeJoinToken(ctx context.Context, id string) error
	// JoinTokens lists the tokens.
	JoinTokens(ctx context.Context) ([]cluster.JoinToken, error)
	// Ready is nil when the node knows a leader and has caught up.
	Ready(ctx context.Context) error
	// Digest is the SHA-256 of the view's tree in its canonical form.
	Digest(ctx context.Context, v *fsm.View) ([32]byte, error)
}
