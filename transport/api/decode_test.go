package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

func TestDecodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name, body string
		into       any
		code       wire.Code
		field      string
	}{
		{"nothing", ``, &wire.Txn{}, wire.CodeMalformed, ""},
		{"blanks", " \n", &wire.Txn{}, wire.CodeMalformed, ""},
		{"half an object", `{"ops": [`, &wire.Txn{}, wire.CodeMalformed, ""},
		{"trailing comma", `{"ops": [],}`, &wire.Txn{}, wire.CodeMalformed, ""},
		{"trailing data", `{"ops": []} x`, &wire.Txn{}, wire.CodeMalformed, ""},
		{"two values", `{"ops": []}{"ops": []}`, &wire.Txn{}, wire.CodeMalformed, ""},
		{"a byte order mark", "\ufeff{}", &wire.Transfer{}, wire.CodeMalformed, ""},
		{"not UTF-8", "{\"to\": \"\xff\"}", &wire.Transfer{}, wire.CodeMalformed, ""},
		{"a lone high surrogate", `{"to": "\ud83d"}`, &wire.Transfer{}, wire.CodeMalformed, ""},
		{"a lone low surrogate", `{"to": "\\\udc00"}`, &wire.Transfer{}, wire.CodeMalformed, ""},
		{"two high surrogates", `{"to": "\ud83d\ud83d"}`, &wire.Transfer{}, wire.CodeMalformed, ""},
		{"deep nesting", strings.Repeat(`[`, 100_000), &wire.Transfer{}, wire.CodeMalformed, ""},
		{"NaN", `{"total": NaN}`, &wire.Inventory{}, wire.CodeMalformed, ""},
		{"a leading zero", `{"total": 01}`, &wire.Inventory{}, wire.CodeMalformed, ""},
		{"null", `null`, &wire.Txn{}, wire.CodeInvalid, ""},
		{"a number", `7`, &wire.Txn{}, wire.CodeInvalid, ""},
		{"a list", `[]`, &wire.Txn{}, wire.CodeInvalid, ""},
		{"an unknown field", `{"to": "a", "from": "b"}`, &wire.Transfer{}, wire.CodeInvalid, "from"},
		{"another case", `{"Total": 1}`, &wire.Inventory{}, wire.CodeInvalid, "Total"},
		{"a Kelvin sign", `{"raft_id": "a", "peer": "b", "\u212aind": 1}`, &wire.AddMember{}, wire.CodeInvalid, "Kind"},
		{"a field twice", `{"total": 1, "total": 1}`, &wire.Inventory{}, wire.CodeMalformed, "total"},
		{"a field twice, once escaped", `{"total": 1, "\u0074otal": 1}`, &wire.Inventory{}, wire.CodeMalformed, "total"},
		{"a key twice", `{"inventories": {"A": {"total": 1}, "A": {"total": 1}}}`, &wire.InventoriesRequest{}, wire.CodeMalformed, "inventories.A"},
		{"an empty key", `{"inventories": {"": {"total": 1}}}`, &wire.InventoriesRequest{}, wire.CodeInvalid, "inventories"},
		{"a missing field", `{"reserved": 1}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"a missing list", `{}`, &wire.TraitsRequest{}, wire.CodeInvalid, "traits"},
		{"null for a list", `{"traits": null}`, &wire.TraitsRequest{}, wire.CodeInvalid, "traits"},
		{"null in a list", `{"traits": ["A", null]}`, &wire.TraitsRequest{}, wire.CodeInvalid, "traits[1]"},
		{"null for a map", `{"inventories": null}`, &wire.InventoriesRequest{}, wire.CodeInvalid, "inventories"},
		{"null in a map", `{"inventories": {"A": null}}`, &wire.InventoriesRequest{}, wire.CodeInvalid, "inventories.A"},
		{"null for an operation", `{"ops": [{"claim": null}]}`, &wire.Txn{}, wire.CodeInvalid, "ops[0].claim"},
		{"null for an optional number", `{"traits": [], "generation": null}`, &wire.TraitsRequest{}, wire.CodeInvalid, "generation"},
		{"null for an optional text", `{"to": null}`, &wire.Transfer{}, wire.CodeInvalid, "to"},
		{"a fraction", `{"total": 3.0}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"an exponent", `{"total": 1e3}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"a large exponent", `{"total": 1E3}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"over 64 bits", `{"total": 9223372036854775808}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"a negative generation", `{"traits": [], "generation": -1}`, &wire.TraitsRequest{}, wire.CodeInvalid, "generation"},
		{"a fraction for a nullable", `{"allocations": [], "generation": 1.0}`, &wire.PutConsumer{}, wire.CodeInvalid, "generation"},
		{"a text for a nullable", `{"allocations": [], "generation": "1"}`, &wire.PutConsumer{}, wire.CodeInvalid, "generation"},
		{"a float over all bounds", `{"total": 1, "allocation_ratio": 1e400}`, &wire.Inventory{}, wire.CodeInvalid, "allocation_ratio"},
		{"a float below all bounds", `{"total": 1, "allocation_ratio": 1e-400}`, &wire.Inventory{}, wire.CodeInvalid, "allocation_ratio"},
		{"a text for a number", `{"total": "1"}`, &wire.Inventory{}, wire.CodeInvalid, "total"},
		{"a number for a text", `{"to": 1}`, &wire.Transfer{}, wire.CodeInvalid, "to"},
		{"a number for a truth", `{"provider": "a", "subtree": 1}`, &wire.RemoveProvider{}, wire.CodeInvalid, "subtree"},
		{"a list for an object", `{"inventories": []}`, &wire.InventoriesRequest{}, wire.CodeInvalid, "inventories"},
		{"an object for a list", `{"traits": {}}`, &wire.TraitsRequest{}, wire.CodeInvalid, "traits"},
		{"deep inside", `{"ops": [{"create_trait": {"name": "A"}}, {"set_inventories": {"provider": "p", "inventories": {"VCPU": {"total": true}}}}]}`,
			&wire.Txn{}, wire.CodeInvalid, "ops[1].set_inventories.inventories.VCPU.total"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := decode([]byte(c.body), c.into)
			if err == nil {
				t.Fatalf("%s passed as %+v", c.body, c.into)
			}
			if err.Code != c.code || strings.ReplaceAll(err.Field, "\u212a", "K") != c.field {
				t.Errorf("%s: code %s, field %q (%s); want %s, %q", c.body, err.Code, err.Field, err.Message, c.code, c.field)
			}
		})
	}
}

func TestDecodeReads(t *testing.T) {
	for _, c := range []struct {
		body       string
		into, want any
	}{
		{`{}`, &wire.Transfer{}, &wire.Transfer{}},
		{` {"to" : "\u00e4\ud83d\ude00\\u\"" } `, &wire.Transfer{}, &wire.Transfer{To: `ä😀\u"`}},
		{`{"total": -0, "allocation_ratio": 1.5e0}`, &wire.Inventory{}, &wire.Inventory{AllocationRatio: 1.5}},
		{`{"total": 9223372036854775807, "allocation_ratio": 2}`, &wire.Inventory{}, &wire.Inventory{Total: 1<<63 - 1, AllocationRatio: 2}},
		{`{"traits": [], "generation": 18446744073709551615}`, &wire.TraitsRequest{},
			&wire.TraitsRequest{Traits: []string{}, Generation: new(uint64(1<<64 - 1))}},
		{`{"resources": {"A": []}}`, &wire.ResourcesRequest{}, &wire.ResourcesRequest{Resources: map[string][]wire.Device{"A": {}}}},
		{`{"parent": null}`, &wire.PatchProvider{}, &wire.PatchProvider{Parent: wire.Null[string]()}},
		{`{"parent": "p", "name": ""}`, &wire.PatchProvider{}, &wire.PatchProvider{Parent: wire.Value("p"), Name: new("")}},
		{`{"allocations": [], "generation": 0}`, &wire.PutConsumer{},
			&wire.PutConsumer{Allocations: []wire.Allocation{}, Generation: wire.Value(uint64(0))}},
		{`{"raft_id": "a", "peer": "b", "nonvoter": true}`, &wire.AddMember{}, &wire.AddMember{RaftID: "a", Peer: "b", NonVoter: true}},
	} {
		if err := decode([]byte(c.body), c.into); err != nil {
			t.Errorf("%s: %v", c.body, err)
		} else if !reflect.DeepEqual(c.into, c.want) {
			t.Errorf("%s became %+v, want %+v", c.body, c.into, c.want)
		}
	}
}

