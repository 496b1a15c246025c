package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
)

// smallHost lays out the files of a machine with two CPUs.
func smallHost(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{
		"proc/sys/kernel/hostname":      "small\n",
		"proc/cpuinfo":                  "processor\t: 0\nflags\t\t: aes\n\nprocessor\t: 1\nflags\t\t: aes\n",
		"proc/meminfo":                  "MemTotal:        2097152 kB\n",
		"sys/devices/system/cpu/online": "0-1\n",
		"etc/machine-id":                "0123456789abcdef0123456789abcdef\n",
	} {
		full := filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAgent(t *testing.T) {
	n, root := storetest.New(t), smallHost(t)
	publish := func(args ...string) string {
		t.Helper()
		out, errs, code := run(t, "", append([]string{"agent", "--root", root, "--endpoint", n.URL}, args...)...)
		if code != exitOK {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		return out
	}
	if out := publish("--dry-run"); !strings.HasPrefix(out, "small\n") || !strings.Contains(out, "VCPU") {
		t.Errorf("dry run:\n%s", out)
	}
	if out := publish("--dry-run", "-o", "json"); !strings.Contains(out, `"providers"`) {
		t.Errorf("dry run as JSON:\n%s", out)
	}
	if out := succeed(t, n, "tree"); out != "" {
		t.Fatalf("a dry run published:\n%s", out)
	}
	if out := publish("--once"); !strings.HasPrefix(out, "small: 1 created, 0 changed, 0 removed") {
		t.Errorf("once: %s", out)
	}
	if out := publish("--once"); out != "small: nothing changed\n" {
		t.Errorf("again: %s", out)
	}
	if out := publish("--once", "--host-name", "other", "-o", "json"); !strings.Contains(out, `"changed": 1`) {
		t.Errorf("renamed: %s", out)
	}
	if out := succeed(t, n, "tree"); !strings.Contains(out, "MEMORY_MB") || !strings.HasPrefix(out, "other") {
		t.Errorf("the tree is:\n%s", out)
	}
	if errs := fails(t, n, exitUsage, "agent", "--root", root, "--host-name", "a b"); !strings.Contains(errs, "host name") {
		t.Errorf("%s", errs)
	}
	if errs := fails(t, n, exitRejected, "agent", "--once", "--root", root, "--parent", "nowhere"); !strings.Contains(errs, "provider_not_found") {
		t.Errorf("%s", errs)
	}
	if errs := fails(t, n, exitFailure, "agent", "--once", "--root", t.TempDir()); !strings.Contains(errs, "/proc/cpuinfo") {
		t.Errorf("%s", errs)
	}
}

// said collects what is written, and tells when a text is among it.
type said struct {
	want string
	all  strings.Builder
	seen chan struct{}
}

func (s *said) Write(b []byte) (int, error) {
	before := strings.Contains(s.all.String(), s.want)
	s.all.Write(b)
	if !before && strings.Contains(s.all.String(), s.want) {
		close(s.seen)
	}
	return len(b), nil
}

// The agent goes on after a failure, and ends well when told to.
func TestAgentGoesOn(t *testing.T) {
	n, root := storetest.New(t), smallHost(t)
	hidden := filepath.Join(root, "proc", "meminfo.hidden")
	shown := filepath.Join(root, "proc", "meminfo")
	if err := os.Rename(shown, hidden); err != nil {
		t.Fatal(err)
	}
	out, errs := &said{want: "1 created", seen: make(chan struct{})}, &said{want: "/proc/meminfo", seen: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	cmd := newRoot()
	cmd.SetArgs([]string{"agent", "--root", root, "--interval", "1s", "--endpoint", n.URL})
	cmd.SetOut(out)
	cmd.SetErr(errs)
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	wait := func(c <-chan struct{}, what string) {
		t.Helper()
		select {
		case <-c:
		case err := <-ended:
			t.Fatalf("it ended before %s: %v", what, err)
		case <-time.After(30 * time.Second):
			t.Fatalf("no %s", what)
		}
	}
	wait(errs.seen, "error")
	if err := os.Rename(hidden, shown); err != nil {
		t.Fatal(err)
	}
	wait(out.seen, "report")
	stop()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}
