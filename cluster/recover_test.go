package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm/tree"
)

func recoverDirectory(t *testing.T, path string) (cluster.Founded, error) {
	t.Helper()
	d, err := cluster.OpenDirectory(path, nil)
	if err != nil {
		return cluster.Founded{}, err
	}
	defer d.Close()
	return d.Recover(cluster.Recovery{Now: time.Now()})
}

func TestRecover(t *testing.T) {
	nodes := start(t, 3, nil)
	known := createRoot(t, "host-1")
	nodes[0].propose(known)
	digest := sameDigests(t, nodes)
	survivor, gone := nodes[0], nodes[1:]
	oldCluster := survivor.Status().ClusterID
	if _, err := recoverDirectory(t, survivor.config.DataDir); err == nil {
		t.Fatal("a directory in use was recovered")
	}
	for _, n := range gone {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// Without a majority nothing goes.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if _, err := survivor.Propose(ctx, createRoot(t, "never")); err == nil {
		t.Fatal("a write without a majority")
	}
	if err := survivor.Close(); err != nil {
		t.Fatal(err)
	}
	founded, err := recoverDirectory(t, survivor.config.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if founded.ClusterID == oldCluster || founded.RaftID == survivor.Status().RaftID || founded.Replaced == "" || founded.RaisedBy.Generations < cluster.RaiseLeast {
		t.Errorf("%+v", founded)
	}
	if _, err := os.Stat(filepath.Join(founded.Replaced, "node.json")); err != nil {
		t.Error(err)
	}
	wholeDirectory(t, survivor.config.DataDir)
	wholeDirectory(t, founded.Replaced)

	survivor.open() // with the command line that it always had
	survivor.awaitReady()
	v := survivor.read(cluster.Linearizable, 0)
	// The entry that was not acknowledged may be there, since it may have been.
	if _, there := v.Tree.Find(tree.ByName("never")); !there && lowered(t, v, founded.RaisedBy) != cluster.Digest(digest) {
		t.Error("the state is not what the survivor had")
	}
	if again := survivor.propose(known); !again.Replayed {
		t.Errorf("%+v", again)
	}
	survivor.refused(staleWrite(t, "host-1", 0), tree.CodeConflict)
	survivor.propose(createRoot(t, "host-2"))

	// One that was lost comes back with what it had: it is of another cluster.
	back := gone[0]
	back.open()
	dir := t.TempDir()
	members := []*testNode{survivor, joins(t, "n4", dir, survivor), joins(t, "n5", dir, survivor)}
	survivor.propose(createRoot(t, "host-3"))
	sameDigests(t, members)
	await(t, "the one that came back finds no leader", func(ctx context.Context) error {
		if s := back.Status(); s.LeaderID != "" || s.ClusterID != oldCluster || s.State == "leader" {
			return fmt.Errorf("%+v", s)
		}
		return nil
	})
	if _, there := back.read(cluster.Stale, 0).Tree.Find(tree.ByName("host-2")); there {
		t.Error("it was given what happened since")
	}
	var called *cluster.PeerError
	if _, err := back.net.Call(t.Context(), survivor.addr, cluster.VerbTerm, nil); !errors.As(err, &called) || called.Code != cluster.PeerOtherCluster {
		t.Errorf("a call from the old cluster: %v", err)
	}
	all, err := survivor.Members(t.Context())
	if err != nil || len(all) != 3 {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestRecoverRefuses(t *testing.T) {
	n := start(t, 1, nil)[0]
	n.propose(createRoot(t, "host-1"))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	dir := n.config.DataDir
	before, err := os.ReadFile(filepath.Join(dir, "node.json"))
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(dir, "diverged.json")
	text := fmt.Sprintf(`{"format":1,"index":1,"own":"%064d","agreed":"%064d"}`, 1, 2)
	if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *cluster.Error
	if _, err := recoverDirectory(t, dir); !errors.As(err, &e) || e.Code != cluster.CodeHalted {
		t.Errorf("a state that is wrong: %v", err)
	}
	if err := os.Remove(note); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "node.json"))
	if err != nil || string(after) != string(before) {
		t.Error("a refusal changed the directory", err)
	}
	if _, err := recoverDirectory(t, t.TempDir()); !errors.As(err, &e) || e.Code != cluster.CodeInvalid {
		t.Errorf("no data directory: %v", err)
	}
}

// Wherever the end of it is interrupted, the next start finishes it.
func TestRecoverInterrupted(t *testing.T) {
	n := start(t, 1, func(c *cluster.Config) { c.RaftLog = logstore.EngineBolt })[0]
	n.propose(createRoot(t, "host-1"))
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	dir := n.config.DataDir
	founded, err := recoverDirectory(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	replaced := filepath.Base(founded.Replaced)
	// The steps back, from the last one.
	back := func(name string) { move(t, filepath.Join(dir, name), filepath.Join(dir, "founded", name)) }
	old := func(name string) { move(t, filepath.Join(dir, replaced, name), filepath.Join(dir, name)) }
	steps := []func(){
		func() {}, func() { back("node.json") }, func() { back("snapshots") }, func() { back("raft.db") },
		func() { old("node.json") }, func() { old("raft.db") },
	}
	for done := range steps {
		work := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(work, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		was := dir
		dir = work
		if err := os.Mkdir(filepath.Join(work, "founded"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, step := range steps[:done+1] {
			step()
		}
		if _, err := cluster.OpenDirectory(work, nil); err == nil {
			t.Errorf("step %d: half a directory was opened", done)
		}
		o := &testNode{t: t, addr: clustertest.FreeAddr(t), config: cluster.Config{NodeID: "n1", DataDir: work, Version: "test", Logger: testLogger(t)}}
		o.open()
		o.awaitReady()
		if s := o.Status(); s.ClusterID != founded.ClusterID || s.RaftID != founded.RaftID {
			t.Errorf("step %d: %+v", done, s)
		}
		if v := o.read(cluster.Linearizable, 0); cluster.Digest(v.Digest()) != founded.Digest {
			t.Errorf("step %d: another state", done)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
		wholeDirectory(t, work)
		wholeDirectory(t, filepath.Join(work, replaced))
		dir = was
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