func TestDecodeBoundsLists(t *testing.T) {
	ops := strings.TrimSuffix(strings.Repeat(`{},`, wire.OpsPerTxnMax+1), ",")
	err := decode([]byte(`{"ops": [`+ops+`]}`), &wire.Txn{})
	if err == nil || err.Code != wire.CodeTooLarge || err.Field != "ops" {
		t.Errorf("%d operations: %v", wire.OpsPerTxnMax+1, err)
	}
	if err := decode([]byte(`{"ops": [`+ops[:len(ops)-3]+`]}`), &wire.Txn{}); err != nil {
		t.Errorf("%d operations: %v", wire.OpsPerTxnMax, err)
	}
}

func TestErrorsStayShort(t *testing.T) {
	long := strings.Repeat("ü", 300_000)
	for _, body := range []string{
		fmt.Sprintf(`{%q: 1}`, long), fmt.Sprintf(`{"to": %s}`, strings.Repeat("9", 600_000)), fmt.Sprintf(`{"to": {%q: 1}}`, long),
	} {
		err := decode([]byte(body), &wire.Transfer{})
		if err == nil || len(err.Field)+len(err.Message) > 1000 {
			t.Errorf("an error of %d bytes", len(err.Field)+len(err.Message))
		}
	}
	err := decode(fmt.Appendf(nil, `{"total": %s}`, strings.Repeat("9", 600_000)), &wire.Inventory{})
	if err == nil || len(err.Message) > 1000 {
		t.Errorf("an error of %d bytes", len(err.Message))
	}
}

