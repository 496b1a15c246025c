package lint

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// words have no place in the repository. They are written in pieces here, so
// that this file does not hold them.
var words = []struct {
	re     *regexp.Regexp
	reason string
}{
	{regexp.MustCompile(`(^|[^\w.-])/(wo` + `rk|ro` + `ot)/`), "a path of somebody's machine"},
	{regexp.MustCompile(`(^|[^\w.-])/(ho` + `me|Us` + `ers)/\w`), "a path of somebody's machine"},
	{regexp.MustCompile(`\.\./sha` + `red\b`), "a path outside of the repository"},
	{regexp.MustCompile(`/tm` + `p/brief\b`), "a path outside of the repository"},
	{regexp.MustCompile(`\bRAFT-` + `FACTS\b`), "a document outside of the repository"},
	{regexp.MustCompile(`\bARCHI` + `TECTURE\.md\b`), "a document outside of the repository"},
}

func wordFindings(path string, content []byte) []string {
	var found []string
	for i, line := range strings.Split(string(content), "\n") {
		for _, w := range words {
			if hit := w.re.FindString(line); hit != "" {
				found = append(found, fmt.Sprintf("%s:%d: %q: %s", path, i+1, strings.TrimSpace(hit), w.reason))
			}
		}
	}
	return found
}

func TestWords(t *testing.T) {
	dir := root(t)
	for _, path := range files(t) {
		content, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		complain(t, wordFindings("file name "+path, []byte(path)))
		if bytes.IndexByte(content, 0) < 0 { // text
			complain(t, wordFindings(path, content))
		}
	}
}

func TestWordFindings(t *testing.T) {
	for _, bad := range []string{
		"see /wo" + "rk/main/x", `"/ro` + `ot/go"`, "/ho" + "me/jane", "(../sha" + "red/design)",
		"/tm" + "p/brief/a", "RAFT-" + "FACTS 3", "in ARCHI" + "TECTURE.md",
	} {
		if got := wordFindings("a.md", []byte("fine\n"+bad)); len(got) != 1 || !strings.HasPrefix(got[0], "a.md:2: ") {
			t.Errorf("%q: findings %q, want one at a.md:2", bad, got)
		}
	}
	for _, good := range []string{
		"frame/wo" + "rk/flow", "at wo" + "rk", "/var/lib/treenode", "tree/ro" + "ot/child", "docs/architecture.md", "shared",
	} {
		wantFindings(t, wordFindings("a.md", []byte(good)), nil)
	}
}
