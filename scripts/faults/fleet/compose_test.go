package fleet

import (
	"os"
	"strings"
	"testing"
)

// A node that only the second file describes is held as those of the first.
func TestNodesBesideAreHeldAlike(t *testing.T) {
	b, err := os.ReadFile("../../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := override.Execute(&text, []service{{Name: "n4", Beside: true}}); err != nil {
		t.Fatal(err)
	}
	_, held, found := strings.Cut(string(b), "x-node: &node")
	held, _, _ = strings.Cut(held, "healthcheck:")
	if !found || !strings.Contains(held, "read_only") {
		t.Fatal("docker-compose.yml has no x-node in the form that this test knows")
	}
	for line := range strings.Lines(held) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || strings.HasPrefix(line, "image:") || strings.HasPrefix(line, "restart:") {
			continue // the fleet's own for every node
		}
		if !strings.Contains(text.String(), line) {
			t.Errorf("n4 has no %q:\n%s", line, text.String())
		}
	}
	if text.Reset(); override.Execute(&text, []service{{Name: "n1"}}) != nil || strings.Contains(text.String(), "cap_drop") {
		t.Errorf("n1 is described by the first file:\n%s", text.String())
	}
}

// What a shell or compose would read as a variable stays as it is.
func TestQuote(t *testing.T) {
	if got, err := quote([]string{`a$b"c`}); err != nil || got != `["a$$b\"c"]` {
		t.Errorf("%s, %v", got, err)
	}
}

// What is swept belongs to drivers that are no more.
func TestAbandoned(t *testing.T) {
	for name, want := range map[string]bool{
		uniqueName(): false, imageName(): false, "treenode": false, "tnfr1": false, prefix + "4194305r1": true, // above every process id
	} {
		if got := abandoned(name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}