// requestTypes are all types that requests are decoded into.
func requestTypes() []reflect.Type {
	var all []reflect.Type
	for _, r := range routes() {
		if r.body != nil {
			all = append(all, reflect.TypeOf(r.body))
		}
	}
	return all
}

// The decoder knows the kinds that the wire has now; a new one must not end in
// "a whole number is needed".
func TestDecoderKnowsEveryType(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem())
		case reflect.Map:
			if typ.Key().Kind() != reflect.String {
				t.Errorf("%s has keys that are no strings", typ)
			}
			walk(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Anonymous {
					t.Errorf("%s embeds %s, which the decoder does not know", typ, f.Type)
				}
				if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == "" && !isNullable(typ) {
					t.Errorf("%s.%s has no name in JSON", typ, f.Name)
				}
				walk(f.Type)
			}
		case reflect.String, reflect.Bool, reflect.Int64, reflect.Uint64, reflect.Float64:
		default:
			t.Errorf("the decoder does not know %s", typ)
		}
	}
	for _, typ := range requestTypes() {
		walk(typ)
	}
	if len(seen) < 40 {
		t.Errorf("only %d types seen", len(seen))
	}
}

// FuzzDecode holds the decoder against encoding/json: what it takes, that takes
// too, and reads the same. And what it takes, written again, it takes again.
func FuzzDecode(f *testing.F) {
	types := requestTypes()
	for i, seed := range []string{
		`{"name": "a", "parent": "b"}`, `{"Name": "a"}`, `{"name": "a", "name": "b"}`, `{"name": "\ud800"}`, `{"generation": 1.0}`,
		`{"ops": [{"set_inventories": {"provider": "p", "inventories": {"VCPU": {"total": 1, "allocation_ratio": 1.5}}}}], "preconditions": [{"state_revision": 3}]}`,
		`{"ops": [{"populate": {"providers": [{"name": "a", "traits": [], "resources": {"A": [{"identifier": "x"}]}}]}}]}`,
		`{"consumers": [{"uuid": "u", "allocations": [{"provider": "p", "resources": {"VCPU": 1}}]}]}`,
		`{"allocations": [], "generation": null}`, `{"parent": null, "name": "x"}`, `{"traits": ["A"], "generation": 7}`,
		`{"inventories": {"p": {"VCPU": {"total": 1}}}}`, `{} x`, `[]`, `null`, `1e5`, "\xff", `{"to": "\u212a"}`,
	} {
		f.Add(byte(i), []byte(seed))
	}
	for i := range types {
		f.Add(byte(i), []byte(`{}`))
	}
	f.Fuzz(func(t *testing.T, which byte, body []byte) {
		typ := types[int(which)%len(types)]
		got := reflect.New(typ)
		if err := decode(body, got.Interface()); err != nil {
			if err.Code == "" || err.Message == "" || err.Kind != wire.Rejected || len(err.Field)+len(err.Message) > 4096 {
				t.Fatalf("a bad refusal: %+v", err)
			}
			return
		}
		standard := json.NewDecoder(strings.NewReader(string(body)))
		standard.DisallowUnknownFields()
		want := reflect.New(typ)
		if err := standard.Decode(want.Interface()); err != nil {
			t.Fatalf("%q passed, but not with encoding/json: %v", body, err)
		}
		if !reflect.DeepEqual(got.Interface(), want.Interface()) {
			t.Fatalf("%q became %+v, with encoding/json %+v", body, got.Elem(), want.Elem())
		}
		again, err := json.Marshal(got.Interface())
		if err != nil {
			t.Fatal(err)
		}
		back := reflect.New(typ)
		if err := decode(again, back.Interface()); err != nil {
			t.Fatalf("%q was written as %s: %v", body, again, err)
		}
	})
}
