package tree

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// opTypes are the names of the types that implement Op, read from the package's
// source: those with an apply method on a draft.
func opTypes(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "apply" || fn.Recv == nil {
				continue
			}
			if name, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
				names = append(names, name.Name)
			}
		}
	}
	if len(names) < 10 {
		t.Fatalf("found only %v", names)
	}
	slices.Sort(names)
	return names
}

// everyKind are the kinds of all operations: of a type with a mode, one for
// each mode.
func everyKind(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, name := range opTypes(t) {
		ops := kindsOf[name]
		if len(ops) == 0 {
			t.Errorf("no kind is listed for the operation %s", name)
		}
		for _, op := range ops {
			all = append(all, op.Kind())
		}
	}
	return all
}

var kindsOf = map[string][]Op{
	"CreateProvider":      {CreateProvider{}},
	"RemoveProvider":      {RemoveProvider{}},
	"RenameProvider":      {RenameProvider{}},
	"MoveProvider":        {MoveProvider{}},
	"Populate":            {Populate{}},
	"SetInventories":      {SetInventories{}},
	"PutInventories":      {PutInventories{}},
	"RemoveInventories":   {RemoveInventories{}},
	"ChangeTraits":        {ChangeTraits{Mode: Set}, ChangeTraits{Mode: Add}, ChangeTraits{Mode: Remove}},
	"ChangeAggregates":    {ChangeAggregates{Mode: Set}, ChangeAggregates{Mode: Add}, ChangeAggregates{Mode: Remove}},
	"ChangeResources":     {ChangeResources{Mode: Set}, ChangeResources{Mode: Add}, ChangeResources{Mode: Remove}},
	"Claim":               {Claim{}},
	"Release":             {Release{}},
	"Reshape":             {Reshape{}},
	"CreateResourceClass": {CreateResourceClass{}},
	"RenameResourceClass": {RenameResourceClass{}},
	"RemoveResourceClass": {RemoveResourceClass{}},
	"CreateTrait":         {CreateTrait{}},
	"RemoveTrait":         {RemoveTrait{}},
	"RaiseGenerations":    {RaiseGenerations{}},
}

// Kinds are names on the wire: each differs, and none changes.
func TestKinds(t *testing.T) {
	var want = []string{
		"claim", "create_provider", "create_resource_class", "create_trait", "move_provider", "populate",
		"put_inventories", "release", "remove_inventories", "remove_provider", "remove_resource_class",
		"remove_trait", "rename_provider", "rename_resource_class", "reshape", "set_inventories",
		"set_aggregates", "add_aggregates", "remove_aggregates", "set_resources", "add_resources",
		"remove_resources", "raise_generations", "set_traits", "add_traits", "remove_traits",
	}
	got := everyKind(t)
	slices.Sort(got)
	slices.Sort(want)
	equal(t, "kinds", got, want)
}
