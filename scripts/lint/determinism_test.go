package lint

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// floatFiles may compute with floats, for the reason given. Keys are slash
// paths relative to the repository's root.
var floatFiles = map[string]string{}

// floatFunctions of package math look at a float's bits or class without
// computing.
var floatFunctions = []string{
	"Float32bits", "Float32frombits", "Float64bits", "Float64frombits", "IsInf", "IsNaN", "Signbit", "NaN", "Inf",
}

// sorted marks a range over a map whose order reaches nothing; the reason
// follows on the same line.
const sorted = "//lint:sorted"

// determinism finds what could make two replicas differ in one type-checked
// file. It reports one line per finding, in the order of the file.
type determinism struct {
	fset *token.FileSet
	info *types.Info
	// floats is whether the file may compute with floats.
	floats bool
	// reasons has the lines that carry a sorted mark with a reason.
	reasons map[int]bool
	found   []string
}

func determinismFindings(fset *token.FileSet, f *ast.File, info *types.Info, floats bool) []string {
	d := &determinism{fset: fset, info: info, floats: floats, reasons: map[int]bool{}}
	for _, group := range f.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, sorted)
			if !ok {
				continue
			}
			if strings.TrimSpace(reason) == "" {
				d.report(c, sorted+" needs a reason")
				continue
			}
			d.reasons[fset.Position(c.Pos()).Line] = true
		}
	}
	var parents []ast.Node
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			parents = parents[:len(parents)-1]
			return true
		}
		var parent ast.Node
		if len(parents) > 0 {
			parent = parents[len(parents)-1]
		}
		d.look(n, parent)
		parents = append(parents, n)
		return true
	})
	return d.found
}

func (d *determinism) report(n ast.Node, what string) {
	at := d.fset.Position(n.Pos())
	d.found = append(d.found, fmt.Sprintf("%s:%d: %s", at.Filename, at.Line, what))
}

func (d *determinism) look(n, parent ast.Node) {
	switch n := n.(type) {
	case *ast.GoStmt:
		d.report(n, "go statement: a goroutine's progress differs from replica to replica")
	case *ast.SelectStmt:
		ready := 0
		for _, clause := range n.Body.List {
			if clause.(*ast.CommClause).Comm != nil { //nolint:errcheck // a select has nothing else
				ready++
			}
		}
		if ready > 1 {
			d.report(n, "select over several channels chooses at random")
		}
	case *ast.RangeStmt:
		if t := d.info.TypeOf(n.X); t != nil && isMap(t) && !d.marked(n) {
			d.report(n, "range over a map has a random order: sort, or say above it why it does not matter: "+sorted+" reason")
		}
	case *ast.CallExpr:
		d.call(n, parent)
	case *ast.BinaryExpr:
		if !d.constant(n) && (d.float(n.X) || d.float(n.Y)) {
			d.reportFloat(n, "float arithmetic or comparison")
		}
	case *ast.UnaryExpr:
		if !d.constant(n) && n.Op == token.SUB && d.float(n.X) {
			d.reportFloat(n, "float arithmetic")
		}
	case *ast.IncDecStmt:
		if d.float(n.X) {
			d.reportFloat(n, "float arithmetic")
		}
	case *ast.AssignStmt:
		if n.Tok != token.ASSIGN && n.Tok != token.DEFINE && d.float(n.Lhs[0]) {
			d.reportFloat(n, "float arithmetic")
		}
	}
}

func (d *determinism) call(n *ast.CallExpr, parent ast.Node) {
	if tv, ok := d.info.Types[n.Fun]; ok && tv.IsType() { // a conversion
		if !d.constant(n) && len(n.Args) == 1 && isFloat(tv.Type) != d.float(n.Args[0]) {
			d.reportFloat(n, "conversion between float and integer")
		}
		return
	}
	pkg, name := d.function(n)
	switch {
	case pkg == "maps" && slices.Contains([]string{"All", "Keys", "Values"}, name):
		if into, ok := parent.(*ast.CallExpr); ok {
			if pkg, name := d.function(into); pkg == "slices" && strings.HasPrefix(name, "Sorted") {
				return
			}
		}
		if !d.marked(n) {
			d.report(n, "maps."+name+" has a random order: pass it to slices.Sorted, or say above it why it does not matter: "+sorted+" reason")
		}
	case pkg == "math" && !slices.Contains(floatFunctions, name):
		d.reportFloat(n, "math."+name+" computes with floats")
	}
}

