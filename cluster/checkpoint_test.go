package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// faulty starts n nodes, of which each can be made to refuse what the others
// accept, and so to hold another state. No checkpoint is taken unasked.
func faulty(t *testing.T, n int) ([]*testNode, map[*testNode]*fault) {
	t.Helper()
	faults := make([]*fault, n)
	i := 0
	nodes := start(t, n, func(c *cluster.Config) {
		faults[i] = &fault{}
		c.StepHook, c.CheckpointInterval = faults[i].hook, -1
		c.Timing.Tie = time.Second
		i++
	})
	of := map[*testNode]*fault{}
	for i, node := range nodes {
		of[node] = faults[i]
	}
	return nodes, of
}

// part makes a change that fails on one node alone.
func part(t *testing.T, leader *testNode, broken *fault) {
	t.Helper()
	broken.arm(1, false)
	// Where the leader is the broken one it answers with its refusal.
	if _, err := leader.Propose(t.Context(), createRoot(t, "parted")); err != nil {
		t.Fatal(err)
	}
}

func checkpoint(t *testing.T, leader *testNode) cluster.Checkpoint {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := leader.Checkpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// awaitDivergence waits until the node has halted for its state.
func awaitDivergence(t *testing.T, n *testNode) *cluster.Divergence {
	t.Helper()
	select {
	case <-n.Failed():
	case <-time.After(patience):
		t.Fatalf("%s goes on", n.config.NodeID)
	}
	var halt *fsm.Halt
	var d *cluster.Divergence
	if err := n.Failure(); !errors.As(err, &halt) || !errors.As(err, &d) {
		t.Fatalf("%s failed with %v", n.config.NodeID, err)
	}
	if halt.Index != d.Index {
		t.Errorf("the halt is at %d, the digests of %d", halt.Index, d.Index)
	}
	return d
}

// halted checks that a node serves nothing and says why, with both digests.
func halted(t *testing.T, n *testNode, d *cluster.Divergence) {
	t.Helper()
	_, stale := n.Read(t.Context(), cluster.Stale, 0)
	_, write := n.Propose(t.Context(), createRoot(t, "late"))
	for what, err := range map[string]error{"readiness": n.Ready(t.Context()), "a stale read": stale, "a write": write} {
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeHalted ||
			!strings.Contains(e.Error(), d.Own.String()) || !strings.Contains(e.Error(), d.Agreed.String()) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func goesOn(t *testing.T, nodes []*testNode, name string) {
	t.Helper()
	leaderOf(t, nodes).propose(createRoot(t, name))
	sameDigests(t, nodes)
	for _, n := range nodes {
		if err := n.Failure(); err != nil {
			t.Errorf("%s failed: %v", n.config.NodeID, err)
		}
	}
}

func TestFollowerThatDivergedHalts(t *testing.T) {
	nodes, faults := faulty(t, 3)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	checkpoint(t, leader)
	sameDigests(t, nodes)
	deviant := others(nodes, leader)[0]
	part(t, leader, faults[deviant])
	c := checkpoint(t, leader)
	d := awaitDivergence(t, deviant)
	if want := cluster.Digest(leader.read(cluster.Linearizable, 0).Digest()); d.Agreed != want || c.Digest != want || d.Own == want || d.Index != c.Marked {
		t.Errorf("%+v after checkpoint %+v; the leader has %v", d, c, want)
	}
	halted(t, deviant, d)
	rest := others(nodes, deviant)
	goesOn(t, rest, "after")

	// It stays halted, whatever restarts it.
	if err := deviant.Close(); err != nil {
		t.Fatal(err)
	}
	var again *cluster.Divergence
	var e *cluster.Error
	if err := deviant.tryOpen(); !errors.As(err, &e) || e.Code != cluster.CodeHalted || !errors.As(err, &again) || again.Own != d.Own || again.Agreed != d.Agreed {
		t.Fatalf("it starts again with %v", err)
	}
	// With an empty directory it is a new member.
	if err := os.Rename(deviant.config.DataDir, deviant.config.DataDir+".diverged"); err != nil {
		t.Fatal(err)
	}
	deviant.open()
	deviant.awaitReady()
	goesOn(t, nodes, "whole again")
	checkpoint(t, leaderOf(t, nodes))
}

func TestLeaderThatDivergedHalts(t *testing.T) {
	nodes, faults := faulty(t, 3)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	part(t, leader, faults[leader])
	rest := others(nodes, leader)
	c := checkpoint(t, leader)
	d := awaitDivergence(t, leader)
	if d.Agreed != c.Digest || d.Own == c.Digest {
		t.Errorf("%+v after checkpoint %+v", d, c)
	}
	halted(t, leader, d)
	goesOn(t, rest, "after")
	if own := checkpoint(t, leaderOf(t, rest)); own.Digest == d.Own {
		t.Error("the others took the state of the leader that was wrong")
	}
}

// split checks that all the nodes given have halted, each with its own digest.
func split(t *testing.T, nodes []*testNode) {
	t.Helper()
	own := map[cluster.Digest]bool{}
	for _, n := range nodes {
		d := awaitDivergence(t, n)
		if d.Agreed != (cluster.Digest{}) || len(d.Voters) != len(nodes) {
			t.Errorf("%s: %+v", n.config.NodeID, d)
		}
		own[d.Own] = true
		for _, digest := range d.Voters {
			if !strings.Contains(n.Failure().Error(), digest.String()) {
				t.Errorf("%v does not name %v", n.Failure(), digest)
			}
		}
	}
	if len(own) != 2 {
		t.Errorf("%d digests in a tie of two", len(own))
	}
}

func TestTieHaltsAll(t *testing.T) {
	nodes, faults := faulty(t, 2)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	part(t, leader, faults[others(nodes, leader)[0]])
	var d *cluster.Divergence
	if _, err := leader.Checkpoint(t.Context()); !errors.As(err, &d) {
		t.Fatalf("the checkpoint ends with %v", err)
	}
	split(t, nodes)
}

// The third voter could tell who is right, but is away for longer than wrong
// answers may be given.
func TestTieWithASilentVoterHaltsBoth(t *testing.T) {
	t.Parallel()
	nodes, faults := faulty(t, 3)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	checkpoint(t, leader) // from now on nobody asks whether all know marks
	rest := others(nodes, leader)
	if err := rest[1].Close(); err != nil {
		t.Fatal(err)
	}
	part(t, leader, faults[rest[0]])
	var d *cluster.Divergence
	if _, err := leader.Checkpoint(t.Context()); !errors.As(err, &d) {
		t.Fatalf("the checkpoint ends with %v", err)
	}
	split(t, []*testNode{leader, rest[0]})
}

// Without a difference a silent voter stops nothing, and what it missed is
// compared when it is back.
func TestFollowerThatWasAwayComparesLater(t *testing.T) {
	nodes, faults := faulty(t, 3)
	leader := leaderOf(t, nodes)
	leader.propose(command(t, before...))
	agreed := map[uint64]cluster.Digest{}
	agree := func() {
		c := checkpoint(t, leader)
		agreed[c.Marked] = c.Digest
	}
	agree()
	away := others(nodes, leader)
	if err := away[0].Close(); err != nil {
		t.Fatal(err)
	}
	leader.propose(createRoot(t, "missed"))
	agree()
	away[0].open()
	away[0].awaitReady()
	goesOn(t, nodes, "back")

	// The same again, but now the one that was away applies the log otherwise,
	// from its first entry on: which of the marks it notices it at depends on
	// how fast it is.
	if err := away[0].Close(); err != nil {
		t.Fatal(err)
	}
	leader = leaderOf(t, others(nodes, away[0]))
	leader.propose(createRoot(t, "missed too"))
	agree()
	faults[away[0]].arm(1, false)
	away[0].open()
	if d := awaitDivergence(t, away[0]); d.Agreed == (cluster.Digest{}) || d.Agreed != agreed[d.Index] || d.Own == d.Agreed {
		t.Errorf("%+v after the checkpoints %v", d, agreed)
	}
	goesOn(t, others(nodes, away[0]), "on")
}

// A member with an older program would halt at a mark.
func TestMarksWaitForOldMembers(t *testing.T) {
	i := 0
	nodes := start(t, 3, func(c *cluster.Config) {
		c.CheckpointInterval = -1
		if i++; i == 3 {
			c.Level, c.Version = fsm.LevelFirst, "old"
		}
	})
	old := nodes[2]
	leader := leaderOf(t, nodes)
	if leader == old {
		if err := leader.TransferLeadership(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		leader = leaderOf(t, nodes)
	}
	last := leader.Status().Applied
	refused := func(why string) {
		t.Helper()
		var e *cluster.Error
		if _, err := leader.Checkpoint(t.Context()); !errors.As(err, &e) || e.Code != cluster.CodeNotReady ||
			!strings.Contains(e.Error(), old.Status().RaftID) || !strings.Contains(e.Error(), why) {
			t.Errorf("the checkpoint ends with %v, want one that names %s and says %q", err, old.Status().RaftID, why)
		}
	}
	refused("(version old) does not read entries of level 2")
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	refused("is not known")
	if now := leader.Status().Applied; now != last {
		t.Errorf("the log went from %d to %d", last, now)
	}
	old.config.Level = fsm.Level
	old.open()
	old.awaitReady()
	checkpoint(t, leader)

	// There is no way back for a member once the log has such entries.
	late := layOut(t, 1, func(c *cluster.Config) {
		c.NodeID, c.Level, c.Join, c.CheckpointInterval = "late", fsm.LevelFirst, []string{leader.addr}, -1
	})[0]
	late.open()
	if err := leader.AddMember(t.Context(), late.Status().RaftID, late.addr, true); err == nil || !strings.Contains(err.Error(), "upgrade it first") {
		t.Errorf("an old program is taken in: %v", err)
	}
}

// A cluster of new programs keeps the way back while it is told to.
func TestMarksWaitForTheOperator(t *testing.T) {
	node := start(t, 1, func(c *cluster.Config) { c.CheckpointInterval, c.Level = -1, fsm.LevelFirst })[0]
	last := node.Status().Applied
	var e *cluster.Error
	if _, err := node.Checkpoint(t.Context()); !errors.As(err, &e) || e.Code != cluster.CodeNotReady || !strings.Contains(e.Error(), "level 2") {
		t.Errorf("the checkpoint ends with %v", err)
	}
	if now := node.Status().Applied; now != last {
		t.Errorf("the log went from %d to %d", last, now)
	}
	ahead := layOut(t, 1, func(c *cluster.Config) { c.Level = fsm.Level + 1 })[0]
	if err := ahead.tryOpen(); err == nil || !strings.Contains(err.Error(), "entry-level") {
		t.Errorf("a node that is to use entries it does not know opens with %v", err)
	}
}

// Random histories, with checkpoints all the time, never halt a node: not
// across restarts, snapshots and changes of leader.
func TestEqualStatesNeverHalt(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	nodes := start(t, 3, func(c *cluster.Config) {
		c.CheckpointInterval = 20 * time.Millisecond
		c.SnapshotThreshold, c.TrailingLogs = 50, 20
	})
	nodes[0].propose(command(t, before...))
	for step := range 400 {
		op := mutations[random.IntN(len(mutations))]
		switch random.IntN(4) {
		case 0:
			op = before[random.IntN(len(before))]
		case 1:
			op = tree.CreateProvider{UUID: newID(t), Name: fmt.Sprintf("host%d", step)}
		}
		n := nodes[random.IntN(3)]
		if _, err := n.Propose(t.Context(), command(t, op)); err != nil {
			t.Fatalf("step %d, seed %d: %s: %v", step, seed, n.config.NodeID, err)
		}
		switch random.IntN(60) {
		case 0:
			n.reopen()
			n.awaitReady()
		case 1:
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
		case 2:
			// It may be leaderless just now.
			_ = n.TransferLeadership(t.Context(), "")
		}
	}
	for _, n := range nodes {
		n.awaitReady()
		if err := n.Failure(); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, n.config.NodeID, err)
		}
	}
	leader := leaderOf(t, nodes)
	if c := checkpoint(t, leader); c.Digest != cluster.Digest(sameDigests(t, nodes)) {
		t.Errorf("seed %d: the checkpoint has %v", seed, c.Digest)
	}
	if found, err := filepath.Glob(filepath.Join(filepath.Dir(nodes[0].config.DataDir), "*", "diverged.json")); err != nil || len(found) > 0 {
		t.Errorf("seed %d: %v, %v", seed, found, err)
	}
}

// A leader takes them by itself, and stops when nothing happens.
func TestCheckpointsComeByThemselves(t *testing.T) {
	nodes := start(t, 3, func(c *cluster.Config) { c.CheckpointInterval = 10 * time.Millisecond })
	leader := leaderOf(t, nodes)
	r := leader.propose(createRoot(t, "a"))
	for _, n := range nodes {
		await(t, n.config.NodeID+" has a checkpoint", func(context.Context) error {
			if newest := n.NewestCheckpoint(); newest <= r.Index {
				return fmt.Errorf("the newest is %d", newest)
			}
			return nil
		})
	}
	// A checkpoint is no reason for the next one.
	newest := leader.NewestCheckpoint()
	await(t, "the log rests", func(context.Context) error {
		was := newest
		if newest = leader.NewestCheckpoint(); newest != was {
			return fmt.Errorf("another one, at %d", newest)
		}
		if applied := leader.Status().Applied; applied != newest {
			return fmt.Errorf("applied is %d, the newest checkpoint %d", applied, newest)
		}
		return nil
	})
}
