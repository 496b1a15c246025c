package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
)

func TestRestore(t *testing.T) {
	n := furnished(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state.archive")
	succeed(t, n, "backup", path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := filepath.Join(dir, "n1")
	refuse := func(want int, text string, args ...string) {
		t.Helper()
		out, errs, code := run(t, "", append([]string{"restore"}, args...)...)
		if code != want || !strings.Contains(errs, text) || out != "" {
			t.Errorf("restore %q: exit code %d\n%s%s", args, code, out, errs)
		}
		if _, err := os.Stat(at); err == nil {
			t.Fatalf("restore %q: the directory is there", args)
		}
	}
	harmed := filepath.Join(dir, "harmed")
	b := append([]byte(nil), whole...)
	b[len(b)/3] ^= 1
	if err := os.WriteFile(harmed, b, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse(exitDamaged, "damaged", harmed, "--node-id", "n1", "--data-dir", at)
	refuse(exitUsage, "no such file", filepath.Join(dir, "none"), "--node-id", "n1", "--data-dir", at)
	refuse(exitUsage, "data-dir", path, "--node-id", "n1")
	refuse(exitUsage, "node id", path, "--node-id", "n@1", "--data-dir", at)
	refuse(exitUsage, "raft-log", path, "--node-id", "n1", "--data-dir", at, "--raft-log", "some")
	refuse(exitUsage, "generation-step", path, "--node-id", "n1", "--data-dir", at, "--generation-step", "0")
	refuse(exitUsage, "not empty", path, "--node-id", "n1", "--data-dir", dir)

	out, errs, code := run(t, "", "restore", path, "--node-id", "n1", "--data-dir", at, "-o", "json")
	var r restored
	if err := json.Unmarshal([]byte(out), &r); code != exitOK || err != nil {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if r.Archive.Index == 0 || r.Cluster.NodeID != "n1" || r.Cluster.RaisedBy.Generations < cluster.RaiseLeast || r.Cluster.Providers != r.Archive.Providers {
		t.Errorf("%+v", r)
	}
	var report cluster.DirectoryReport
	inspectJSON(t, exitOK, &report, at)
	if report.State.Digest != r.Cluster.Digest {
		t.Errorf("%+v", report)
	}
	inspected(t, at, func(node *cluster.Node) {
		v, err := node.Read(t.Context(), cluster.Linearizable, 0)
		if err != nil || cluster.Digest(v.Digest()) != r.Cluster.Digest {
			t.Error("another state", err)
		}
	})

	// From a pipe, with the step given.
	other := filepath.Join(dir, "other")
	out, errs, code = run(t, string(whole), "restore", "-", "--node-id", "n2", "--data-dir", other, "--generation-step", "70", "--raft-log", "bolt")
	for _, want := range []string{"generations by 70, index and revision by 7000", "bolt", "treenode serve --node-id n2", r.Archive.Digest} {
		if code != exitOK || errs != "" || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %q is missing in\n%s%s", code, want, out, errs)
		}
	}
	if _, err := os.Stat(filepath.Join(other, "raft.db")); err != nil {
		t.Error(err)
	}
}

func TestRecover(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	inspected(t, dir, nil, "provider create host-1", "inventory set host-1 VCPU=8")
	out, errs, code := run(t, "", "recover", "--data-dir", dir, "-o", "json")
	var r recovery
	if err := json.Unmarshal([]byte(out), &r); code != exitUsage || err != nil || !strings.Contains(errs, "--accept-data-loss") {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	if r.Recovered != nil || r.Survivor.Last == 0 || r.Survivor.State.Providers != 1 || r.Survivor.LastTime.IsZero() || len(r.Survivor.Members) != 1 {
		t.Errorf("%+v", r)
	}
	var before cluster.DirectoryReport
	inspectJSON(t, exitOK, &before, dir)

	out, errs, code = run(t, "", "recover", "--data-dir", dir, "--accept-data-loss")
	for _, want := range []string{before.ClusterID, before.RaftID, "last entry", "committed at least", "new cluster", "replaced-by-", "treenode serve --node-id n1"} {
		if code != exitOK || errs != "" || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %q is missing in\n%s%s", code, want, out, errs)
		}
	}
	var after cluster.DirectoryReport
	inspectJSON(t, exitOK, &after, dir)
	if after.ClusterID == before.ClusterID || after.RaftID == before.RaftID || after.State.Providers != 1 {
		t.Errorf("%+v", after)
	}
	inspected(t, dir, nil, "provider create host-2")

	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "data-dir"}, {[]string{"--data-dir", t.TempDir()}, "is not a data directory"},
	} {
		if _, errs, code := run(t, "", append([]string{"recover", "--accept-data-loss"}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("recover %q: exit code %d, %s", c.args, code, errs)
		}
	}
	// Damage in the log.
	if err := os.Truncate(filepath.Join(dir, "raft-wal", "wal-meta.db"), 100); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := run(t, "", "recover", "--data-dir", dir, "--accept-data-loss"); code != exitDamaged || out != "" {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
