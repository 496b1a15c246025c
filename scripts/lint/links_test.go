package lint

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// linkFindings checks the relative links of one Markdown document; exists is
// asked with paths relative to the repository's root.
func linkFindings(document, content string, exists func(string) bool) []string {
	var found []string
	for i, line := range strings.Split(content, "\n") {
		for _, m := range link.FindAllStringSubmatch(line, -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") { // in this document; elsewhere
				continue
			}
			if !exists(path.Join(path.Dir(document), target)) {
				found = append(found, fmt.Sprintf("%s:%d: links to %s, which is not there", document, i+1, target))
			}
		}
	}
	return found
}

func TestLinks(t *testing.T) {
	dir, checked := root(t), 0
	for _, document := range files(t) {
		if !strings.HasSuffix(document, ".md") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(document)))
		if err != nil {
			t.Fatal(err)
		}
		checked++
		complain(t, linkFindings(document, string(content), func(p string) bool {
			_, err := os.Stat(filepath.Join(dir, filepath.FromSlash(p)))
			return err == nil
		}))
	}
	if checked == 0 {
		t.Fatal("no document seen: nothing was checked")
	}
}

func TestLinkFindings(t *testing.T) {
	exists := func(p string) bool { return p == "LICENSE" || p == "docs/a.md" }
	wantFindings(t, linkFindings("README.md", "[l](LICENSE) [a](docs/a.md#b) [h](#here) [w](https://example.org/x)", exists), nil)
	wantFindings(t, linkFindings("docs/a.md", "[l](../LICENSE)\n[x](../gone.md)", exists), []string{"docs/a.md:2: links to ../gone.md"})
	wantFindings(t, linkFindings("README.md", "[l](LICENSE), [x](docs/gone.md) and [a](docs/a.md)", exists), []string{"docs/gone.md"})
}
