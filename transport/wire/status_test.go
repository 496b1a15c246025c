package wire

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"slices"
	"strconv"
	"testing"
)

// declared returns the values of all constants of type Code in error.go.
func declared(t *testing.T) []Code {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []Code
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || kind.Name != "Code" {
			return true
		}
		for _, v := range spec.Values {
			text, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, Code(text))
		}
		return true
	})
	return all
}

func TestEveryCodeHasKindAndStatus(t *testing.T) {
	all := declared(t)
	if len(all) < 30 {
		t.Fatalf("only %d codes found in error.go", len(all))
	}
	for _, c := range all {
		if !Known(c) {
			t.Errorf("%s is not in the table", c)
		}
		switch kind, status := KindOf(c), StatusOf(c); kind {
		case Rejected:
			if status < 400 || status > 499 {
				t.Errorf("%s is rejected with status %d", c, status)
			}
		case NotApplied:
			if status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests {
				t.Errorf("%s is not applied, with status %d", c, status)
			}
		case Unknown:
			if status != http.StatusGatewayTimeout {
				t.Errorf("%s is unknown, with status %d", c, status)
			}
		case Internal:
			if status != http.StatusInternalServerError {
				t.Errorf("%s is internal, with status %d", c, status)
			}
		default:
			t.Errorf("%s has kind %q", c, kind)
		}
	}
	table := Codes()
	slices.Sort(all)
	slices.Sort(table)
	if !slices.Equal(all, table) {
		t.Errorf("declared %v\nin the table %v", all, table)
	}
}

func TestUnknownCodeIsInternal(t *testing.T) {
	if Known("no_such_code") || KindOf("no_such_code") != Internal || StatusOf("no_such_code") != 500 {
		t.Error("an unknown code must read as a bug")
	}
}

func TestNullable(t *testing.T) {
	for _, c := range []struct {
		patch PatchProvider
		json  string
	}{
		{PatchProvider{}, `{}`},
		{PatchProvider{Parent: Null[string]()}, `{"parent":null}`},
		{PatchProvider{Parent: Value("rack")}, `{"parent":"rack"}`},
	} {
		b, err := json.Marshal(c.patch)
		if err != nil || string(b) != c.json {
			t.Errorf("%+v became %s, %v; want %s", c.patch, b, err, c.json)
		}
		var back PatchProvider
		if err := json.Unmarshal([]byte(c.json), &back); err != nil || back.Parent.Present != c.patch.Parent.Present ||
			(back.Parent.Value == nil) != (c.patch.Parent.Value == nil) ||
			back.Parent.Value != nil && *back.Parent.Value != *c.patch.Parent.Value {
			t.Errorf("%s became %+v, %v", c.json, back, err)
		}
	}
}
