package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/audit"
	"github.com/treenode/treenode/cmd/treenode/internal/server"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// auditedNode has a node keep an audit of two users' changes, and stops it after
// look.
func auditedNode(t *testing.T, dir string, look func(auditDir string)) {
	t.Helper()
	auditDir := filepath.Join(dir, "audit")
	s, err := server.Start(server.Config{
		NodeID: "n1", DataDir: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", PeerListen: "127.0.0.1:0",
		RequestTimeout: 20 * time.Second, CheckpointInterval: -1, Logger: hclog.NewNullLogger(), Version: "test", AuditDir: auditDir,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"host1", "host2", "host1"} {
		id, err := uuid.NewV7()
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		ctx = cluster.WithOrigin(ctx, cluster.Origin{User: fmt.Sprintf("user%d", i%2), Project: "p1", Request: fmt.Sprintf("req-%d", i)})
		_, err = s.Node().Propose(ctx, fsm.Command{RequestID: tree.UUID(id), Txn: tree.Txn{Ops: []tree.Op{
			tree.CreateProvider{UUID: tree.UUID(uuid.New()), Name: name},
		}}})
		cancel()
		if err != nil {
			t.Fatal(err)
		}
	}
	look(auditDir)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func TestAudit(t *testing.T) {
	dir := t.TempDir()
	auditDir := filepath.Join(dir, "audit")
	auditedNode(t, dir, func(string) { // while it runs
		if out, errs, code := run(t, "", "audit", "verify", auditDir); code != exitOK {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
	})
	shown := func(want int, args ...string) (records []audit.Record) {
		t.Helper()
		out, errs, code := run(t, "", append([]string{"audit", "show", auditDir, "-o", "json"}, args...)...)
		if code != want {
			t.Fatalf("exit code %d\n%s", code, errs)
		}
		if err := json.Unmarshal([]byte(out), &records); err != nil {
			t.Fatal(err)
		}
		return records
	}
	for _, c := range []struct {
		args string
		want string // the requests that are shown
	}{
		{"", "- req-0 req-1 req-2"},
		{"--user user0", "req-0 req-2"},
		{"--target host2", "req-1"},
		{"--target provider:host1", "req-0 req-2"},
		{"--target class:host1", ""},
		{"--last 1", "req-2"},
		{"--last 0 --since 1h", "req-0 req-1 req-2"},
		{"--since 2100-01-01T00:00:00Z", ""},
	} {
		var have []string
		for _, r := range shown(exitOK, strings.Fields(c.args)...) {
			have = append(have, dash(r.APIRequest))
		}
		if strings.Join(have, " ") != c.want {
			t.Errorf("audit show %s shows %q, want %q", c.args, have, c.want)
		}
	}
	out, _, code := run(t, "", "audit", "show", auditDir)
	for _, want := range []string{"user1", "provider:host2", "create_provider", "duplicate_name", "applied"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit code %d, no %s in\n%s", code, want, out)
		}
	}

	// Another node that tells the same, one that tells another thing, and one that
	// was changed by hand.
	path := filepath.Join(auditDir, "audit-000001.jsonl")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if out, errs, code := run(t, "", "audit", "verify", auditDir, auditDir); code != exitOK || !strings.Contains(out, "lines the same") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	other := t.TempDir()
	auditedNode(t, other, func(string) {})
	if _, errs, code := run(t, "", "audit", "verify", auditDir, filepath.Join(other, "audit")); code != exitUsage || !strings.Contains(errs, "different clusters") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	changed := bytes.Replace(content, []byte("user1"), []byte("user9"), 1)
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	out, _, code = run(t, "", "audit", "verify", auditDir, "-o", "json")
	var v auditVerdict
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	line := 1 + bytes.Count(content[:bytes.Index(content, []byte("user1"))], []byte("\n"))
	if b := v.Audits[0].Broken; code != exitDamaged || b == nil || b.File != "audit-000001.jsonl" || b.Line != line {
		t.Errorf("exit code %d, broken %+v, want line %d", code, b, line)
	}
	if records := shown(exitDamaged); len(records) != line-2 {
		t.Errorf("%d lines are shown before line %d, which is broken", len(records), line)
	}
	if _, errs, code := run(t, "", "audit", "verify", t.TempDir()); code != exitUsage {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}

func TestAuditFlags(t *testing.T) {
	for _, c := range []string{"--audit-file-mib 0", "--audit-files 0", "--audit-files 5000"} {
		args := append([]string{"serve", "--data-dir", t.TempDir()}, strings.Fields(c)...)
		if _, errs, code := run(t, "", args...); code != exitUsage || !strings.Contains(errs, "audit-file") {
			t.Errorf("%s: exit code %d, %s", c, code, errs)
		}
	}
}
