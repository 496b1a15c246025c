package api

import (
	"context"
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// epoch is when every fake cluster begins: 2026-01-01T00:00:00Z.
const epoch tree.Time = 1767225600 * 1e6

// fakeNode is a cluster of one: the real state machine, without Raft. Its
// clock counts a second with every entry, so that answers repeat exactly.
type fakeNode struct {
	mu      sync.Mutex
	machine *fsm.Machine
	index   uint64
	// fail, where not nil, is what every method returns.
	fail *cluster.Error
	// panics makes Propose and Read panic.
	panics  bool
	members []cluster.Member
	calls   []string // of membership
}

func newFakeNode() *fakeNode {
	return &fakeNode{machine: fsm.New(nil), members: []cluster.Member{
		{RaftID: "n1@a", NodeID: "n1", Peer: "127.0.0.1:7001", Voter: true, Leader: true, Healthy: true, API: "http://127.0.0.1:8001", Applied: 7, Version: "1.0.0"},
		{RaftID: "n2@b", NodeID: "n2", Peer: "127.0.0.1:7002", Error: "connection refused"},
	}}
}

func (n *fakeNode) failure() error {
	if n.panics {
		panic("the fake node panics")
	}
	if n.fail != nil {
		return n.fail
	}
	return nil
}

func (n *fakeNode) Propose(_ context.Context, c fsm.Command) (fsm.Result, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.failure(); err != nil {
		return fsm.Result{}, err
	}
	command, err := c.Encode()
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeInvalid, Message: err.Error()}
	}
	n.index++
	results, err := n.machine.Apply(n.index, fsm.EncodeBatch(epoch+tree.Time(n.index)*1e6, [][]byte{command}))
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeHalted, Message: "halted", Err: err}
	}
	return results[0], nil
}

func (n *fakeNode) Read(_ context.Context, level cluster.Level, index uint64) (*fsm.View, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.failure(); err != nil {
		return nil, err
	}
	view := n.machine.View()
	if level == cluster.Session && index > view.Index {
		return nil, &cluster.Error{Code: cluster.CodeDeadline, Message: "the index did not arrive in time"}
	}
	return view, nil
}

func (n *fakeNode) Status() cluster.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cluster.Status{
		NodeID: "n1", RaftID: "n1@a", ClusterID: "c1", State: "leader", LeaderID: "n1", LeaderAPI: "http://127.0.0.1:8001",
		Term: 3, Commit: n.index, Applied: n.index,
	}
}

func (n *fakeNode) Members(context.Context) ([]cluster.Member, error) { return n.members, n.failure() }

func (n *fakeNode) AddMember(_ context.Context, raftID, peer string, voter bool) error {
	role := " as nonvoter"
	if voter {
		role = " as voter"
	}
	n.calls = append(n.calls, "add "+raftID+" at "+peer+role)
	return n.failure()
}

func (n *fakeNode) RemoveMember(_ context.Context, id string) error {
	n.calls = append(n.calls, "remove "+id)
	return n.failure()
}

func (n *fakeNode) TransferLeadership(_ context.Context, to string) error {
	n.calls = append(n.calls, "transfer to "+to)
	return n.failure()
}

func (n *fakeNode) MakeJoinToken(_ context.Context, node string, life time.Duration) (cluster.JoinToken, string, error) {
	n.calls = append(n.calls, "make a join token for "+node)
	return cluster.JoinToken{ID: "0123", Node: node, Made: madeAt, Expires: madeAt.Add(life)}, "tnj-0123-secret", n.failure()
}

func (n *fakeNode) RevokeJoinToken(_ context.Context, id string) error {
	n.calls = append(n.calls, "revoke join token "+id)
	return n.failure()
}

func (n *fakeNode) JoinTokens(context.Context) ([]cluster.JoinToken, error) {
	return []cluster.JoinToken{{ID: "0123", Node: "n4", By: "ann", Made: madeAt, Expires: madeAt.Add(time.Hour), UsedBy: "n4@a", Used: madeAt}}, n.failure()
}

// madeAt is when the fake's join tokens were made.
var madeAt = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func (n *fakeNode) Ready(context.Context) error { return n.failure() }

func (n *fakeNode) Digest(_ context.Context, v *fsm.View) ([32]byte, error) { return v.Digest(), nil }

// newTestServer serves a fake node. Request ids that the server makes count
// up, so that the UUIDs that follow from them repeat exactly.
func newTestServer(t *testing.T, node *fakeNode, c Config) *server {
	t.Helper()
	s := newServer(node, c)
	var mu sync.Mutex
	made := uint32(0)
	s.newRequestID = func() (tree.UUID, error) {
		mu.Lock()
		defer mu.Unlock()
		made++
		return requestID(made), nil
	}
	return s
}

// requestID is a UUID of version 7 made at the epoch; n tells it from others.
func requestID(n uint32) tree.UUID {
	u := tree.UUID{6: 0x70, 8: 0x80}
	millis := uint64(epoch / 1000)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], millis<<16)
	copy(u[:6], b[:6])
	binary.BigEndian.PutUint32(u[12:], n)
	return u
}
