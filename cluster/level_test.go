package cluster_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// An operation that a member's program does not know would halt it: until all know
// it, whichever node is asked says that it was not applied, and why.
func TestYoungOperationsWaitForOldMembers(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	old, follower := others(nodes, leader)[0], others(nodes, leader)[1]
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	old.config.Level, old.config.Version = fsm.LevelJoinTokens, "old"
	old.open()
	old.awaitReady()
	root := createRoot(t, "root")
	leader.propose(root)
	op, ok := root.Txn.Ops[0].(tree.CreateProvider)
	if !ok {
		t.Fatalf("a root is made by %T", root.Txn.Ops[0])
	}
	raise := func() fsm.Command {
		return command(t, tree.RaiseGenerations{Providers: []tree.Generation{{UUID: op.UUID, Generation: 300}}})
	}
	for _, n := range nodes { // the old one stands for one that forwards anything
		var e *cluster.Error
		if _, err := n.Propose(t.Context(), raise()); !errors.As(err, &e) || e.Code != cluster.CodeNotReady ||
			!strings.Contains(err.Error(), "(version old) does not read entries of level 5") {
			t.Errorf("%s: %v, want one that names the old member", n.config.NodeID, err)
		}
		n.propose(createRoot(t, "of "+n.config.NodeID)) // all else goes on
		if n.LevelReached() >= fsm.LevelGenerations {
			t.Errorf("%s: level %d is reached", n.config.NodeID, n.LevelReached())
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	old.config.Level = 0
	old.open()
	old.awaitReady()
	follower.propose(raise())
	sameDigests(t, nodes)
	for _, n := range nodes {
		p, found := n.read(cluster.Linearizable, 0).Tree.Find(tree.ByUUID(op.UUID))
		if !found || p.Generation() != 300 || n.LevelReached() != fsm.LevelGenerations {
			t.Errorf("%s: generation %d, level %d is reached", n.config.NodeID, p.Generation(), n.LevelReached())
		}
	}
}
