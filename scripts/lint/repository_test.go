package lint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/treenode/treenode"

// root returns the directory of go.mod. Tests run in their package's directory.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// goPackage is what these rules need of go list's answer.
type goPackage struct {
	ImportPath     string
	Name           string
	Dir            string
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string
	Imports        []string
	TestImports    []string
	XTestImports   []string
	Export         string
	DepOnly        bool
}

// room is the package's path below the module; "" is the module's root.
func (p goPackage) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// sources are the names of the files that are not tests, whatever their build
// constraints.
func (p goPackage) sources() []string {
	all := slices.Concat(p.GoFiles, p.CgoFiles)
	for _, f := range p.IgnoredGoFiles {
		if !strings.HasSuffix(f, "_test.go") {
			all = append(all, f)
		}
	}
	return all
}

func goList(dir string, args ...string) ([]goPackage, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-json"}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
}

// listed asks go list once for all tests of this package.
var listed = sync.OnceValues(func() ([]goPackage, error) { return goList(listDir, "./...") })

var listDir string

// packages returns every package of the module.
func packages(t *testing.T) []goPackage {
	t.Helper()
	listDir = root(t)
	// go test's cache knows which files this process has looked at, not which
	// ones go list did: look at all of them, so that a change anywhere runs
	// the rules again.
	for _, path := range files(t) {
		if _, err := os.Stat(filepath.Join(listDir, filepath.FromSlash(path))); err != nil {
			t.Fatal(err)
		}
	}
	all, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("go list found no package: nothing would be checked")
	}
	return all
}

// notOurs are directories that nobody writes by hand (see .gitignore).
var notOurs = []string{".git", "dist", ".idea", ".vscode"}

// files returns the path of every file of the repository, relative to root,
// with slashes.
func files(t *testing.T) []string {
	t.Helper()
	dir := root(t)
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(notOurs, d.Name()) && path != dir {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil // a worktree's .git is a file
		}
		if !d.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all = append(all, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// complain reports one line per finding.
func complain(t *testing.T, findings []string) {
	t.Helper()
	for _, f := range findings {
		t.Error(f)
	}
}

// wantFindings fails unless there is one finding for each want, in order, and
// each contains its want.
func wantFindings(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("findings %q, want %d that contain %q", got, len(want), want)
	}
	for i := range got {
		if !strings.Contains(got[i], want[i]) {
			t.Errorf("finding %q does not contain %q", got[i], want[i])
		}
	}
}
