package storetest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/api"
	"github.com/treenode/treenode/transport/placement"
)

// Node is a store behind a URL on loopback. Its methods, and those it has for
// package api, may be called concurrently; set the fields before use.
type Node struct {
	// URL is where the API is.
	URL string
	// Describe, where not nil, stands in for the members.
	Describe []cluster.Member
	// Before, where not nil, sees each request first, and answers it instead
	// of the store by returning true.
	Before func(w http.ResponseWriter, r *http.Request) bool

	mu      sync.Mutex
	machine *fsm.Machine
	index   uint64
	fail    *cluster.Error
	calls   []string
}

// New starts a store that lives as long as the test.
func New(t testing.TB) *Node {
	t.Helper()
	n := &Node{machine: fsm.New(nil)}
	native := api.New(n, api.Config{})
	of, err := placement.New(n, placement.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case n.Before != nil && n.Before(w, r):
		case api.Serves(r.URL.Path):
			native.ServeHTTP(w, r)
		default:
			of.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	n.URL = server.URL
	n.Describe = []cluster.Member{
		{
			RaftID: "n1@a", NodeID: "n1", Peer: "127.0.0.1:8779", Voter: true, Leader: true, Healthy: true,
			API: n.URL, Version: "0.0.0-test",
		},
	}
	return n
}

// Fail makes every call fail with the code, until it is empty.
func (n *Node) Fail(code cluster.Code, message string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.fail = nil
	if code != "" {
		n.fail = &cluster.Error{Code: code, Message: message}
	}
}

// Calls lists the membership calls so far.
func (n *Node) Calls() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.calls...)
}

// failure needs the lock. An untyped nil, since a nil *cluster.Error is an
// error.
func (n *Node) failure() error {
	if n.fail != nil {
		return n.fail
	}
	return nil
}

// Propose implements api.Node.
func (n *Node) Propose(_ context.Context, c fsm.Command) (fsm.Result, error) {
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
	results, err := n.machine.Apply(n.index, fsm.EncodeBatch(tree.Time(time.Now().UnixMicro()), [][]byte{command}))
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeHalted, Message: "halted", Err: err}
	}
	return results[0], nil
}

// Read implements api.Node.
func (n *Node) Read(_ context.Context, level cluster.Level, index uint64) (*fsm.View, error) {
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

// Status implements api.Node.
func (n *Node) Status() cluster.Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cluster.Status{
		NodeID: "n1", RaftID: "n1@a", ClusterID: "c1", State: "leader", LeaderID: "n1", LeaderAPI: n.URL,
		Term: 3, Commit: n.index, Applied: n.index,
	}
}

// Members implements api.Node.
func (n *Node) Members(context.Context) ([]cluster.Member, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.Describe, n.failure()
}

// AddMember implements api.Node.
func (n *Node) AddMember(_ context.Context, raftID, peer string, voter bool) error {
	role := " as nonvoter"
	if voter {
		role = " as voter"
	}
	return n.call("add " + raftID + " at " + peer + role)
}

// RemoveMember implements api.Node.
func (n *Node) RemoveMember(_ context.Context, id string) error { return n.call("remove " + id) }

// TransferLeadership implements api.Node.
func (n *Node) TransferLeadership(_ context.Context, to string) error {
	return n.call("transfer to " + to)
}

// MakeJoinToken implements api.Node.
func (n *Node) MakeJoinToken(_ context.Context, node string, life time.Duration) (cluster.JoinToken, string, error) {
	token := cluster.JoinToken{ID: "0123456789abcdef", Node: node, By: "admin", Made: time.Unix(1e9, 0).UTC(), Expires: time.Unix(1e9, 0).UTC().Add(life)}
	return token, "tnj-" + token.ID + "-secret", n.call("make a join token for " + node)
}

// RevokeJoinToken implements api.Node.
func (n *Node) RevokeJoinToken(_ context.Context, id string) error {
	return n.call("revoke join token " + id)
}

// JoinTokens implements api.Node.
func (n *Node) JoinTokens(context.Context) ([]cluster.JoinToken, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return []cluster.JoinToken{
		{ID: "0123456789abcdef", Node: "n4", By: "admin", Made: time.Unix(1e9, 0).UTC(), Expires: time.Unix(2e9, 0).UTC(), UsedBy: "n4@0190", Used: time.Unix(1e9, 0).UTC()},
		{ID: "fedcba9876543210", Made: time.Unix(1e9, 0).UTC(), Expires: time.Unix(2e9, 0).UTC()},
	}, n.failure()
}

func (n *Node) call(text string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.calls = append(n.calls, text)
	return n.failure()
}

// Ready implements api.Node.
func (n *Node) Ready(context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.failure()
}

// Digest implements api.Node.
func (n *Node) Digest(_ context.Context, v *fsm.View) ([32]byte, error) { return v.Digest(), nil }
