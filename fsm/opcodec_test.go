package fsm

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// opTypes are the types of opCodecs in the order of their numbers.
func opTypes(t testing.TB) []reflect.Type {
	t.Helper()
	var types []reflect.Type
	for kind := 1; kind < len(opCodecs); kind++ {
		if opCodecs[kind].walk == nil {
			t.Fatalf("kind %d is a gap", kind)
		}
		// Reading nothing gives a zero operation.
		types = append(types, reflect.TypeOf(opCodecs[kind].walk(&codec{decoding: true}, nil)))
	}
	return types
}

// filledOp is an operation of that type with every field set.
func filledOp(t testing.TB, typ reflect.Type) tree.Op {
	t.Helper()
	v := reflect.New(typ).Elem()
	(&filler{}).fill(t, v)
	op, ok := v.Interface().(tree.Op)
	if !ok {
		t.Fatalf("%s is no operation", typ)
	}
	return op
}

func TestEveryOpRoundTrips(t *testing.T) {
	for i, typ := range opTypes(t) {
		t.Run(typ.Name(), func(t *testing.T) {
			b := roundTrip(t, filledOp(t, typ), (*codec).op)
			if int(b[0]) != i+1 {
				t.Errorf("written as kind %d, want %d", b[0], i+1)
			}
			zero, _ := reflect.Zero(typ).Interface().(tree.Op)
			roundTrip(t, zero, (*codec).op)
		})
	}
}

// TestOperationsOfDeedsRoundTrip has operations as they are in use.
func TestOperationsOfDeedsRoundTrip(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for _, d := range deeds() {
		roundTrip(t, d.op, (*codec).op)
		seen[reflect.TypeOf(d.op)] = true
	}
	for _, typ := range opTypes(t) {
		if !seen[typ] {
			t.Errorf("no deed is a %s", typ)
		}
	}
}

// TestEveryOpHasANumber looks for the types of package tree that have the
// methods of an Op, whatever file they are in.
func TestEveryOpHasANumber(t *testing.T) {
	var numbered []string
	for _, typ := range opTypes(t) {
		numbered = append(numbered, typ.Name())
	}
	paths, err := filepath.Glob("tree/*.go")
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string][]string{} // method to types
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil {
				continue
			}
			if receiver, ok := fn.Recv.List[0].Type.(*ast.Ident); ok && receiver.IsExported() {
				methods[fn.Name.Name] = append(methods[fn.Name.Name], receiver.Name)
			}
		}
	}
	var ops []string
	for _, name := range methods["apply"] {
		if slices.Contains(methods["Kind"], name) {
			ops = append(ops, name)
		}
	}
	slices.Sort(ops)
	slices.Sort(numbered)
	if len(ops) == 0 || !slices.Equal(ops, numbered) {
		t.Errorf("package tree has the operations\n%s\nnumbered are\n%s", ops, numbered)
	}
}

