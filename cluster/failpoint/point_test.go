package failpoint_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/treenode/treenode/cluster/failpoint"
)

// Every point is listed, says what must hold, and is a line of a node.
func TestPoints(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "point.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	reached := reachedPoints(t)
	listed := failpoint.All()
	declared := 0
	ast.Inspect(f, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		declared++
		name := v.Names[0].Name
		value, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(listed, failpoint.Point(value)) {
			t.Errorf("All does not list %s", name)
		}
		if doc := strings.TrimSpace(v.Doc.Text()); !strings.HasPrefix(doc, name+" is ") || strings.Count(doc, ".") < 2 {
			t.Errorf("%s does not say where it is and what must hold: %q", name, doc)
		}
		if !reached[name] {
			t.Errorf("no line of package cluster reaches %s", name)
		}
		delete(reached, name)
		return true
	})
	if declared == 0 || declared != len(listed) || len(slices.Compact(slices.Sorted(slices.Values(listed)))) != declared {
		t.Errorf("%d points are declared, listed are %v", declared, listed)
	}
	for name := range reached {
		t.Errorf("%s is reached and not declared", name)
	}
}

// reachedPoints are the names in failpoint.Reach(failpoint.NAME) in package
// cluster and below.
func reachedPoints(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isFailpoint(call.Fun, "Reach") {
				return true
			}
			names[call.Args[0].(*ast.SelectorExpr).Sel.Name] = true
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func isFailpoint(e ast.Expr, name string) bool {
	s, ok := e.(*ast.SelectorExpr)
	if !ok || s.Sel.Name != name {
		return false
	}
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "failpoint"
}
