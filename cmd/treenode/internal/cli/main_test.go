package cli

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// run runs a command line to its end.
func run(t *testing.T, in string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(args, strings.NewReader(in), &out, &errs)
	return out.String(), errs.String(), code
}

// succeed runs a command line against a store, and returns what it printed.
func succeed(t *testing.T, n *storetest.Node, args ...string) string {
	t.Helper()
	out, errs, code := run(t, "", append(args, "--endpoint", n.URL)...)
	if code != exitOK || errs != "" {
		t.Fatalf("treenode %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fails runs a command line that must fail with the code, and returns what it
// printed as errors.
func fails(t *testing.T, n *storetest.Node, want int, args ...string) string {
	t.Helper()
	out, errs, code := run(t, "", append(args, "--endpoint", n.URL)...)
	if code != want || errs == "" {
		t.Errorf("treenode %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), code, want, out, errs)
	}
	return errs
}

// changing is what differs from run to run.
var changing = []struct {
	re   *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`20\d\d-\d\d-\d\dT[0-9:.]+Z`), "TIME"},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "REQUEST-ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d{5}`), "127.0.0.1:PORT"},
}

// golden compares text with a file below testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for _, c := range changing {
		got = c.re.ReplaceAllString(got, c.with)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", path, got, want)
	}
}