// function returns the package path and name of the package-level function
// that is called; empty for anything else.
func (d *determinism) function(call *ast.CallExpr) (pkg, name string) {
	fun := ast.Unparen(call.Fun)
	switch x := fun.(type) { // explicit type arguments
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	var id *ast.Ident
	switch x := fun.(type) {
	case *ast.Ident:
		id = x
	case *ast.SelectorExpr:
		id = x.Sel
	default:
		return "", ""
	}
	f, ok := d.info.Uses[id].(*types.Func)
	if !ok || f.Pkg() == nil || f.Signature().Recv() != nil {
		return "", ""
	}
	return f.Pkg().Path(), f.Name()
}

func (d *determinism) reportFloat(n ast.Node, what string) {
	if !d.floats {
		d.report(n, what+": a decision must not depend on a floating-point unit")
	}
}

// marked reports whether the node's line or the one above has a reason.
func (d *determinism) marked(n ast.Node) bool {
	line := d.fset.Position(n.Pos()).Line
	return d.reasons[line] || d.reasons[line-1]
}

// constant reports whether the compiler computes the expression, exactly.
func (d *determinism) constant(e ast.Expr) bool { return d.info.Types[e].Value != nil }

func (d *determinism) float(e ast.Expr) bool {
	t := d.info.TypeOf(e)
	return t != nil && isFloat(t)
}

// isFloat reports whether t, or a type that a type parameter t allows, is a
// float or complex number.
func isFloat(t types.Type) bool {
	return anyTerm(t, func(t types.Type) bool {
		b, ok := t.Underlying().(*types.Basic)
		return ok && b.Info()&(types.IsFloat|types.IsComplex) != 0
	})
}

func isMap(t types.Type) bool {
	return anyTerm(t, func(t types.Type) bool {
		_, ok := t.Underlying().(*types.Map)
		return ok
	})
}

// anyTerm asks about t or, where t is a type parameter, about each type that
// its constraint lists directly. cmp.Ordered lists floats, but comparing keys
// is no arithmetic: a type parameter counts only where all its types do.
func anyTerm(t types.Type, is func(types.Type) bool) bool {
	p, ok := types.Unalias(t).(*types.TypeParam)
	if !ok {
		return is(t)
	}
	constraint, ok := p.Constraint().Underlying().(*types.Interface)
	if !ok || constraint.NumEmbeddeds() == 0 {
		return false
	}
	for i := range constraint.NumEmbeddeds() {
		union, ok := constraint.EmbeddedType(i).(*types.Union)
		if !ok {
			if !is(constraint.EmbeddedType(i)) {
				return false
			}
			continue
		}
		for j := range union.Len() {
			if !is(union.Term(j).Type()) {
				return false
			}
		}
	}
	return true
}

func newInfo() *types.Info {
	return &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
}

// exported returns an importer that reads what the compiler wrote for the
// packages listed.
func exported(fset *token.FileSet, listed []goPackage) types.Importer {
	export := map[string]string{}
	for _, p := range listed {
		export[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if export[path] == "" {
			return nil, fmt.Errorf("%s does not compile", path)
		}
		return os.Open(export[path])
	})
}

func TestDeterminism(t *testing.T) {
	packages(t) // for the test cache: looks at every file
	dir := root(t)
	listed, err := goList(dir, "-deps", "-export", "./fsm/...")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	imp := exported(fset, listed)
	checked, used := 0, map[string]bool{}
	for _, p := range listed {
		if p.DepOnly || !within(p.room(), "fsm") {
			continue
		}
		var parsed []*ast.File
		for _, name := range p.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
		info := newInfo()
		config := types.Config{Importer: imp}
		if _, err := config.Check(p.ImportPath, fset, parsed, info); err != nil {
			t.Errorf("%s can't be checked: %v", p.ImportPath, err)
			continue
		}
		for _, f := range parsed {
			rel, err := filepath.Rel(dir, fset.Position(f.Pos()).Filename)
			if err != nil {
				t.Fatal(err)
			}
			_, floats := floatFiles[filepath.ToSlash(rel)]
			used[filepath.ToSlash(rel)] = true
			complain(t, determinismFindings(fset, f, info, floats))
			checked++
		}
	}
	if checked == 0 {
		t.Error("no file seen: nothing was checked")
	}
	for _, path := range slices.Sorted(maps.Keys(floatFiles)) {
		if !used[path] {
			t.Errorf("floatFiles names %s, which is not there", path)
		}
	}
}

func TestDeterminismFindings(t *testing.T) {
	listed, err := goList(root(t), "-deps", "-export", "maps", "math", "slices", "cmp")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, src string
		want      []string
	}{
		{"goroutine", `func f() { go f() }`, []string{"go statement"}},
		{"goroutine in a closure", `func f() { _ = func() { go f() } }`, []string{"go statement"}},
		{"range over slice", `func f(s []int) { for range s {} }`, nil},
		{"range over map", `func f(m map[string]int) { for range m {} }`, []string{"a.go:7: range over a map"}},
		{"range over named map", "type M map[int]int\nfunc f(m M) { for range m {} }", []string{"range over a map"}},
		{"range over generic map", `func f[M ~map[K]V, K comparable, V any](m M) { for range m {} }`, []string{"range over a map"}},
		{"marked above", "func f(m map[int]int) {\n//lint:sorted only counts\nfor range m {} }", nil},
		{"marked beside", `func f(m map[int]int) { for range m {} } //lint:sorted only counts`, nil},
		{"marked too far", "//lint:sorted only counts\n\nfunc f(m map[int]int) { for range m {} }", []string{"range over a map"}},
		{"mark without reason", "func f(m map[int]int) {\n//lint:sorted\nfor range m {} }", []string{"needs a reason", "range over a map"}},
		{"sorted keys", `func f(m map[int]int) []int { return slices.Sorted(maps.Keys(m)) }`, nil},
		{"collected keys", `func f(m map[int]int) []int { return slices.Collect(maps.Keys(m)) }`, []string{"maps.Keys"}},
		{"explicit type arguments", `func f(m map[int]int) any { return maps.Values[map[int]int](m) }`, []string{"maps.Values"}},
		{"range over keys", `func f(m map[int]int) { for range maps.Keys(m) {} }`, []string{"maps.Keys"}},
		{"select of two", `func f(a, b chan int) { select { case <-a: case <-b: } }`, []string{"chooses at random"}},
		{"select with default", `func f(a chan int) { select { case a <- 1: default: } }`, nil},
		{"float sum", `func f(a, b float64) float64 { return a + b }`, []string{"float arithmetic"}},
		{"float comparison", `func f(a float32) bool { return a < 1 }`, []string{"comparison"}},
		{"float of a named type", "type F float64\nfunc f(a F) F { return a * a }", []string{"float arithmetic"}},
		{"float negated", `func f(a float64) float64 { return -a }`, []string{"float arithmetic"}},
		{"float added to", `func f(a float64) { a += 1; a++ }`, []string{"float arithmetic", "float arithmetic"}},
		{"float made an integer", `func f(a float64) int64 { return int64(a) }`, []string{"conversion"}},
		{"integer made a float", `func f(a int64) float64 { return float64(a) }`, []string{"conversion"}},
		{"complex", `func f(a complex128) complex128 { return a * a }`, []string{"float arithmetic"}},
		{"math", `func f(a float64) float64 { return math.Floor(a) }`, []string{"math.Floor"}},
		{"bits of a float", `func f(a float64) uint64 { return math.Float64bits(a) }`, nil},
		{"float carried", `func f(a float64) float64 { b := a; return b }`, nil},
		{"constant", `const c = 1.5 * 2; var n = int(c * 2); const most = math.MaxInt64`, nil},
		{"integers", `func f(a, b int64) int64 { a++; return -a*b + int64(uint8(b)) }`, nil},
		{"ordered keys", `func f[K cmp.Ordered](a, b K) bool { return a < b }`, nil},
		{"generic float", `func f[F ~float32 | ~float64](a, b F) F { return a * b }`, []string{"float arithmetic"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			fset := token.NewFileSet()
			src := "package a\nimport \"cmp\"\nimport \"maps\"\nimport \"math\"\nimport \"slices\"\n" +
				"var _, _, _, _ = cmp.Less[int], maps.Copy[map[int]int, map[int]int], math.Pi, slices.Max[[]int]\n" + c.src
			f, err := parser.ParseFile(fset, "a.go", src, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			info := newInfo()
			config := types.Config{Importer: exported(fset, listed)}
			if _, err := config.Check("a", fset, []*ast.File{f}, info); err != nil {
				t.Fatal(err)
			}
			wantFindings(t, determinismFindings(fset, f, info, false), c.want)
			for _, finding := range determinismFindings(fset, f, info, true) {
				if strings.Contains(finding, "floating-point") {
					t.Errorf("a file that may compute with floats: %s", finding)
				}
			}
		})
	}
}
