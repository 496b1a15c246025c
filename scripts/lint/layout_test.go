package lint

import (
	"bytes"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fileLinesMax is where a file certainly has more than one subject. About half
// of it is the aim.
const fileLinesMax = 800

func lengthFindings(path string, src []byte) []string {
	lines := bytes.Count(src, []byte("\n"))
	if lines <= fileLinesMax {
		return nil
	}
	return []string{fmt.Sprintf("%s has %d lines, over %d: give each subject its own file", path, lines, fileLinesMax)}
}

func TestFileLength(t *testing.T) {
	dir, checked := root(t), 0
	for _, path := range files(t) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		if err != nil {
			t.Fatal(err)
		}
		checked++
		complain(t, lengthFindings(path, src))
	}
	if checked == 0 {
		t.Fatal("no file seen: nothing was checked")
	}
}

func TestLengthFindings(t *testing.T) {
	wantFindings(t, lengthFindings("a.go", bytes.Repeat([]byte("//\n"), fileLinesMax)), nil)
	wantFindings(t, lengthFindings("a.go", bytes.Repeat([]byte("//\n"), fileLinesMax+1)), []string{"has 801 lines"})
}

// docFindings looks at a package's doc.go; src is nil when there is none.
func docFindings(importPath, name string, src []byte) []string {
	if src == nil {
		return []string{importPath + " has no doc.go: say what it guarantees and what its limits are"}
	}
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", src, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return []string{importPath + ": " + err.Error()}
	}
	if begin := "Package " + name + " "; !strings.HasPrefix(f.Doc.Text(), begin) {
		return []string{fmt.Sprintf("%s: the comment in doc.go does not begin with %q", importPath, begin)}
	}
	return nil
}

func TestPackageDoc(t *testing.T) {
	for _, p := range packages(t) {
		if p.Name == "main" {
			continue
		}
		var src []byte
		if slices.Contains(p.GoFiles, "doc.go") {
			var err error
			if src, err = os.ReadFile(filepath.Join(p.Dir, "doc.go")); err != nil {
				t.Fatal(err)
			}
		}
		complain(t, docFindings(p.ImportPath, p.Name, src))
	}
}

func TestDocFindings(t *testing.T) {
	wantFindings(t, docFindings("m/a", "a", []byte("// Package a does.\npackage a\n")), nil)
	wantFindings(t, docFindings("m/a", "a", nil), []string{"m/a has no doc.go"})
	wantFindings(t, docFindings("m/a", "a", []byte("package a\n")), []string{"does not begin with"})
	wantFindings(t, docFindings("m/a", "a", []byte("// Package ab does.\npackage a\n")), []string{"does not begin with"})
}
