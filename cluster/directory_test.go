package cluster_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// contents are the files below a directory, with their times.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := os.DirFS(dir)
	err := fs.WalkDir(root, ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		if !e.IsDir() {
			b, err := fs.ReadFile(root, path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
		all[path] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func openDirectory(t *testing.T, path string) *cluster.Directory {
	t.Helper()
	d, err := cluster.OpenDirectory(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func compareDirectories(t *testing.T, a, b string) cluster.Comparison {
	t.Helper()
	c, err := cluster.CompareDirectories(openDirectory(t, a), openDirectory(t, b))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func stopAll(t *testing.T, nodes []*testNode) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDirectoryReport(t *testing.T) {
	for _, engine := range []logstore.Engine{logstore.EngineWAL, logstore.EngineBolt} {
		t.Run(string(engine), func(t *testing.T) {
			temporary := t.TempDir()
			t.Setenv("TMPDIR", temporary)
			nodes := start(t, 3, func(c *cluster.Config) { c.CheckpointInterval, c.RaftLog = -1, engine })
			leader := leaderOf(t, nodes)
			leader.propose(command(t, before...))
			c := checkpoint(t, leader)
			if err := leader.Snapshot(); err != nil {
				t.Fatal(err)
			}
			for i, op := range mutations {
				if i%2 == 0 { // the others may be refused by now, which the log does not show
					op = tree.CreateProvider{UUID: newID(t), Name: fmt.Sprint("more", i)}
				}
				if _, err := leader.Propose(t.Context(), command(t, op)); err != nil {
					t.Fatal(err)
				}
			}
			want, digest := leader.read(cluster.Linearizable, 0), sameDigests(t, nodes)
			if _, err := cluster.OpenDirectory(leader.config.DataDir, nil); !errors.Is(err, logstore.ErrLocked) {
				t.Fatalf("a directory in use is opened: %v", err)
			}
			status := leader.Status()
			stopAll(t, nodes)

			was := contents(t, leader.config.DataDir)
			d, err := cluster.OpenDirectory(leader.config.DataDir, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := d.Report()
			kinds := map[string]int{}
			if err := d.Entries(0, 1<<62, func(e cluster.LogEntry) error {
				kinds[e.Kind]++
				if e.Unreadable != "" {
					t.Errorf("%+v", e)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if now := contents(t, leader.config.DataDir); !maps.Equal(was, now) {
				t.Errorf("the directory changed:\n%v\n%v", was, now)
			}
			if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			switch s := r.State; {
			case len(r.Damage)+len(r.Contradictions) > 0:
				t.Errorf("damage %q, contradictions %q", r.Damage, r.Contradictions)
			case s == nil || s.Digest != cluster.Digest(digest) || s.Revision != want.Tree.Revision() || s.Providers != want.Tree.NumProviders() ||
				s.Consumers != want.Tree.NumConsumers() || s.Roots == 0 || s.Inventories == 0 || s.Allocations == 0 || s.Violation != "":
				t.Errorf("state %+v, want digest %v", s, cluster.Digest(digest))
			case len(r.Members) != 3 || r.Term != status.Term || r.VoteTerm == 0 || r.Vote == "" || r.NodeID != status.NodeID || r.ClusterID != status.ClusterID:
				t.Errorf("%+v, want %+v", r, status)
			case r.First != 1 || r.Last < status.Applied || r.LastTerm != status.Term:
				t.Errorf("entries %d to %d, term %d", r.First, r.Last, r.LastTerm)
			case len(r.Snapshots) != 1 || r.Snapshots[0].Index != c.Index || r.Snapshots[0].Bytes == 0 || r.Snapshots[0].Digest != c.Digest || r.Committed != c.Index:
				t.Errorf("snapshots %+v, committed %d", r.Snapshots, r.Committed)
			case len(r.Checkpoints) != 1 || r.Checkpoints[0] != cluster.DirectoryCheckpoint{Index: c.Index, Marked: c.Marked, Digest: c.Digest, Own: c.Digest}:
				t.Errorf("checkpoints %+v, want %+v", r.Checkpoints, c)
			case kinds["mark"] != 1 || kinds["checkpoint"] != 1 || kinds["configuration"] == 0 || kinds["batch"] < len(mutations):
				t.Errorf("entries %v", kinds)
			}
			same := compareDirectories(t, nodes[0].config.DataDir, nodes[1].config.DataDir)
			if !same.Same || same.Digest != cluster.Digest(digest) || same.EntriesFrom != 1 || same.StatesTo < status.Applied {
				t.Errorf("compared as %+v", same)
			}
		})
	}
}

// Every kind of operation is described by more than its name.
func TestEntriesAreDescribed(t *testing.T) {
	nodes := start(t, 1, nil)
	nodes[0].propose(command(t, before...))
	nodes[0].propose(command(t, tree.CreateResourceClass{Class: "CUSTOM_X"}))
	for _, op := range mutations {
		if _, err := nodes[0].Propose(t.Context(), command(t, op)); err != nil {
			t.Fatal(err)
		}
	}
	stopAll(t, nodes)
	seen := map[string]bool{}
	err := openDirectory(t, nodes[0].config.DataDir).Entries(1, 1<<62, func(e cluster.LogEntry) error {
		for _, c := range e.Commands {
			for _, op := range c.Ops {
				kind, about, _ := strings.Cut(op, " ")
				if seen[kind] = true; about == "" {
					t.Errorf("%q says nothing", op)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range mutations {
		if !seen[op.Kind()] {
			t.Errorf("%s was not listed", op.Kind())
		}
	}
}

// snapshotOf is the one snapshot of a directory.
func snapshotOf(t *testing.T, dir string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots %q, %v", found, err)
	}
	return found[0]
}

// rewrite puts another text into a snapshot, with sums that fit: what a node
// has on disk whose state was wrong when it wrote it.
func rewrite(t *testing.T, state, from, to string) {
	t.Helper()
	b, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Count(b, []byte(from)) == 0 || len(from) != len(to) {
		t.Fatalf("the snapshot has no %q", from)
	}
	b = bytes.ReplaceAll(b[:len(b)-sha256.Size], []byte(from), []byte(to))
	sum := sha256.Sum256(b)
	b = append(b, sum[:]...)
	path := filepath.Join(filepath.Dir(state), "meta.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var meta struct {
		raft.SnapshotMeta
		CRC []byte
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	crc := crc64.New(crc64.MakeTable(crc64.ECMA))
	crc.Write(b)
	meta.CRC = crc.Sum(nil)
	if text, err = json.Marshal(meta); err != nil {
		t.Fatal(err)
	}
	// And no seal: this node wrote it, as far as it knows.
	seal := filepath.Join(filepath.Dir(path), "seal")
	if err := errors.Join(os.WriteFile(state, b, 0o600), os.WriteFile(path, text, 0o600), os.Remove(seal)); err != nil {
		t.Fatal(err)
	}
}

// The whole way of issue and tool: a node restores a wrong state, halts at the
// next checkpoint, and its directory shows where it parted.
func TestWrongSnapshotIsFound(t *testing.T) {
	nodes := start(t, 3, func(c *cluster.Config) { c.CheckpointInterval = -1 })
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	leader.propose(command(t, tree.CreateProvider{UUID: newID(t), Name: "a-telling-name"}))
	checkpoint(t, leader)
	deviant := others(nodes, leader)[0]
	sameDigests(t, nodes)
	if err := deviant.Snapshot(); err != nil {
		t.Fatal(err)
	}
	if err := deviant.Close(); err != nil {
		t.Fatal(err)
	}
	state := snapshotOf(t, deviant.config.DataDir)
	rewrite(t, state, "a-telling-name", "b-telling-name")
	var parted uint64
	if r := openDirectory(t, deviant.config.DataDir).Report(); len(r.Snapshots) == 1 {
		parted = r.Snapshots[0].Index
	}
	for i := range 3 {
		leader.propose(createRoot(t, fmt.Sprint("later", i)))
	}
	deviant.open()
	deviant.awaitReady()
	// Whoever leads by now: a node that comes back may take the lead with it.
	var c cluster.Checkpoint
	await(t, "a leader has taken a checkpoint", func(context.Context) (err error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for _, n := range nodes {
			if c, err = n.Checkpoint(ctx); err == nil {
				return nil
			}
		}
		return err
	})
	d := awaitDivergence(t, deviant)
	if d.Index != c.Marked || d.Agreed != c.Digest {
		t.Errorf("%+v after %+v", d, c)
	}
	goesOn(t, others(nodes, deviant), "on")
	stopAll(t, nodes)

	have := compareDirectories(t, leader.config.DataDir, deviant.config.DataDir)
	if have.Same || have.Part != cluster.PartState || have.Index != parted || have.Sides[0].Digest == have.Sides[1].Digest ||
		have.Sides[0].Entry == nil || have.Sides[1].Entry == nil || have.Sides[1].Halted == nil {
		t.Errorf("they part at %d, compared as %+v", parted, have)
	}
	notes := strings.Join(have.Notes, "\n")
	if !strings.Contains(notes, "has a snapshot at index") || !strings.Contains(notes, "halted because its state at index") {
		t.Errorf("notes %s", notes)
	}
	r := openDirectory(t, deviant.config.DataDir).Report()
	if len(r.Contradictions) == 0 || !strings.Contains(r.Contradictions[0], "lead to") || r.Diverged == nil || r.Diverged.Own != d.Own {
		t.Errorf("%+v", r)
	}
	if r := openDirectory(t, leader.config.DataDir).Report(); len(r.Contradictions)+len(r.Damage) > 0 {
		t.Errorf("the leader's: %q %q", r.Contradictions, r.Damage)
	}

	// Damage is told from a wrong state.
	b, err := os.ReadFile(state)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(state, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := openDirectory(t, deviant.config.DataDir).Report(); len(r.Damage) != 1 || r.Snapshots[0].Error == "" || r.State == nil {
		t.Errorf("after a bit was flipped: %+v", r)
	}
}

// A node whose process went wrong, and not its directory.
func TestHaltWithoutATrace(t *testing.T) {
	nodes, faults := faulty(t, 3)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	deviant := others(nodes, leader)[1]
	part(t, leader, faults[deviant])
	checkpoint(t, leader)
	awaitDivergence(t, deviant)
	stopAll(t, nodes)
	c := compareDirectories(t, deviant.config.DataDir, leader.config.DataDir)
	if !c.Same || !strings.Contains(strings.Join(c.Notes, "\n"), "was in the memory of that process") {
		t.Errorf("%+v", c)
	}
}

// replaceEntry stores another entry at an index of a log, and what follows.
func replaceEntry(t *testing.T, dir string, index uint64, change func(*raft.Log)) {
	t.Helper()
	s, err := logstore.Open(filepath.Join(dir, "raft-wal"), logstore.Options{Engine: logstore.EngineWAL})
	if err != nil {
		t.Fatal(err)
	}
	_, last := s.Range()
	var logs []*raft.Log
	for i := index; i <= last; i++ {
		l := &raft.Log{}
		if err := s.GetLog(i, l); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, l)
	}
	change(logs[0])
	if err := errors.Join(s.DeleteRange(index, last), s.StoreLogs(logs), s.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestEntriesThatDiffer(t *testing.T) {
	nodes := start(t, 3, func(c *cluster.Config) { c.CheckpointInterval = -1 })
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	index := leader.propose(createRoot(t, "one")).Index
	c := checkpoint(t, leader)
	var late uint64
	for i := range 600 { // over more than one stride
		late = leader.propose(createRoot(t, fmt.Sprint("late", i))).Index
	}
	sameDigests(t, nodes)
	stopAll(t, nodes)
	dirs := []string{nodes[0].config.DataDir, nodes[1].config.DataDir}

	other := command(t, tree.CreateProvider{UUID: newID(t), Name: "another"})
	encoded, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	forge := func(l *raft.Log) {
		e, err := fsm.DecodeEntry(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		l.Data = fsm.EncodeBatch(e.At, [][]byte{encoded})
	}
	replaceEntry(t, dirs[1], late, forge)
	have := compareDirectories(t, dirs[0], dirs[1])
	if have.Same || have.Part != cluster.PartEntry || have.Index != late || have.StatesTo != late-1 {
		t.Errorf("they part at %d, compared as %+v", late, have)
	}
	for i, want := range []string{"late599", "another"} {
		if e := have.Sides[i].Entry; e == nil || !slices.ContainsFunc(e.Commands, func(c cluster.LogCommand) bool { return strings.Contains(c.Ops[0], want) }) {
			t.Errorf("side %d shows %+v", i, e)
		}
	}
	if notes := strings.Join(have.Notes, "\n"); !strings.Contains(notes, "this one is not") {
		t.Errorf("notes %s", notes)
	}
	replaceEntry(t, dirs[1], index, forge)
	have = compareDirectories(t, dirs[0], dirs[1])
	if have.Part != cluster.PartEntry || have.Index != index || !strings.Contains(strings.Join(have.Notes, "\n"), "must not differ") {
		t.Errorf("they part at %d, compared as %+v", index, have)
	}
	// The checkpoint in its own log contradicts the forged one.
	r := openDirectory(t, dirs[1]).Report()
	if len(r.Contradictions) != 1 || !strings.Contains(r.Contradictions[0], fmt.Sprintf("the state at %d ", c.Marked)) {
		t.Errorf("%q", r.Contradictions)
	}
}

func TestDirectoriesThatAreNone(t *testing.T) {
	empty := t.TempDir()
	code := func(err error) cluster.Code {
		var e *cluster.Error
		if !errors.As(err, &e) {
			t.Fatalf("error %v", err)
		}
		return e.Code
	}
	if _, err := cluster.OpenDirectory(empty, nil); code(err) != cluster.CodeInvalid {
		t.Error(err)
	}
	nodes := start(t, 1, nil)
	stopAll(t, nodes)
	other := start(t, 1, nil)
	stopAll(t, other)
	if c := compareDirectories(t, nodes[0].config.DataDir, other[0].config.DataDir); c.Same || c.Part != cluster.PartCluster {
		t.Errorf("%+v", c)
	}
	dir := nodes[0].config.DataDir
	segments, err := filepath.Glob(filepath.Join(dir, "raft-wal", "*.wal"))
	if err != nil || len(segments) != 1 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[60] ^= 0x40 // in the first entry
	if err := os.WriteFile(segments[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := cluster.OpenDirectory(dir, nil)
	if err != nil {
		var corrupt *logstore.CorruptError
		if code(err) != cluster.CodeInternal || !errors.As(err, &corrupt) || !strings.HasPrefix(corrupt.Path, dir) {
			t.Errorf("%v", err)
		}
		return
	}
	defer func() { _ = d.Close() }()
	if r := d.Report(); len(r.Damage) == 0 || !strings.Contains(strings.Join(r.Damage, " "), dir) {
		t.Errorf("%+v", r)
	}
}
