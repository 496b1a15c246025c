package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/raftnet"
)

// keptNode is a supervised node of a test over real TCP.
type keptNode struct {
	*cluster.Supervised
	t      testing.TB
	config cluster.Config
	addr   string
}

// keep prepares n supervised nodes that expect each other, and starts none.
func keep(t testing.TB, n int, adapt func(i int, c *cluster.Config)) []*keptNode {
	t.Helper()
	var nodes []*keptNode
	for i, plain := range layOut(t, n, nil) {
		k := &keptNode{t: t, config: plain.config, addr: plain.addr}
		k.config.Timing.Restart = 20 * time.Millisecond
		if adapt != nil {
			adapt(i, &k.config)
		}
		nodes = append(nodes, k)
	}
	return nodes
}

func startKept(t testing.TB, n int, adapt func(i int, c *cluster.Config)) []*keptNode {
	t.Helper()
	nodes := keep(t, n, adapt)
	for _, k := range nodes {
		k.open()
	}
	for _, k := range nodes {
		k.awaitReady()
	}
	return nodes
}

func (k *keptNode) tryOpen(lastCrash string) error {
	s, err := cluster.Supervise(k.config, func() (cluster.Network, error) {
		return raftnet.Listen(raftnet.Config{Listen: k.addr, Logger: k.config.Logger})
	}, lastCrash)
	if err == nil {
		k.Supervised = s
	}
	return err
}

func (k *keptNode) open() {
	k.t.Helper()
	if err := k.tryOpen(""); err != nil {
		k.t.Fatal(err)
	}
	s := k.Supervised
	k.t.Cleanup(func() { _ = s.Close() })
}

func (k *keptNode) awaitReady() {
	k.t.Helper()
	await(k.t, k.config.NodeID+" is ready", k.Ready)
}

// propose proposes until it is accepted.
func (k *keptNode) propose(names ...string) {
	k.t.Helper()
	for _, name := range names {
		cmd := createRoot(k.t, name)
		await(k.t, "provider "+name+" is there", func(ctx context.Context) error {
			r, err := k.Propose(ctx, cmd)
			if err == nil && r.Refused != nil {
				k.t.Fatal(r.Refused)
			}
			return err
		})
	}
}

// leaderAmong waits until one node leads and the others follow it.
func leaderAmong(t testing.TB, nodes []*keptNode) *keptNode {
	t.Helper()
	var leader *keptNode
	await(t, "all follow one leader", func(ctx context.Context) error {
		leader = nil
		for _, k := range nodes {
			if k.Status().State == "leader" {
				leader = k
			}
		}
		if leader == nil {
			return errors.New("no leader")
		}
		for _, k := range nodes {
			if s := k.Status(); s.LeaderID != leader.config.NodeID {
				return fmt.Errorf("%s follows %q", s.NodeID, s.LeaderID)
			}
		}
		return leader.Ready(ctx)
	})
	return leader
}

func without(nodes []*keptNode, not *keptNode) []*keptNode {
	var rest []*keptNode
	for _, k := range nodes {
		if k != not {
			rest = append(rest, k)
		}
	}
	return rest
}

// alike waits until all nodes hold the same at the same index.
func alike(t testing.TB, nodes []*keptNode) {
	t.Helper()
	await(t, "all nodes hold the same", func(ctx context.Context) error {
		var index uint64
		var digest [32]byte
		for i, k := range nodes {
			v, err := k.Read(ctx, cluster.Linearizable, 0)
			if err != nil {
				return err
			}
			if err := v.Tree.Check(); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				index, digest = v.Index, v.Digest()
			} else if v.Index != index || v.Digest() != digest {
				return fmt.Errorf("%s has another state at %d than the first at %d", k.config.NodeID, v.Index, index)
			}
		}
		return nil
	})
}

// awaitVoters waits until the cluster has these voters and no other member.
func awaitVoters(t testing.TB, ask *keptNode, want int, not string) {
	t.Helper()
	await(t, "all are voters and the old server is gone", func(ctx context.Context) error {
		members, err := ask.Members(ctx)
		if err != nil {
			return err
		}
		if len(members) != want {
			return fmt.Errorf("%d members", len(members))
		}
		for _, m := range members {
			if !m.Voter || !m.Healthy || m.RaftID == not {
				return fmt.Errorf("%+v", m)
			}
		}
		return nil
	})
}

// awaitTrouble waits until the node says what is wrong, in all of these words.
func (k *keptNode) awaitTrouble(words ...string) {
	k.t.Helper()
	await(k.t, k.config.NodeID+" says what is wrong", func(ctx context.Context) error {
		status := k.Status()
		for _, w := range words {
			if !strings.Contains(status.Trouble, w) {
				return fmt.Errorf("%q does not name %q", status.Trouble, w)
			}
		}
		return nil
	})
}

// asides are the directories that a node has set aside.
func (k *keptNode) asides() []string {
	k.t.Helper()
	found, err := filepath.Glob(filepath.Join(k.config.DataDir, "damaged-*"))
	if err != nil {
		k.t.Fatal(err)
	}
	return found
}

func (k *keptNode) path(parts ...string) string {
	return filepath.Join(append([]string{k.config.DataDir}, parts...)...)
}

// flip changes one byte of a file where it holds the text, or in the middle.
func flip(t testing.TB, path, text string) {
	t.Helper()
	found, err := filepath.Glob(path)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", path, found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	places := []int{len(b) / 2}
	if text != "" {
		// All of them: which page of a database is in use does not show.
		places = nil
		for at := 0; ; at++ {
			next := strings.Index(string(b[at:]), text)
			if next < 0 {
				break
			}
			at += next
			places = append(places, at)
		}
	}
	if len(places) == 0 {
		t.Fatalf("%s has no %q", found[0], text)
	}
	f, err := os.OpenFile(found[0], os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, at := range places {
		if _, err := f.WriteAt([]byte{b[at] ^ 0x10}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
}
