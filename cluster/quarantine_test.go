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
	"github.com/treenode/treenode/cluster/logstore"
)

// damageKind is one way a directory can be damaged.
type damageKind struct {
	name   string
	engine logstore.Engine
	damage func(k *keptNode)
	// names is what the node must say: the file.
	names string
	// down says that it is found at a start only: nothing reads it before.
	down bool
}

var damageKinds = []damageKind{
	{"entry in a segment", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("raft-wal", "*.wal"), "host33") }, ".wal", false},
	{"entry in the database", logstore.EngineBolt, func(k *keptNode) { flip(k.t, k.path("raft.db"), "host33") }, "raft.db", false},
	{"term", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("raft-wal", "wal-meta.db"), "CurrentTerm") }, "wal-meta.db", false},
	{"meta page", logstore.EngineWAL, func(k *keptNode) { spoil(k, 40, "raft-wal", "wal-meta.db") }, "wal-meta.db", false},
	{"meta page of the database", logstore.EngineBolt, func(k *keptNode) { spoil(k, 40, "raft.db") }, "raft.db", true},
	{"log cut off", logstore.EngineBolt, func(k *keptNode) { cut(k, "raft.db") }, "raft.db", true},
	{"log gone", logstore.EngineWAL, func(k *keptNode) { remove(k, "raft-wal") }, "raft-wal", true},
	{"database gone", logstore.EngineBolt, func(k *keptNode) { remove(k, "raft.db") }, "raft.db", true},
	{"segment gone", logstore.EngineWAL, func(k *keptNode) { removeOne(k, "raft-wal", "*.wal") }, "raft-wal", true},
	{"state of a snapshot", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("snapshots", "*", "state.bin"), "host5") }, "state.bin", false},
	{"meta of a snapshot", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("snapshots", "*", "meta.json"), `"Index":`) }, "meta.json", false},
	{"index of a snapshot", logstore.EngineWAL, func(k *keptNode) { replace(k, `"ConfigurationIndex":`, `"ConfigurationIndex":9`) }, "meta.json", false},
	{"snapshots gone", logstore.EngineWAL, func(k *keptNode) { remove(k, "snapshots") }, "snapshots", true},
	{"node.json", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("node.json"), `"instance": "`) }, "node.json", false},
	{"node.json gone", logstore.EngineWAL, func(k *keptNode) { remove(k, "node.json") }, "node.json", false},
	{"node.json and peers.json", logstore.EngineWAL, func(k *keptNode) { flip(k.t, k.path("node.json"), ""); flip(k.t, k.path("peers.json"), "") }, "node.json", false},
}

