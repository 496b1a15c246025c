package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/audit"
)

func audited(c *cluster.Config) { c.AuditDir = filepath.Join(c.DataDir, "audit") }

// auditOf waits until a node's audit has a request, and returns its report.
func auditOf(t *testing.T, n *testNode, request string) (report audit.Report) {
	t.Helper()
	await(t, "the audit of "+n.config.NodeID+" has request "+request, func(context.Context) error {
		if _, ok := recordOf(t, n, request); !ok {
			return errors.New("it has not")
		}
		return nil
	})
	report, err := audit.Verify(n.config.AuditDir)
	if err != nil || report.Broken != nil {
		t.Fatalf("%s: broken %+v, error %v", n.config.NodeID, report.Broken, err)
	}
	return report
}

// recordOf returns the only line of a request that is no repetition.
func recordOf(t *testing.T, n *testNode, request string) (found audit.Record, ok bool) {
	t.Helper()
	for l, err := range audit.Lines(n.config.AuditDir) {
		if err != nil {
			t.Fatal(err)
		}
		if l.Record.RequestID == request && !l.Record.Replayed {
			if ok {
				t.Errorf("%s: request %s is there twice", n.config.NodeID, request)
			}
			found, ok = l.Record, true
		}
	}
	return found, ok
}

func sameAudits(t *testing.T, a, b audit.Report) audit.Comparison {
	t.Helper()
	c, err := audit.Compare(a, b)
	if err != nil || c.Difference != nil {
		t.Fatalf("%s and %s: %+v, %v", a.Dir, b.Dir, c.Difference, err)
	}
	return c
}

// Every node writes down the same, whichever took the change and also after restarts.
func TestAuditsAreEqual(t *testing.T) {
	nodes := start(t, 3, audited)
	var requests []string
	change := func(n *testNode, name string) {
		o := operator
		o.Request = "req-" + name
		cmd := createRoot(t, name)
		n.mustAs(o, cmd)
		requests = append(requests, cmd.RequestID.String())
	}
	for i, n := range nodes {
		change(n, fmt.Sprintf("a%d", i))
	}
	if err := nodes[1].Snapshot(); err != nil {
		t.Fatal(err)
	}
	for i, n := range nodes {
		change(n, fmt.Sprintf("b%d", i))
		n.reopen()
		n.awaitReady()
	}
	again := createRoot(t, "again")
	nodes[0].propose(again)
	nodes[1].propose(again)
	refused := createRoot(t, "a0")
	if r, err := nodes[2].proposeAs(operator, refused); err != nil || r.Refused == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	last := refused.RequestID.String()
	reports := make([]audit.Report, len(nodes))
	for i, n := range nodes {
		reports[i] = auditOf(t, n, last)
		for j, request := range requests {
			r, ok := recordOf(t, n, request)
			if !ok || r.User != operator.User || r.Outcome != audit.Applied || !strings.HasPrefix(r.APIRequest, "req-") {
				t.Errorf("%s: change %d is told as %+v, %v", n.config.NodeID, j, r, ok)
			}
		}
		if r, ok := recordOf(t, n, last); !ok || r.Outcome != "duplicate_name" || r.Targets[0] != "provider:a0" {
			t.Errorf("%s: the refused one is told as %+v", n.config.NodeID, r)
		}
		var members, replays int
		for l := range audit.Lines(n.config.AuditDir) {
			if l.Record.Kind == audit.Members {
				members++
			}
			if l.Record.Replayed && l.Record.RequestID == again.RequestID.String() {
				replays++
			}
		}
		if members != 1 || replays != 1 || len(reports[i].Gaps) > 0 {
			t.Errorf("%s: %d lines of members, %d of repetitions, gaps %v", n.config.NodeID, members, replays, reports[i].Gaps)
		}
	}
	for _, r := range reports[1:] {
		if c := sameAudits(t, reports[0], r); c.Lines < len(requests)+3 {
			t.Errorf("%d lines were the same", c.Lines)
		}
	}
}

// What a follower did not apply (the leader had the first of it on its way), because a snapshot took it there, is a gap.
func TestAuditGapOfASnapshot(t *testing.T) {
	nodes := start(t, 3, func(c *cluster.Config) {
		c.TrailingLogs = 1
		audited(c)
	})
	leader := leaderOf(t, nodes)
	away := others(nodes, leader)[0]
	before := createRoot(t, "before")
	leader.propose(before)
	auditOf(t, away, before.RequestID.String())
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		leader.propose(createRoot(t, fmt.Sprintf("host%d", i)))
	}
	if err := leader.Snapshot(); err != nil {
		t.Fatal(err)
	}
	away.open()
	away.awaitReady()
	after := createRoot(t, "after")
	leader.propose(after)
	r := auditOf(t, away, after.RequestID.String())
	known, _ := recordOf(t, away, before.RequestID.String())
	if len(r.Gaps) != 1 || r.Gaps[0][0] <= known.Index || r.Gaps[0][1] < r.Gaps[0][0]+10 {
		t.Errorf("gaps %v after index %d", r.Gaps, known.Index)
	}
	sameAudits(t, auditOf(t, leader, after.RequestID.String()), r)
}

// A node that can't write its audit does not go on, and does not start.
func TestNodeWithoutItsAuditFails(t *testing.T) {
	nodes := start(t, 1, func(c *cluster.Config) {
		audited(c)
		c.AuditFileBytes = 1 // a file for each entry
	})
	n := nodes[0]
	first := createRoot(t, "a")
	n.propose(first)
	auditOf(t, n, first.RequestID.String()) // it is written beside the answer
	files := mustReadDir(t, n.config.AuditDir)
	if err := os.Mkdir(filepath.Join(n.config.AuditDir, "audit-000100.jsonl"), 0o700); err != nil { // in the way
		t.Fatal(err)
	}
	failed := new(audit.WriteError)
	for i := 0; ; i++ {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := n.Propose(ctx, createRoot(t, fmt.Sprintf("b%d", i)))
		cancel()
		if err != nil {
			break
		}
		if i > 5000 {
			t.Fatal("it goes on without its audit")
		}
	}
	<-n.Failed()
	if !errors.As(n.Failure(), &failed) || !strings.Contains(n.Failure().Error(), "audit-000100.jsonl") {
		t.Errorf("it failed for %v", n.Failure())
	}
	_ = n.Close() // tells the same
	damaged := slices.MaxFunc(files, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, f := range mustReadDir(t, n.config.AuditDir) {
		if f.Name() > damaged.Name() {
			if err := os.RemoveAll(filepath.Join(n.config.AuditDir, f.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(n.config.AuditDir, damaged.Name()), []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := n.tryOpen(); err == nil || !strings.Contains(err.Error(), damaged.Name()) {
		t.Errorf("error %v, want one about %s", err, damaged.Name())
	}
}

func mustReadDir(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return files
}
