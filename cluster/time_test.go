package cluster_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm/tree"
)

// A clock that is hours wrong, the leader's or another one, and that jumps while
// its node leads, changes nothing: nobody's request id expires or comes from the
// future, what was executed is still remembered, and records have the right time.
func TestOneWrongClock(t *testing.T) {
	for _, wrong := range []time.Duration{2 * time.Hour, -2 * time.Hour} {
		var ahead [3]atomic.Int64
		i := 0
		nodes := start(t, 3, func(c *cluster.Config) {
			mine := &ahead[i]
			c.Clock = func() time.Time { return time.Now().Add(time.Duration(mine.Load())) }
			i++
		})
		first := createRoot(t, "first")
		result := nodes[0].propose(first)
		for round, node := range nodes {
			leader := leaderOf(t, nodes)
			if leader != node {
				if err := leader.TransferLeadership(t.Context(), node.config.NodeID); err != nil {
					t.Fatal(err)
				}
				leaderOf(t, nodes)
			}
			for _, other := range []int{round, (round + 1) % 3} {
				ahead[other].Store(int64(wrong))
				for _, n := range others(nodes, nodes[other]) {
					id := tree.UUID(uuid.New())
					before := time.Now().Add(-time.Second)
					r := n.propose(command(t, tree.CreateProvider{UUID: id, Name: id.String()}))
					p, ok := n.read(cluster.Session, r.Index).Tree.Find(tree.ByUUID(id))
					if !ok {
						t.Fatal("the record is not there")
					}
					if at := time.UnixMicro(int64(p.CreatedAt())); at.Before(before) || at.After(time.Now().Add(time.Second)) {
						t.Errorf("clock of n%d %v ahead, %s leads: a record is from %v, at %v", other+1, wrong, node.config.NodeID, at, time.Now())
					}
				}
				again := nodes[other].propose(first)
				if !again.Replayed || again.Index != result.Index {
					t.Errorf("clock of n%d %v ahead, %s leads: the first request again is %+v", other+1, wrong, node.config.NodeID, again)
				}
				ahead[other].Store(0)
			}
		}
	}
}
