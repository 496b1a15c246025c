package cluster_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/raftnet"
)

// losing is a network that delivers calls of one kind and loses the answers.
type losing struct {
	cluster.Network
	verb cluster.Verb
	left *atomic.Int64 // how many answers are still lost
}

func (l losing) Call(ctx context.Context, addr string, verb cluster.Verb, body []byte) ([]byte, error) {
	answer, err := l.Network.Call(ctx, addr, verb, body)
	if err == nil && verb == l.verb && l.left.Add(-1) >= 0 {
		return nil, &cluster.CallError{Addr: addr, Sent: true, Err: errors.New("lost by the test")}
	}
	return answer, err
}

// startLosing starts three nodes that lose as many answers as left says.
func startLosing(t *testing.T, verb cluster.Verb) (nodes []*testNode, left *atomic.Int64) {
	t.Helper()
	left = new(atomic.Int64)
	nodes = layOut(t, 3, nil)
	for _, n := range nodes {
		inner, err := raftnet.Listen(raftnet.Config{Listen: n.addr, Logger: n.config.Logger})
		if err != nil {
			t.Fatal(err)
		}
		n.config.Network = losing{inner, verb, left}
		if n.Node, err = cluster.Open(n.config); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = n.Close() })
	}
	for _, n := range nodes {
		n.awaitReady() // knows the members, too
	}
	return nodes, left
}

// A leader that is asked by another to remove itself may stop before its answer
// is out: the other finds out what became of it.
func TestLostAnswerOfARemoval(t *testing.T) {
	nodes, left := startLosing(t, cluster.VerbAdmin)
	leader := leaderOf(t, nodes)
	rest := others(nodes, leader)
	left.Store(1)
	if err := rest[0].RemoveMember(t.Context(), leader.config.NodeID); err != nil {
		t.Fatal(err)
	}
	if left.Load() > 0 {
		t.Fatal("no answer was lost: nothing was shown")
	}
	members, err := rest[0].Members(t.Context())
	if err != nil || len(members) != len(rest) {
		t.Errorf("%d members, %v", len(members), err)
	}
	leaderOf(t, rest).propose(createRoot(t, "after"))
}

// A command whose answer is lost on the way back from the leader is asked for
// again, which gives the first answer; when there is no time left, its outcome
// is unknown. It is never told to be done on the strength of no answer.
func TestLostAnswerIsNoSuccess(t *testing.T) {
	nodes, left := startLosing(t, cluster.VerbForward)
	follower := others(nodes, leaderOf(t, nodes))[0]

	left.Store(1)
	r := follower.propose(createRoot(t, "once"))
	if left.Load() > 0 {
		t.Fatal("no answer was lost: nothing was shown")
	}
	if !r.Replayed || r.Index == 0 || r.Revision == 0 {
		t.Errorf("after a lost answer: %+v", r)
	}

	left.Store(1 << 30)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := follower.Propose(ctx, createRoot(t, "never told"))
	expectCode(t, err, cluster.CodeOutcomeUnknown)
	left.Store(0)
	sameDigests(t, nodes)
}