// TestOpsThatCannotBeWritten has a pointer among them: a kind is told by its
// exact type.
func TestOpsThatCannotBeWritten(t *testing.T) {
	for _, c := range []struct {
		name string
		op   tree.Op
		want string
	}{
		{"nil", nil, "no number"},
		{"pointer", &tree.CreateTrait{}, "*tree.CreateTrait has no number"},
		{"put mode", tree.PutInventories{Mode: 3}, "unknown value 3"},
		{"trait mode", tree.ChangeTraits{Mode: 3}, "unknown value 3"},
		{"aggregate mode", tree.ChangeAggregates{Mode: 3}, "unknown value 3"},
		{"resource mode", tree.ChangeResources{Mode: 255}, "unknown value 255"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Command{RequestID: uuid(1), Txn: txn(c.op)}.Encode()
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestModesOutOfRange changes the mode in the bytes of each operation that has
// one: it must be refused on reading too.
func TestModesOutOfRange(t *testing.T) {
	found := 0
	for _, typ := range opTypes(t) {
		if _, ok := typ.FieldByName("Mode"); !ok {
			continue
		}
		found++
		modes := make([][]byte, 2)
		for mode := range modes {
			v := reflect.New(typ).Elem()
			v.FieldByName("Mode").SetUint(uint64(mode)) //nolint:gosec // 0 or 1
			op, _ := v.Interface().(tree.Op)
			modes[mode] = roundTrip(t, op, (*codec).op)
		}
		at := slices.IndexFunc(modes[1], func(b byte) bool { return b == 1 })
		for i := range modes[0] {
			if modes[0][i] != modes[1][i] {
				at = i
			}
		}
		for _, mode := range []byte{3, 4, 0x80, 0xff} {
			bad := bytes.Clone(modes[0])
			bad[at] = mode
			if err := decodeAll(bad, new(tree.Op), (*codec).op); err == nil || !strings.Contains(err.Error(), "unknown value") {
				t.Errorf("%s with mode %d: %v", typ, mode, err)
			}
		}
	}
	if found != 4 {
		t.Errorf("%d operations with a mode, want 4", found)
	}
}

func TestUnknownKindsOfOp(t *testing.T) {
	for _, kind := range []int{0, len(opCodecs), 127, 128, 255} {
		b := append([]byte{byte(kind)}, make([]byte, 100)...)
		err := decodeAll(b, new(tree.Op), (*codec).op)
		if err == nil || !strings.Contains(err.Error(), "unknown kind of operation") {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
}

// preconditions has one of each kind, with the fields that the kind looks at.
func preconditions() map[string]tree.Precondition {
	provider, parent := tree.Ref{UUID: uuid(1), Name: "provider"}, tree.Ref{UUID: uuid(2), Name: "parent"}
	return map[string]tree.Precondition{
		"provider_generation": {Kind: tree.ProviderGeneration, Provider: provider, Value: 300},
		"provider_absent":     {Kind: tree.ProviderAbsent, Provider: provider},
		"consumer_generation": {Kind: tree.ConsumerGeneration, Consumer: uuid(3), Value: 301},
		"consumer_absent":     {Kind: tree.ConsumerAbsent, Consumer: uuid(3)},
		"state_revision":      {Kind: tree.StateRevision, Value: 302},
		"provider_parent":     {Kind: tree.ProviderParent, Provider: provider, Parent: parent},
	}
}

// TestPreconditionsRoundTrip also takes the kinds from the source, so that a
// new one can't be forgotten here.
func TestPreconditionsRoundTrip(t *testing.T) {
	source, err := os.ReadFile("tree/op.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), " PreconditionKind = "); n != len(preconditions()) {
		t.Errorf("package tree has %d kinds of precondition, the test %d", n, len(preconditions()))
	}
	seen := map[tree.PreconditionKind]bool{}
	for name, p := range preconditions() {
		t.Run(name, func(t *testing.T) { roundTrip(t, p, (*codec).precondition) })
		seen[p.Kind] = true
	}
	for kind := range 256 {
		k := tree.PreconditionKind(kind) //nolint:gosec // below 256
		if seen[k] {
			continue
		}
		b := append([]byte{byte(kind)}, make([]byte, 100)...)
		if err := decodeAll(b, new(tree.Precondition), (*codec).precondition); err == nil || !strings.Contains(err.Error(), "unknown kind of precondition") {
			t.Errorf("reading kind %d: %v", kind, err)
		}
		if _, err := (Command{Txn: tree.Txn{Preconditions: []tree.Precondition{{Kind: k}}}}).Encode(); err == nil {
			t.Errorf("kind %d could be written", kind)
		}
	}
}

// TestEncodingLeavesItsArgument encodes one command from two goroutines: the
// race detector objects when encoding writes to what it was given.
func TestEncodingLeavesItsArgument(t *testing.T) {
	var all tree.Txn
	for _, typ := range opTypes(t) {
		all.Ops = append(all.Ops, filledOp(t, typ))
	}
	for _, p := range preconditions() {
		all.Preconditions = append(all.Preconditions, p)
	}
	result := Result{Effect: filled[tree.Effect](t)}
	refusal := Result{Refused: filled[*tree.Error](t)}
	done := make(chan error)
	for range 2 {
		go func() {
			_, err := Command{RequestID: uuid(1), Txn: all}.Encode()
			result.Encode()
			refusal.Encode()
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
