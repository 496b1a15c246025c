package cluster_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/archive"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// archived is a view as it is after a backup.
func archived(t *testing.T, v *fsm.View) *fsm.View {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Write(&b, archive.HeaderOf(v), v); err != nil {
		t.Fatal(err)
	}
	_, back, err := archive.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	return back
}

// lowered is the digest of a view as it was before it was raised.
func lowered(t *testing.T, v *fsm.View, by cluster.Raised) cluster.Digest {
	t.Helper()
	meta := v.Tree.Meta()
	meta.Revision -= by.Revision
	b := tree.NewBuilder(meta)
	for r := range v.Tree.ClassRecords() {
		b.AddClass(r)
	}
	for r := range v.Tree.TraitRecords() {
		b.AddTrait(r)
	}
	for r := range v.Tree.ProviderRecords() {
		r.Generation -= by.Generations
		b.AddProvider(r)
	}
	for r := range v.Tree.ConsumerRecords() {
		r.Generation -= by.Generations
		b.AddConsumer(r)
	}
	s, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return (&fsm.View{Tree: s}).Digest()
}

// wholeDirectory checks a directory as treenode inspect does.
func wholeDirectory(t *testing.T, path string) cluster.DirectoryReport {
	t.Helper()
	d, err := cluster.OpenDirectory(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r := d.Report()
	if len(r.Damage) > 0 || len(r.Contradictions) > 0 || r.State == nil || r.State.Violation != "" {
		t.Fatalf("%s: %+v", path, r)
	}
	return r
}

// staleWrite is a write by what a client knew of a provider.
func staleWrite(t *testing.T, provider string, generation uint64) fsm.Command {
	t.Helper()
	return fsm.Command{RequestID: newID(t), Txn: tree.Txn{
		Preconditions: []tree.Precondition{{Kind: tree.ProviderGeneration, Provider: tree.ByName(provider), Value: generation}},
		Ops:           []tree.Op{tree.ChangeTraits{Provider: tree.ByName(provider), Traits: []string{"HW_CPU_X86_AVX"}}},
	}}
}

func (n *testNode) refused(cmd fsm.Command, want tree.Code) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := n.Propose(ctx, cmd)
	if err != nil || r.Refused == nil || r.Refused.Code != want {
		n.t.Fatalf("%s: %v, %v; want %v", n.config.NodeID, err, r.Refused, want)
	}
}

// joins starts a node with an empty directory that joins another one.
func joins(t *testing.T, id, dir string, at *testNode) *testNode {
	t.Helper()
	n := &testNode{t: t, addr: clustertest.FreeAddr(t), config: cluster.Config{
		NodeID: id, DataDir: filepath.Join(dir, id), Join: []string{at.addr}, Version: "test", Logger: testLogger(t),
	}}
	n.open()
	n.awaitReady()
	await(t, id+" has a vote", func(ctx context.Context) error {
		members, err := at.Members(ctx)
		for _, m := range members {
			if m.NodeID == id && m.Voter && m.Healthy {
				return nil
			}
		}
		return errors.Join(err, fmt.Errorf("members %+v", members))
	})
	return n
}

