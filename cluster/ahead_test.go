package cluster_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
)

// A leader whose disk has not written an entry commits nothing of it, though
// both followers have it on theirs: otherwise a power cut of one follower
// and the leader would lose what was acknowledged.
func TestNothingIsCommittedBeforeTheLeadersDiskHasIt(t *testing.T) {
	var slow atomic.Pointer[string] // whose disk is slow
	release := make(chan struct{})
	nodes := start(t, 3, func(c *cluster.Config) {
		id := c.NodeID
		c.ObserveLog = func(op logstore.Op, _ time.Duration) {
			if s := slow.Load(); op == logstore.OpStoreLogs && s != nil && *s == id {
				<-release
			}
		}
	})
	leader := leaderOf(t, nodes)
	leader.propose(createRoot(t, "before"))
	before := leader.Status().Commit
	slow.Store(&leader.config.NodeID)

	proposed := make(chan error, 1)
	go func() {
		_, err := leader.Propose(t.Context(), createRoot(t, "after"))
		proposed <- err
	}()
	for _, follower := range others(nodes, leader) {
		await(t, "a follower has the entry", func(ctx context.Context) error {
			answer, err := leader.net.Call(ctx, follower.addr, cluster.VerbHello, nil)
			if err != nil {
				return err
			}
			var hello struct {
				Last uint64 `json:"last"`
			}
			if err := json.Unmarshal(answer, &hello); err != nil || hello.Last <= before {
				return fmt.Errorf("its last entry is %d: %w", hello.Last, err)
			}
			return nil
		})
	}
	// Followers answered long ago by the time that heartbeats told of commits.
	time.Sleep(5 * cluster.DefaultTiming().Commit)
	for _, n := range nodes {
		if s := n.Status(); s.Commit > before || s.Applied > before {
			t.Errorf("%s has committed %d and applied %d, the leader's disk has %d", s.NodeID, s.Commit, s.Applied, before)
		}
	}
	select {
	case err := <-proposed:
		close(release)
		t.Fatalf("it was acknowledged: %v", err)
	default:
	}
	slow.Store(nil)
	close(release)
	if err := <-proposed; err != nil {
		t.Fatal(err)
	}
	sameDigests(t, nodes)
}
