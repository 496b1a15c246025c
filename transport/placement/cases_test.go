package placement

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// record makes the files of cases say what another server answers: a fresh
// one, such as scripts/placement-oracle starts.
var record = flag.String("record", "", "the `URL` of a server whose answers the case files shall have")

func serve(t *testing.T, node *placementtest.Node, c Config) string {
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
func legacy(t *testing.T) *Policy {
	t.Helper()
	p, err := NewPolicy(PolicyLegacy, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCases plays every file of testdata to an empty store. In a file, a case
// begins with "=== " and a title; then come the request (method, path,
// microversion or -; headers; body) and, after a line "---", the answer.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) == 0 {
		t.Fatalf("no case files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".http"), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			base := *record
			if base == "" {
				base = serve(t, placementtest.NewNode(), Config{Policy: legacy(t)})
			}
			head, rest, _ := strings.Cut(string(text), "=== ")
			out := head
			for _, c := range strings.Split(rest, "\n=== ") {
				title, exchange, _ := strings.Cut(c, "\n")
				request, want, _ := strings.Cut(exchange, "\n---\n")
				got, err := placementtest.Send(http.DefaultClient, base, parseRequest(t, request))
				if err != nil {
					t.Fatal(err)
				}
				if *record == "" && strings.TrimSpace(want) != strings.TrimSpace(got.String()) {
					t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", title, request, got, want)
				}
				out += "=== " + title + "\n" + strings.TrimRight(request, "\n") + "\n---\n" + got.String() + "\n"
			}
			if *record != "" {
				if err := os.WriteFile(name, []byte(strings.TrimRight(out, "\n")+"\n"), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func parseRequest(t *testing.T, text string) placementtest.Request {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	first := strings.Fields(lines[0])
	if len(first) != 3 {
		t.Fatalf("%q is not METHOD PATH VERSION", lines[0])
	}
	r := placementtest.Request{Method: first[0], Path: first[1], Headers: map[string]string{}}
	if first[2] != "-" {
		r.Version = first[2]
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.ContainsAny(name, "{[\" ") {
			r.Body = strings.Join(lines[1+i:], "\n")
			break
		}
		r.Headers[name] = strings.TrimSpace(value)
	}
	return r
}
