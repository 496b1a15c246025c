package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// proposeAs proposes as somebody.
func (n *testNode) proposeAs(o cluster.Origin, cmd fsm.Command) (fsm.Result, error) {
	ctx, cancel := context.WithTimeout(cluster.WithOrigin(context.Background(), o), patience)
	defer cancel()
	return n.Propose(ctx, cmd)
}

// mustAs fails the test unless it is executed.
func (n *testNode) mustAs(o cluster.Origin, cmd fsm.Command) fsm.Result {
	n.t.Helper()
	r, err := n.proposeAs(o, cmd)
	if err != nil || r.Refused != nil {
		n.t.Fatalf("%s: refused %v, error %v", n.config.NodeID, r.Refused, err)
	}
	return r
}

// loggedOrigins closes a node and returns what its log says: the origin of each
// request id, and how many entries there are of the kind that has origins.
func loggedOrigins(t *testing.T, n *testNode) (origins map[string]*cluster.LogOrigin, entries int) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := cluster.OpenDirectory(n.config.DataDir, nil)
	if err != nil {
		t.Fatal(err)
	}
	origins = map[string]*cluster.LogOrigin{}
	err = d.Entries(1, 1<<40, func(e cluster.LogEntry) error {
		if e.Kind == fsm.KindOrigins.String() {
			entries++
		}
		for _, c := range e.Commands {
			origins[c.RequestID] = c.Origin
		}
		return nil
	})
	if err := errors.Join(err, d.Close()); err != nil {
		t.Fatal(err)
	}
	return origins, entries
}

var operator = cluster.Origin{
	User: "u1", Project: "p1", Roles: []string{"admin", "reader"}, Action: "placement:resource_providers:create", Request: "req-1",
}

// Where a change comes from is in the log of every node, whichever node took it.
func TestOriginsReachTheLogFromEveryNode(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	want := map[string]*cluster.LogOrigin{}
	for i, n := range nodes {
		o := operator
		o.Request = fmt.Sprintf("req-%d", i)
		cmd := createRoot(t, fmt.Sprintf("root%d", i))
		n.mustAs(o, cmd)
		want[cmd.RequestID.String()] = &cluster.LogOrigin{User: o.User, Project: o.Project, Action: o.Action, Request: o.Request}
		own := createRoot(t, fmt.Sprintf("own%d", i))
		n.propose(own)
		want[own.RequestID.String()] = nil
	}
	// Whoever tries the same again is told what came of it.
	again := createRoot(t, "again")
	first := leader.mustAs(operator, again)
	o := operator
	o.User = "u2"
	for _, n := range nodes {
		if r := n.mustAs(o, again); !r.Replayed || r.Index != first.Index {
			t.Errorf("%s: %+v, want a replay of %d", n.config.NodeID, r, first.Index)
		}
	}
	sameDigests(t, nodes)
	for _, n := range nodes {
		have, _ := loggedOrigins(t, n)
		for id, o := range want {
			got := have[id]
			if (got == nil) != (o == nil) || got != nil && *got != *o {
				t.Errorf("%s: request %s comes from %+v, want %+v", n.config.NodeID, id, got, o)
			}
		}
	}
}

