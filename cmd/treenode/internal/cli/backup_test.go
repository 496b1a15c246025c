package cli

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster"
)

func leftOver(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestBackup(t *testing.T) {
	n := furnished(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state.archive")
	out := succeed(t, n, "backup", path)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	v, err := n.Read(t.Context(), cluster.Stale, 0)
	if err != nil {
		t.Fatal(err)
	}
	digest := cluster.Digest(v.Digest()).String()
	for _, want := range []string{path, digest, "sums fit", "linearizable", "index "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}

	if errs := fails(t, n, exitUsage, "backup", path); !strings.Contains(errs, "--force") {
		t.Error(errs)
	}
	if errs := fails(t, n, exitUsage, "backup", "--force", dir); !strings.Contains(errs, "not a regular file") {
		t.Error(errs)
	}
	var a archived
	if err := json.Unmarshal([]byte(succeed(t, n, "backup", "--force", path, "-o", "json")), &a); err != nil {
		t.Fatal(err)
	}
	// Not as long as the first: the time in it has as many digits as it needs.
	if info, err = os.Stat(path); err != nil {
		t.Fatal(err)
	}
	if a.File != path || a.Digest != digest || a.Index == 0 || a.Term != 3 || a.Bytes != info.Size() || a.Providers == 0 {
		t.Errorf("%+v", a)
	}
	if names := leftOver(t, dir); len(names) != 1 {
		t.Errorf("left over: %q", names)
	}

	stream, said, code := run(t, "", "backup", "-", "--endpoint", n.URL)
	if code != exitOK || !strings.Contains(said, digest) {
		t.Errorf("exit code %d, %s", code, said)
	}
	out, said, code = run(t, stream, "inspect", "-")
	if code != exitOK || said != "" || !strings.Contains(out, "every invariant holds") || !strings.Contains(out, digest) {
		t.Errorf("exit code %d\n%s%s", code, out, said)
	}
}

// What is not whole is not kept.
func TestBackupFails(t *testing.T) {
	n := furnished(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "state.archive")
	whole, _, _ := run(t, "", "backup", "-", "--endpoint", n.URL)
	serve := func(body string, cut bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = w.Write([]byte(body))
			if cut {
				_ = http.NewResponseController(w).Flush()
				panic(http.ErrAbortHandler)
			}
			return true
		}
	}
	flipped := []byte(whole)
	flipped[len(flipped)/2] ^= 1
	for name, c := range map[string]struct {
		body string
		cut  bool
		code int
		want string
	}{
		"cut off": {whole[:len(whole)-1], true, exitNotApplied, "broke off"}, "short": {whole[:len(whole)-1], false, exitFailure, "before its end"},
		"flipped": {string(flipped), false, exitFailure, "damaged"}, "something else": {"{}", false, exitFailure, "not an archive"},
	} {
		n.Before = serve(c.body, c.cut)
		if errs := fails(t, n, c.code, "backup", path); !strings.Contains(errs, c.want) {
			t.Errorf("%s: %s", name, errs)
		}
		if names := leftOver(t, dir); len(names) != 0 {
			t.Errorf("%s: left over: %q", name, names)
		}
	}
	n.Before = nil
	if errs := fails(t, n, exitUsage, "backup", filepath.Join(dir, "none", "state.archive")); !strings.Contains(errs, "none") {
		t.Error(errs)
	}
	if full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0); err == nil {
		defer full.Close()
		code, errs := runTo(t, full, "backup", "-", "--endpoint", n.URL)
		if code != exitFailure || !strings.Contains(errs, "writing the archive") {
			t.Errorf("a full disk: exit code %d, %s", code, errs)
		}
	}
}

func runTo(t *testing.T, out *os.File, args ...string) (code int, errs string) {
	t.Helper()
	var b strings.Builder
	code = Main(args, strings.NewReader(""), out, &b)
	return code, b.String()
}

func TestInspectArchive(t *testing.T) {
	n := furnished(t)
	path := filepath.Join(t.TempDir(), "state.archive")
	succeed(t, n, "backup", path)
	var a inspectedArchive
	inspectJSON(t, exitOK, &a, path)
	if a.State == nil || a.State.Digest.String() != a.Digest || a.State.Providers != a.Providers || a.State.Violation != "" || a.File != path {
		t.Errorf("%+v", a)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) string {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	newer := append([]byte(nil), b...)
	newer[len("treenode archive\n")]++
	b[len(b)/2] ^= 8
	for _, c := range []struct {
		content []byte
		args    []string
		code    int
		want    string
	}{
		{b, nil, exitDamaged, "damaged"},
		{b[:len(b)/2], nil, exitDamaged, "before its end"},
		{nil, nil, exitDamaged, "before its end"},
		{[]byte("treenode snapshot\n"), nil, exitDamaged, "not an archive"},
		{newer, nil, exitUsage, "version 2"},
		{b, []string{"--entries", "1:2"}, exitUsage, "archive"},
		{b, []string{"other"}, exitUsage, "alone"},
	} {
		out, errs, code := run(t, "", append([]string{"inspect", write(c.content)}, c.args...)...)
		if code != c.code || !strings.Contains(errs, c.want) || out != "" {
			t.Errorf("%d bytes, %q: exit code %d\n%s%s", len(c.content), c.args, code, out, errs)
		}
	}
}