func spoil(k *keptNode, at int64, parts ...string) {
	k.t.Helper()
	f, err := os.OpenFile(k.path(parts...), os.O_RDWR, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	for _, page := range []int64{0, 4096} {
		var b [1]byte
		if _, err := f.ReadAt(b[:], page+at); err != nil {
			k.t.Fatal(err)
		}
		b[0] ^= 0x40
		if _, err := f.WriteAt(b[:], page+at); err != nil {
			k.t.Fatal(err)
		}
	}
}

func cut(k *keptNode, parts ...string) {
	k.t.Helper()
	if err := os.Truncate(k.path(parts...), 8192); err != nil {
		k.t.Fatal(err)
	}
}

func remove(k *keptNode, parts ...string) {
	k.t.Helper()
	if err := os.RemoveAll(k.path(parts...)); err != nil {
		k.t.Fatal(err)
	}
}

func removeOne(k *keptNode, parts ...string) {
	k.t.Helper()
	found, err := filepath.Glob(k.path(parts...))
	if err != nil || len(found) == 0 {
		k.t.Fatal(found, err)
	}
	if err := os.Remove(found[0]); err != nil {
		k.t.Fatal(err)
	}
}

// replace changes the meta of a snapshot so that it stays JSON.
func replace(k *keptNode, old, by string) {
	k.t.Helper()
	found, err := filepath.Glob(k.path("snapshots", "*", "meta.json"))
	if err != nil || len(found) == 0 {
		k.t.Fatal(found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil || !strings.Contains(string(b), old) {
		k.t.Fatalf("%s: %v", b, err)
	}
	if err := os.WriteFile(found[0], []byte(strings.Replace(string(b), old, by, 1)), 0o600); err != nil {
		k.t.Fatal(err)
	}
}

// Every kind of file of one node is damaged, while it is down and while it is
// up. Each time it rebuilds itself from the others, and nobody lends a hand.
func TestDamageIsRebuilt(t *testing.T) {
	for _, up := range []bool{false, true} {
		for _, kind := range damageKinds {
			if up && kind.down {
				continue
			}
			name := "down/" + kind.name
			if up {
				name = "up/" + kind.name
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testDamageIsRebuilt(t, kind, up)
			})
		}
	}
}

func testDamageIsRebuilt(t *testing.T, kind damageKind, up bool) {
	nodes := startKept(t, 3, func(_ int, c *cluster.Config) {
		c.RaftLog = kind.engine
		c.SnapshotThreshold, c.TrailingLogs = 20, 20
		c.Timing.Scrub = 50 * time.Millisecond
	})
	for i := range 40 {
		nodes[i%3].propose(fmt.Sprintf("host%d", i))
	}
	victim := without(nodes, leaderAmong(t, nodes))[0]
	alike(t, nodes)
	if err := victim.Node().Snapshot(); err != nil { // drops the start of the log
		t.Fatal(err)
	}
	old := victim.Status().RaftID
	if !up {
		if err := victim.Close(); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	kind.damage(victim)
	if !up {
		victim.open()
	}
	await(t, "the directory was set aside", func(context.Context) error {
		if len(victim.asides()) != 1 {
			return fmt.Errorf("%v, %+v", victim.asides(), victim.Status())
		}
		return nil
	})
	b, err := os.ReadFile(filepath.Join(victim.asides()[0], "damage.json"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	await(t, "the new server is ready", func(ctx context.Context) error {
		if id := victim.Status().RaftID; id == old || id == "" {
			return fmt.Errorf("it is %q", id)
		}
		return victim.Ready(ctx)
	})
	if b == nil {
		b, err = os.ReadFile(filepath.Join(victim.asides()[0], "damage.json"))
	}
	if err != nil && b == nil || !strings.Contains(string(b), kind.names) {
		t.Errorf("it does not say which file: %s, %v", b, err)
	}
	awaitVoters(t, victim, 3, old)
	victim.propose("after")
	alike(t, nodes)
	took := time.Since(began)
	if took > 60*time.Second {
		t.Errorf("it took %v", took)
	}
	t.Logf("whole after %v: %s", took.Round(time.Millisecond), b)
	for _, k := range without(nodes, victim) {
		if len(k.asides()) > 0 {
			t.Errorf("%s was set aside too", k.config.NodeID)
		}
	}
	// It is a member like any other: it can be one of two.
	if err := without(nodes, victim)[0].Close(); err != nil {
		t.Fatal(err)
	}
	victim.propose("as one of two")
}

// Damage on a majority: what is left might lack something. Every damaged node
// stays down, says what and where, and touches nothing.
func TestDamageOnAMajorityHalts(t *testing.T) {
	nodes := startKept(t, 3, nil)
	for i := range 40 {
		nodes[i%3].propose(fmt.Sprintf("host%d", i))
	}
	alike(t, nodes)
	for _, k := range nodes {
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range nodes[:2] {
		flip(t, k.path("raft-wal", "*.wal"), "host33")
	}
	for _, k := range nodes {
		k.open()
	}
	check := func(k *keptNode) {
		t.Helper()
		k.awaitTrouble(".wal", "at index", "can't rebuild")
		if err := k.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), ".wal") {
			t.Errorf("%s is ready, or does not say why not: %v", k.config.NodeID, err)
		}
		if _, err := k.Read(t.Context(), cluster.Stale, 0); err == nil {
			t.Errorf("%s serves from a damaged directory", k.config.NodeID)
		}
		if len(k.asides()) > 0 {
			t.Errorf("%s was set aside", k.config.NodeID)
		}
	}
	for _, k := range nodes[:2] {
		check(k)
	}
	await(t, "the good copy can be read", func(ctx context.Context) error {
		_, err := nodes[2].Read(ctx, cluster.Stale, 0)
		return err
	})
	// The third as well: all copies are bad.
	if err := nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, nodes[2].path("raft-wal", "*.wal"), "host33")
	nodes[2].open()
	for _, k := range nodes {
		check(k)
	}
}

// A node of a cluster of one never sets its only copy aside.
func TestDamageOfTheOnlyCopy(t *testing.T) {
	node := startKept(t, 1, nil)[0]
	for i := range 40 {
		node.propose(fmt.Sprintf("host%d", i))
	}
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, node.path("raft-wal", "*.wal"), "host33")
	node.open()
	node.awaitTrouble(".wal", "at index", "no other member")
	if len(node.asides()) > 0 {
		t.Error("it was set aside")
	}
}

// The process ends at each step of setting a directory aside. The next start
// goes on where it ended.
func TestSettingAsideIsInterrupted(t *testing.T) {
	for _, at := range []string{
		"agreed", "planned", "moved raft-wal", "moved snapshots", "moved node.json", "moved", "named", "done",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			nodes := startKept(t, 3, nil)
			for i := range 40 {
				nodes[i%3].propose(fmt.Sprintf("host%d", i))
			}
			victim := without(nodes, leaderAmong(t, nodes))[0]
			old := victim.Status().RaftID
			alike(t, nodes)
			if err := victim.Close(); err != nil {
				t.Fatal(err)
			}
			flip(t, victim.path("raft-wal", "*.wal"), "host33")
			reached := make(chan struct{})
			cluster.InterruptAside(&victim.config, func(step string) error {
				if step != at {
					return nil
				}
				select {
				case <-reached:
				default:
					close(reached)
				}
				select {} // as a process that has ended
			})
			first := *victim
			if err := first.tryOpen(""); err != nil {
				t.Fatal(err)
			}
			select {
			case <-reached:
			case <-time.After(patience):
				t.Fatalf("step %s was not reached: %+v", at, first.Status())
			}
			cluster.InterruptAside(&victim.config, nil)
			victim.open()
			awaitVoters(t, nodes[0], 3, old)
			victim.awaitReady()
			victim.propose("after")
			alike(t, nodes)
			if at != "done" && len(victim.asides()) != 1 {
				t.Errorf("set aside: %v", victim.asides())
			}
			kept, err := os.ReadDir(victim.asides()[0])
			if err != nil {
				t.Fatal(err)
			}
			found := ""
			for _, e := range kept {
				found += e.Name() + " "
			}
			for _, want := range []string{"raft-wal", "node.json", "damage.json"} {
				if !strings.Contains(found, want) {
					t.Errorf("%s is not in what was set aside: %s", want, found)
				}
			}
		})
	}
}

// Only the newest of what was set aside is kept, and nothing goes before the
// node is whole.
func TestOldDirectoriesGo(t *testing.T) {
	t.Parallel()
	nodes := startKept(t, 3, nil)
	victim := nodes[0]
	for round := range 4 {
		nodes[1].propose(fmt.Sprintf("host%d", round))
		alike(t, nodes)
		old := victim.Status().RaftID
		if err := victim.Close(); err != nil {
			t.Fatal(err)
		}
		flip(t, victim.path("node.json"), `"instance": "`)
		victim.open()
		awaitVoters(t, nodes[1], 3, old)
		victim.awaitReady()
	}
	await(t, "the old ones are gone", func(context.Context) error {
		if n := len(victim.asides()); n != 2 {
			return fmt.Errorf("%d are there", n)
		}
		return nil
	})
}
