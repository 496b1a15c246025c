package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cmd/treenode/internal/server"
)

// inspected runs a node on a directory, has it take the command lines, lets the
// test look at it, and stops it.
func inspected(t *testing.T, dir string, look func(*cluster.Node), lines ...string) {
	t.Helper()
	s, err := server.Start(server.Config{
		NodeID: "n1", DataDir: dir, Listen: "127.0.0.1:0", PeerListen: "127.0.0.1:0", RequestTimeout: 20 * time.Second,
		CheckpointInterval: -1, Logger: hclog.NewNullLogger(), Version: "test",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		args := append(strings.Fields(line), "--endpoint", s.URL())
		if out, errs, code := run(t, "", args...); code != exitOK {
			t.Fatalf("treenode %s: exit code %d\n%s%s", line, code, out, errs)
		}
	}
	if look != nil {
		look(s.Node())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
}

func inspectJSON(t *testing.T, want int, into any, args ...string) {
	t.Helper()
	out, errs, code := run(t, "", append(append([]string{"inspect"}, args...), "-o", "json")...)
	if code != want {
		t.Fatalf("inspect %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("inspect %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestInspect(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "one")
	var digest cluster.Digest
	inspected(t, dir, func(n *cluster.Node) {
		if _, errs, code := run(t, "", "inspect", dir); code != exitUsage || !strings.Contains(errs, "in use") {
			t.Errorf("a directory in use: exit code %d, %s", code, errs)
		}
		if _, err := n.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
		v, err := n.Read(t.Context(), cluster.Linearizable, 0)
		if err != nil {
			t.Fatal(err)
		}
		digest = v.Digest()
	}, "provider create host-1", "inventory set host-1 VCPU=8", "claim set "+consumer+" host-1:VCPU=3 --project p --user u --type VM")

	var r cluster.DirectoryReport
	inspectJSON(t, exitOK, &r, dir)
	if r.State == nil || r.State.Digest != digest || r.State.Providers != 1 || r.State.Allocations != 1 || len(r.Snapshots) != 1 || len(r.Checkpoints) != 1 {
		t.Errorf("%+v", r)
	}
	out, errs, code := run(t, "", "inspect", dir)
	if code != exitOK || errs != "" {
		t.Errorf("exit code %d, %s", code, errs)
	}
	for _, want := range []string{digest.String(), "1 providers (1 roots)", "sums fit", "the entries lead there", "committed at least", "voter"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out, _, code = run(t, "", "inspect", dir, "--entries", ":")
	for _, want := range []string{"create_provider host-1", "claim " + consumer + ", 1 allocations", "mark", "checkpoint", "configuration"} {
		if code != exitOK || !strings.Contains(out, want) {
			t.Errorf("exit code %d, %q is missing in\n%s", code, want, out)
		}
	}
	var one cluster.LogEntry
	inspectJSON(t, exitOK, &one, dir, "--entries", "2")
	if one.Index != 2 {
		t.Errorf("%+v", one)
	}
	for _, bad := range []string{"x", "3:2", "-1:", "900:"} {
		if _, errs, code := run(t, "", "inspect", dir, "--entries", bad); code != exitUsage || !strings.Contains(errs, "entries") {
			t.Errorf("--entries %s: exit code %d, %s", bad, code, errs)
		}
	}

	// Two nodes that went on from the same directory by themselves.
	other := filepath.Join(t.TempDir(), "two")
	if err := os.CopyFS(other, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := run(t, "", "inspect", dir, other); code != exitOK || errs != "" || !strings.Contains(out, "they do not differ") || !strings.Contains(out, digest.String()) {
		t.Errorf("the same: exit code %d\n%s%s", code, out, errs)
	}
	inspected(t, dir, nil, "provider create left")
	inspected(t, other, nil, "provider create right")
	out, errs, code = run(t, "", "inspect", dir, other)
	if code != exitFailure || !strings.Contains(errs, "differ") || !strings.Contains(out, "they part at index") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	var c cluster.Comparison
	inspectJSON(t, exitFailure, &c, dir, other)
	if c.Same || c.Part != cluster.PartEntry || c.Index <= r.Last || c.Sides[0].Entry == nil || c.Sides[1].Entry == nil {
		t.Errorf("%+v", c)
	}

	// A node that halted for its state stays halted, with the exit code of that.
	note := filepath.Join(dir, "diverged.json")
	if err := os.WriteFile(note, []byte(`{"format":1,"index":7,"own":"`+digest.String()+`","agreed":"`+strings.Repeat("ab", 32)+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code = run(t, "", "serve", "--node-id", "n1", "--data-dir", dir, "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0")
	if code != exitInternal || !strings.Contains(errs, digest.String()) || !strings.Contains(errs, strings.Repeat("ab", 32)) || !strings.Contains(errs, note) {
		t.Errorf("serve: exit code %d, %s", code, errs)
	}
	if out, _, code := run(t, "", "inspect", dir); code != exitOK || !strings.Contains(out, "halted") {
		t.Errorf("exit code %d\n%s", code, out)
	}

	// A bit of the snapshot.
	state, err := filepath.Glob(filepath.Join(other, "snapshots", "*", "state.bin"))
	if err != nil || len(state) == 0 {
		t.Fatal(state, err)
	}
	b, err := os.ReadFile(state[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(state[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := run(t, "", "inspect", other); code != exitDamaged || !strings.Contains(out, "NOT WHOLE") || !strings.Contains(errs, "damaged") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestInspectRefuses(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "accepts between 1 and 2"},
		{[]string{t.TempDir()}, "is not a data directory"},
		{[]string{"a", "b", "--entries", "1:2"}, "one directory at a time"},
		{[]string{"a", "-o", "xml"}, "output"},
	} {
		if _, errs, code := run(t, "", append([]string{"inspect"}, c.args...)...); code != exitUsage || !strings.Contains(errs, c.want) {
			t.Errorf("inspect %q: exit code %d, %s", c.args, code, errs)
		}
	}
}

// Damage counts more than a contradiction: what could not be read may explain it.
func TestInspectVerdict(t *testing.T) {
	whole := &cluster.DirectoryState{Index: 7}
	broken := &cluster.DirectoryState{Index: 7, Violation: "state invariant: provider 1"}
	for _, c := range []struct {
		name string
		r    cluster.DirectoryReport
		want int
	}{
		{"whole", cluster.DirectoryReport{State: whole}, exitOK},
		{"contradiction", cluster.DirectoryReport{State: whole, Contradictions: []string{"a snapshot"}}, exitFailure},
		{"invariant", cluster.DirectoryReport{State: broken}, exitFailure},
		{"damage", cluster.DirectoryReport{State: broken, Contradictions: []string{"a snapshot"}, Damage: []string{"entry 3"}}, exitDamaged},
	} {
		got := exitOK
		if err := verdictOn(c.r); err != nil {
			var coded *codeError
			if !errors.As(err, &coded) {
				t.Fatalf("%s: %v has no exit code", c.name, err)
			}
			got = coded.code
		}
		if got != c.want {
			t.Errorf("%s: exit code %d, want %d", c.name, got, c.want)
		}
	}
}