func TestRestore(t *testing.T) {
	for _, engine := range []logstore.Engine{logstore.EngineWAL, logstore.EngineBolt} {
		t.Run(string(engine), func(t *testing.T) {
			old := start(t, 1, nil)[0]
			known := createRoot(t, "host-1")
			first := old.propose(known)
			old.propose(createRoot(t, "host-2"))
			view := archived(t, old.read(cluster.Linearizable, 0))
			generation := uint64(0) // as a client knew it
			lost := createRoot(t, "host-3")
			old.propose(lost)
			if err := old.Close(); err != nil {
				t.Fatal(err)
			}

			dir := t.TempDir()
			at := filepath.Join(dir, "n1")
			r := cluster.Restoration{DataDir: at, NodeID: "n1", RaftLog: engine, View: view, Term: 7, Raise: cluster.RaiseBy(5000)}
			founded, err := cluster.Restore(r)
			if err != nil {
				t.Fatal(err)
			}
			if founded.ClusterID == old.Status().ClusterID || founded.Index != view.Index+500_000 || founded.Term != 7 || founded.Providers != 2 || founded.Replaced != "" {
				t.Errorf("%+v", founded)
			}
			if report := wholeDirectory(t, at); report.State.Digest != founded.Digest || report.Term != 7 || report.RaftLog != string(engine) || len(report.Members) != 1 {
				t.Errorf("%+v", report)
			}
			info, err := os.Stat(at)
			if err != nil || info.Mode().Perm() != 0o700 {
				t.Error(info, err)
			}
			if entries, _ := os.ReadDir(at); len(entries) != 3 {
				t.Errorf("%v", entries)
			}

			n := &testNode{t: t, addr: clustertest.FreeAddr(t), config: cluster.Config{
				NodeID: "n1", DataDir: at, Version: "test", Logger: testLogger(t), CheckpointInterval: -1,
			}}
			n.open()
			n.awaitReady()
			now := n.read(cluster.Linearizable, 0)
			if cluster.Digest(now.Digest()) != founded.Digest || lowered(t, now, founded.RaisedBy) != view.Digest() {
				t.Error("the state is not that of the archive")
			}
			if s := n.Status(); s.ClusterID != founded.ClusterID || s.RaftID != founded.RaftID || s.Term <= 7 {
				t.Errorf("%+v", s)
			}
			// What a client knew of the old cluster leads to a conflict.
			n.refused(staleWrite(t, "host-1", generation), tree.CodeConflict)
			n.propose(staleWrite(t, "host-1", generation+5000))
			// A request that the archive knows is not executed again, one that was lost is.
			if again := n.propose(known); !again.Replayed || again.Index != first.Index {
				t.Errorf("%+v", again)
			}
			if again := n.propose(lost); again.Replayed {
				t.Errorf("%+v", again)
			}
			if engine == logstore.EngineBolt {
				return
			}
			others := []*testNode{n, joins(t, "n2", dir, n), joins(t, "n3", dir, n)}
			n.propose(createRoot(t, "host-4"))
			sameDigests(t, others)
			leader := leaderOf(t, others)
			if _, err := leader.Checkpoint(t.Context()); err != nil {
				t.Error(err)
			}
			for _, o := range others {
				if err := o.Snapshot(); err != nil {
					t.Error(err)
				}
				if err := o.Close(); err != nil {
					t.Fatal(err)
				}
				wholeDirectory(t, o.config.DataDir)
			}
			n.open()
			others[1].open()
			n.awaitReady()
		})
	}
}

func TestRestoreRefuses(t *testing.T) {
	view := fsm.New(nil).View()
	used := t.TempDir()
	if err := os.WriteFile(filepath.Join(used, "something"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "n1")
	whole := cluster.Restoration{DataDir: dir, NodeID: "n1", View: view, Raise: cluster.RaiseBy(1)}
	for name, change := range map[string]func(*cluster.Restoration){
		"not empty":      func(r *cluster.Restoration) { r.DataDir = used },
		"a file":         func(r *cluster.Restoration) { r.DataDir = filepath.Join(used, "something") },
		"no directory":   func(r *cluster.Restoration) { r.DataDir = "" },
		"node id":        func(r *cluster.Restoration) { r.NodeID = "n@1" },
		"log":            func(r *cluster.Restoration) { r.RaftLog = "some" },
		"address":        func(r *cluster.Restoration) { r.Advertise = "host" },
		"raised too far": func(r *cluster.Restoration) { r.Raise.Index = 1 << 63 },
	} {
		r := whole
		change(&r)
		_, err := cluster.Restore(r)
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the directory is there", name)
		}
	}
	if entries, err := os.ReadDir(used); err != nil || len(entries) != 1 {
		t.Error(entries, err)
	}
	// The root of a file system is as good as empty.
	mounted := t.TempDir()
	if err := os.Mkdir(filepath.Join(mounted, "lost+found"), 0o700); err != nil {
		t.Fatal(err)
	}
	whole.DataDir = mounted
	if _, err := cluster.Restore(whole); err != nil {
		t.Error(err)
	}
	wholeDirectory(t, mounted)
}

func TestRaiseSince(t *testing.T) {
	taken := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]uint64{
		0: 1_000_000, -time.Hour: 1_000_000, time.Second: 1_001_000, 24 * time.Hour: 87_400_000,
	} {
		if r := cluster.RaiseSince(taken, taken.Add(d)); r.Generations != want || r.Index != 100*want {
			t.Errorf("%v: %+v", d, r)
		}
	}
}
