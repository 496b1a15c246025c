package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/treenode/treenode/cluster"
)

// recorder adds up the events of a node.
type recorder struct {
	mu     sync.Mutex
	counts map[cluster.EventKind]int // of Count
	events map[cluster.EventKind]int
	errs   map[cluster.EventKind]error
}

func (r *recorder) observe(e cluster.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts, r.events, r.errs = map[cluster.EventKind]int{}, map[cluster.EventKind]int{}, map[cluster.EventKind]error{}
	}
	r.counts[e.Kind] += e.Count
	r.events[e.Kind]++
	if e.Err != nil {
		r.errs[e.Kind] = e.Err
	}
	if e.Took < 0 {
		r.errs[e.Kind] = fmt.Errorf("it took %v", e.Took)
	}
}

func (r *recorder) seen(kind cluster.EventKind) (events, count int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events[kind], r.counts[kind], r.errs[kind]
}

// What a node tells of itself follows what is done with it.
func TestEventsAndStats(t *testing.T) {
	recorders := map[string]*recorder{}
	nodes := start(t, 3, func(c *cluster.Config) {
		r := &recorder{}
		recorders[c.NodeID] = r
		c.Observe = r.observe
		c.CheckpointInterval = -1
		c.DiskReserve = 1 << 20
	})
	leader := leaderOf(t, nodes)
	follower := others(nodes, leader)[0]
	atLeader, atFollower := recorders[leader.config.NodeID], recorders[follower.config.NodeID]
	_, before, _ := atLeader.seen(cluster.EventCommit)
	leader.propose(createRoot(t, "a"))
	follower.propose(createRoot(t, "b"))
	follower.read(cluster.Linearizable, 0)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := leader.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	if err := leader.Snapshot(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		of     *recorder
		kind   cluster.EventKind
		events int // at least
		count  int // exactly; -1 for any
	}{
		{"proposal at the leader", atLeader, cluster.EventProposal, 1, 1},
		{"proposal at the follower", atFollower, cluster.EventProposal, 1, 1},
		{"commit", atLeader, cluster.EventCommit, 2, before + 2},
		{"commit at the follower", atFollower, cluster.EventCommit, 0, 0},
		{"apply", atLeader, cluster.EventApply, 2, 2},
		{"forward", atFollower, cluster.EventForward, 1, 1},
		{"read index", atFollower, cluster.EventReadIndex, 1, 0},
		{"leader", atFollower, cluster.EventLeader, 1, 0},
		{"checkpoint", atLeader, cluster.EventCheckpoint, 1, 0},
		{"snapshot", atLeader, cluster.EventSnapshot, 1, -1},
	} {
		events, count, _ := c.of.seen(c.kind)
		if events < c.events || c.count >= 0 && count != c.count {
			t.Errorf("%s: %d events of %d in all", c.what, events, count)
		}
	}
	await(t, "every follower has all", func(context.Context) error {
		s := leader.Stats()
		if len(s.Followers) != 2 {
			return fmt.Errorf("%d followers", len(s.Followers))
		}
		for _, f := range s.Followers {
			if !f.Heard || f.Lag != 0 || f.Match != s.LastLog || f.Silent < 0 {
				return fmt.Errorf("follower %+v, the log ends at %d", f, s.LastLog)
			}
		}
		if len(s.Clocks) != 3 {
			return fmt.Errorf("clocks %v", s.Clocks)
		}
		return nil
	})
	s := leader.Stats()
	if s.Voters != 3 || s.NonVoters != 0 || s.State != "leader" || s.Down != "" || s.Proposing != 0 || s.Queued != 0 || s.QueueMax == 0 {
		t.Errorf("stats %+v", s)
	}
	if s.Snapshot.Index == 0 || s.Snapshot.Bytes == 0 || s.Snapshot.At.IsZero() || s.Checkpoint.Index == 0 || s.Checkpoint.At.IsZero() {
		t.Errorf("snapshot %+v, checkpoint %+v", s.Snapshot, s.Checkpoint)
	}
	if !s.Disk.Known || s.Disk.Reserve != 1<<20 || s.Disk.Total == 0 || s.Disk.Lacking {
		t.Errorf("disk %+v", s.Disk)
	}
	if f := follower.Stats(); f.Followers != nil || f.Clocks != nil || f.Voters != 3 || f.LastLog == 0 {
		t.Errorf("a follower's stats %+v", f)
	}
	leader.reopen()
	if again := leader.Stats().Snapshot; again.Index != s.Snapshot.Index || again.Bytes != s.Snapshot.Bytes {
		t.Errorf("after a restart the snapshot is %+v, was %+v", again, s.Snapshot)
	}
}

// A follower that answers no more falls behind, as the leader sees it.
func TestLagOfASilentFollower(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	gone := others(nodes, leader)[0]
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		leader.propose(createRoot(t, fmt.Sprint("p", i)))
	}
	await(t, "the lag shows", func(context.Context) error {
		for _, f := range leader.Stats().Followers {
			if f.NodeID == gone.config.NodeID && f.Lag >= 5 && (!f.Heard || f.Silent > 0) {
				return nil
			}
		}
		return errors.New("no lag")
	})
}