// While a member may not read origins, none are in the log; once all do, they
// are, also after every process has forgotten that and a member is away.
func TestOriginsWaitForTheOldestMember(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	old := others(nodes, leader)[0]
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	old.config.Level = fsm.LevelMarks
	old.open()
	old.awaitReady()
	for i, n := range nodes { // the old one too: it says nothing
		n.mustAs(operator, createRoot(t, fmt.Sprintf("early%d", i)))
	}
	if _, entries := loggedOrigins(t, old); entries > 0 {
		t.Fatalf("%d entries that the old member can't read", entries)
	}
	old.config.Level = 0
	old.open()
	old.awaitReady()
	await(t, "origins are in the log", func(context.Context) error {
		id := createRoot(t, "late"+newID(t).String())
		if r, err := leader.proposeAs(operator, id); err != nil || r.Refused != nil {
			return fmt.Errorf("result %+v, error %w", r, err)
		}
		if leader.LevelReached() < fsm.LevelOrigins {
			return errors.New("the old kind is proposed")
		}
		return nil
	})
	for _, n := range nodes {
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	rest := others(nodes, old)
	for _, n := range rest {
		n.open()
	}
	for _, n := range rest {
		n.awaitReady()
		cmd := createRoot(t, "alone"+n.config.NodeID)
		n.mustAs(operator, cmd)
		if n.LevelReached() < fsm.LevelOrigins {
			t.Errorf("%s forgot what is in its log", n.config.NodeID)
		}
	}
}

// The leader's policy counts, also where the node that took the change has a
// laxer one.
func TestLeaderAuthorizesAgain(t *testing.T) {
	var strict atomic.Pointer[string] // the node that has the policy
	none := ""
	strict.Store(&none)
	nodes := start(t, 3, func(c *cluster.Config) {
		node := c.NodeID
		c.Authorize = func(o cluster.Origin, cmd fsm.Command) error {
			if *strict.Load() != node || o.User == "u1" && strings.Join(o.Roles, " ") == "admin reader" && len(cmd.Txn.Ops) == 1 {
				return nil
			}
			return fmt.Errorf("%s may not do %s", o.User, o.Action)
		}
	})
	leader := leaderOf(t, nodes)
	strict.Store(&leader.config.NodeID)
	stranger := operator
	stranger.User = "u2"
	for i, n := range nodes {
		n.mustAs(operator, createRoot(t, fmt.Sprintf("allowed%d", i)))
		cmd := createRoot(t, fmt.Sprintf("denied%d", i))
		_, err := n.proposeAs(stranger, cmd)
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeForbidden || !strings.Contains(err.Error(), "u2 may not do "+operator.Action) {
			t.Errorf("%s: error %v, want forbidden", n.config.NodeID, err)
		}
		// It was certainly not applied, and its request id is as good as new.
		if _, ok := n.read(cluster.Linearizable, 0).Tree.Find(tree.ByName(fmt.Sprintf("denied%d", i))); ok {
			t.Errorf("%s: what was denied is there", n.config.NodeID)
		}
		if r := n.mustAs(operator, cmd); r.Replayed {
			t.Errorf("%s: what was denied was remembered", n.config.NodeID)
		}
		// A node that does not say who asks is no way around it.
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err = n.Propose(ctx, createRoot(t, fmt.Sprintf("anonymous%d", i)))
		cancel()
		if n == leader {
			if err != nil {
				t.Errorf("the leader's own change: %v", err)
			}
		} else if !errors.As(err, &e) || e.Code != cluster.CodeForbidden {
			t.Errorf("%s: error %v, want forbidden", n.config.NodeID, err)
		}
	}
}

// During an upgrade a leader that authorises takes what an old follower sends.
func TestOldFollowerIsHeardWithoutOrigin(t *testing.T) {
	nodes := start(t, 3, func(c *cluster.Config) {
		c.Authorize = func(o cluster.Origin, _ fsm.Command) error {
			if o.User != "u1" {
				return errors.New("only u1 may")
			}
			return nil
		}
		if c.NodeID == "n3" {
			c.Level, c.NonVoter = fsm.LevelMarks, true
		}
	})
	leaderOf(t, nodes)
	nodes[2].mustAs(operator, createRoot(t, "old"))
	if _, entries := loggedOrigins(t, nodes[2]); entries > 0 {
		t.Fatalf("%d entries that the old member can't read", entries)
	}
}

func TestOriginsAreBounded(t *testing.T) {
	node := start(t, 1, nil)[0]
	for _, c := range []struct {
		change func(*cluster.Origin)
		want   string
	}{
		{func(o *cluster.Origin) { o.User = strings.Repeat("x", 256) }, "user"},
		{func(o *cluster.Origin) { o.Project = strings.Repeat("x", 256) }, "project"},
		{func(o *cluster.Origin) { o.Action = strings.Repeat("x", 129) }, "action"},
		{func(o *cluster.Origin) { o.Roles = make([]string, 65) }, "roles"},
		{func(o *cluster.Origin) { o.Roles = []string{strings.Repeat("x", 256)} }, "role"},
	} {
		o := operator
		c.change(&o)
		_, err := node.proposeAs(o, createRoot(t, "a"))
		var e *cluster.Error
		if !errors.As(err, &e) || e.Code != cluster.CodeInvalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one about %s", err, c.want)
		}
	}
	long := operator
	long.Request = strings.Repeat("é", 100)
	cmd := createRoot(t, "a")
	node.mustAs(long, cmd)
	have, _ := loggedOrigins(t, node)
	if o := have[cmd.RequestID.String()]; o == nil || o.Request != strings.Repeat("é", 64) {
		t.Errorf("logged %+v", o)
	}
}
