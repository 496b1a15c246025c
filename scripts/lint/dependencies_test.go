package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirement is one module of go.mod.
type requirement struct {
	path     string
	indirect bool
}

// requirements reads the require lines of a go.mod. The go command has parsed
// the file before this runs, so its form is taken for granted.
func requirements(mod string) []requirement {
	var all []requirement
	block := false
	for line := range strings.Lines(mod) {
		code, comment, _ := strings.Cut(line, "//")
		fields := strings.Fields(code)
		switch {
		case len(fields) == 2 && fields[0] == "require" && fields[1] == "(":
			block = true
			continue
		case len(fields) == 1 && fields[0] == ")":
			block = false
		case len(fields) == 3 && fields[0] == "require":
			fields = fields[1:]
		case !block:
			continue
		}
		if len(fields) == 2 {
			all = append(all, requirement{fields[0], strings.TrimSpace(comment) == "indirect"})
		}
	}
	return all
}

// direct returns the modules that go.mod calls direct or that hold one of the
// packages imported. The second half matters before go mod tidy has run.
func direct(required []requirement, imported []string) []string {
	var all []string
	for _, r := range required {
		if !r.indirect {
			all = append(all, r.path)
		}
	}
	for _, path := range imported {
		longest := ""
		for _, r := range required {
			if within(path, r.path) && len(r.path) > len(longest) {
				longest = r.path
			}
		}
		if longest != "" {
			all = append(all, longest)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// dependencyFindings names the modules that the document does not. A module is
// named between backquotes, so that a longer path does not count for it.
func dependencyFindings(modules []string, document string) []string {
	var found []string
	for _, m := range modules {
		if !strings.Contains(document, "`"+m+"`") {
			found = append(found, fmt.Sprintf("docs/dependencies.md does not mention `%s`: for what, why this one, which licence?", m))
		}
	}
	return found
}

// row is a line of the document's tables; its first cell is a module.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// staleFindings names the modules that the document has a row for, and go.mod
// does not have.
func staleFindings(required []requirement, document string) []string {
	var found []string
	for _, m := range row.FindAllStringSubmatch(document, -1) {
		if !slices.ContainsFunc(required, func(r requirement) bool { return r.path == m[1] }) {
			found = append(found, fmt.Sprintf("docs/dependencies.md has a row for `%s`, which go.mod does not require", m[1]))
		}
	}
	return found
}

func TestDependencies(t *testing.T) {
	dir := root(t)
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile(filepath.Join(dir, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	var imported []string
	for _, p := range packages(t) {
		imported = slices.Concat(imported, p.Imports, p.TestImports, p.XTestImports)
	}
	modules := direct(requirements(string(mod)), imported)
	if len(modules) == 0 {
		t.Fatal("no dependency seen: nothing was checked")
	}
	complain(t, dependencyFindings(modules, string(document)))
	complain(t, staleFindings(requirements(string(mod)), string(document)))
}

func TestDirect(t *testing.T) {
	required := requirements("module m\n\ngo 1.26.0\n\nrequire example.org/a v1.0.0\n\nrequire (\n" +
		"\texample.org/b v1.0.0\n\texample.org/c v1.0.0 // indirect\n\texample.org/d/v2 v2.0.0 // indirect\n\texample.org/d v1.0.0 // indirect\n)\n\nretract v0.1.0\n")
	if len(required) != 5 {
		t.Fatalf("requirements %v, want five", required)
	}
	for _, c := range []struct {
		imported []string
		want     []string
	}{
		{nil, []string{"example.org/a", "example.org/b"}},
		{[]string{"fmt", "example.org/d/v2/x", "example.org/cc"}, []string{"example.org/a", "example.org/b", "example.org/d/v2"}},
		{[]string{"example.org/c", "example.org/c/y"}, []string{"example.org/a", "example.org/b", "example.org/c"}},
	} {
		if got := direct(required, c.imported); !slices.Equal(got, c.want) {
			t.Errorf("direct with imports %v: %v, want %v", c.imported, got, c.want)
		}
	}
}

func TestDependencyFindings(t *testing.T) {
	document := "- `example.org/a/sub`: x\n- `example.org/b`: y\n"
	wantFindings(t, dependencyFindings([]string{"example.org/a", "example.org/b"}, document), []string{"`example.org/a`"})
}

func TestStaleFindings(t *testing.T) {
	document := "uses `example.org/c`\n\n| module | for what |\n|---|---|\n| `example.org/a` | x |\n| `example.org/b` | `example.org/d` |\n"
	wantFindings(t, staleFindings([]requirement{{"example.org/a", true}}, document), []string{"`example.org/b`"})
}
