package placement

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/transport/raftnet"
)

// patience bounds every wait for a condition; nothing is judged by time below
// it. electionTimeout is short, and an election at any time changes no answer.
const (
	patience        = 60 * time.Second
	electionTimeout = 200 * time.Millisecond
)

// member is a node of a cluster over real TCP, and where it serves.
type member struct {
	*cluster.Node
	url string
}

// startMembers starts a cluster of n nodes with an empty store and returns
// once all are ready, the leader first.
func startMembers(t *testing.T, n int) []member {
	t.Helper()
	dir := t.TempDir()
	var addrs []string
	for range n {
		addrs = append(addrs, clustertest.FreeAddr(t))
	}
	members := make([]member, n)
	for i := range members {
		network, err := raftnet.Listen(raftnet.Config{Listen: addrs[i]})
		if err != nil {
			t.Fatal(err)
		}
		c := cluster.Config{
			NodeID: fmt.Sprintf("n%d", i+1), DataDir: filepath.Join(dir, fmt.Sprintf("n%d", i+1)), Network: network,
			APIURL: fmt.Sprintf("http://n%d.invalid", i+1), Version: "test",
			Timing: cluster.Timing{
				Request: patience, Heartbeat: electionTimeout, Election: electionTimeout, Lease: electionTimeout,
			},
		}
		if n > 1 {
			c.BootstrapExpect, c.Join = n, addrs
		}
		node, err := cluster.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := node.Close(); err != nil {
				t.Error(err)
			}
		})
		members[i] = member{node, serve(t, node, Config{Policy: legacy(t), RequestTimeout: patience})}
	}
	for _, m := range members {
		awaitReady(t, m)
	}
	i := leaderOf(t, members)
	members[0], members[i] = members[i], members[0]
	return members
}

// await calls f until it returns nil.
func await(t *testing.T, what string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func awaitReady(t *testing.T, m member) {
	t.Helper()
	await(t, m.Status().NodeID+" is ready", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return m.Ready(ctx)
	})
}

// leaderOf waits until one leads and returns which.
func leaderOf(t *testing.T, members []member) int {
	t.Helper()
	leader := 0
	await(t, "one leads", func(context.Context) error {
		for i, m := range members {
			if m.Status().State == "leader" {
				leader = i
				return nil
			}
		}
		return errors.New("none does")
	})
	return leader
}

// sameDigest compares what all members hold once they have all applied what
// any of them has.
func sameDigest(t *testing.T, members []member) {
	t.Helper()
	var index uint64
	for _, m := range members {
		index = max(index, m.Status().Applied)
	}
	var first [32]byte
	for i, m := range members {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		v, err := m.Read(ctx, cluster.Session, index)
		cancel()
		if err != nil {
			t.Fatalf("%s: %v", m.Status().NodeID, err)
		}
		digest := v.Digest()
		if i == 0 {
			first = digest
		}
		if digest != first {
			t.Errorf("%s and %s differ at index %d", members[0].Status().NodeID, m.Status().NodeID, index)
		}
	}
}

// TestCasesOnClusters plays every file to real nodes: whichever answers, the
// answers are the same.
func TestCasesOnClusters(t *testing.T) {
	inTurn := func(members []member) func(i, n int) string {
		return func(i, _ int) string { return members[i%len(members)].url }
	}
	for _, c := range []struct {
		name string
		size int
		// play plays the file and returns the members that are left.
		play func(t *testing.T, path string, members []member) []member
	}{
		{"one node", 1, func(t *testing.T, path string, members []member) []member {
			t.Helper()
			play(t, path, inTurn(members))
			return members
		}},
		{"a follower of three", 3, func(t *testing.T, path string, members []member) []member {
			t.Helper()
			play(t, path, inTurn(members[1:2]))
			return members
		}},
		{"three in turn", 3, func(t *testing.T, path string, members []member) []member {
			t.Helper()
			play(t, path, inTurn(members))
			return members
		}},
		{"three in turn, the leader fails half way", 3, func(t *testing.T, path string, members []member) []member {
			t.Helper()
			left, term := members, uint64(0)
			play(t, path, func(i, n int) string {
				if i == n/2 {
					// It falls silent without handing over.
					leader := leaderOf(t, members)
					term = members[leader].Status().Term
					if err := members[leader].Close(); err != nil {
						t.Error(err)
					}
					left = slices.Delete(slices.Clone(members), leader, leader+1)
				}
				return left[i%len(left)].url
			})
			if now := left[leaderOf(t, left)].Status(); now.Term <= term {
				t.Errorf("%s leads in term %d, and the one that failed did in %d", now.NodeID, now.Term, term)
			}
			return left
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachCaseFile(t, func(t *testing.T, path string) {
				t.Parallel() // most of it is waiting for elections
				sameDigest(t, c.play(t, path, startMembers(t, c.size)))
			})
		})
	}
}
