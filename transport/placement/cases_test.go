package placement

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/placement/placementtest"
	"github.com/treenode/treenode/transport/policy"
)

// record makes the files of cases say what another server answers: a fresh
// one, such as scripts/placement-oracle starts.
var record = flag.String("record", "", "the `URL` of a server whose answers the case files shall have")

func serve(t *testing.T, node Node, c Config) string {
	t.Helper()
	h, err := New(node, c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// legacy is the policy of the service that the case files were recorded with.
func legacy(t *testing.T) *policy.Policy {
	t.Helper()
	p, err := policy.New(policy.Legacy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// eachCaseFile runs a subtest for each file of testdata; see
// placementtest.ParseCases.
func eachCaseFile(t *testing.T, run func(t *testing.T, path string)) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".http"), func(t *testing.T) { run(t, path) })
	}
}

func cases(t *testing.T, path string) (head string, all []placementtest.Case) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if head, all, err = placementtest.ParseCases(string(text)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return head, all
}

func answer(t *testing.T, base string, c placementtest.Case) string {
	t.Helper()
	got, err := placementtest.Send(http.DefaultClient, base, c.Request)
	if err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// play plays a file to an empty store. URL tells where to send case i of n.
func play(t *testing.T, path string, url func(i, n int) string) {
	t.Helper()
	_, all := cases(t, path)
	for i, c := range all {
		base := url(i, len(all))
		if got := answer(t, base, c); strings.TrimSpace(c.Want) != strings.TrimSpace(got) {
			t.Errorf("case %d of %d: %s\n%s\ngot\n%s\nwant\n%s", i+1, len(all), c.Title, c.Text, got, c.Want)
		}
	}
}

// TestCases plays every file to a store without Raft.
func TestCases(t *testing.T) {
	eachCaseFile(t, func(t *testing.T, path string) {
		if *record == "" {
			url := serve(t, placementtest.NewNode(), Config{Policy: legacy(t)})
			play(t, path, func(int, int) string { return url })
			return
		}
		head, all := cases(t, path)
		for i := range all {
			all[i].Want = answer(t, *record, all[i])
		}
		if err := os.WriteFile(path, []byte(placementtest.FormatCases(head, all)), 0o600); err != nil {
			t.Fatal(err)
		}
	})
}

// TestCasesBehind plays every file to a node that is some commands behind the
// cluster: no answer comes from what it has.
func TestCasesBehind(t *testing.T) {
	for _, behind := range []int{1, 3, 1000} {
		t.Run(strconv.Itoa(behind), func(t *testing.T) {
			eachCaseFile(t, func(t *testing.T, path string) {
				node := placementtest.NewNode()
				node.Behind = behind
				url := serve(t, node, Config{Policy: legacy(t)})
				play(t, path, func(int, int) string { return url })
			})
		})
	}
}
