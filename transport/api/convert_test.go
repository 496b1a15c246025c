package api

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// encoded is the command that a transaction's JSON becomes.
func encoded(t *testing.T, id tree.UUID, body string) []byte {
	t.Helper()
	var given wire.Txn
	if err := decode([]byte(body), &given); err != nil {
		t.Fatal(err)
	}
	txn, refused := convert(id, given)
	if refused != nil {
		t.Fatal(refused)
	}
	b, err := fsm.Command{RequestID: id, Txn: txn}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A caller that repeats a request must meet the memory of its answer, however
// its library orders the keys.
func TestSameRequestSameBytes(t *testing.T) {
	const one = `{"ops": [{"create_provider": {"name": "a"}},
		{"set_inventories": {"provider": "a", "inventories": {"A": {"total": 1}, "B": {"total": 2}, "C": {"total": 3}, "D": {"total": 4}}}},
		{"set_resources": {"provider": "a", "resources": {"A": [{"identifier": "x"}, {"identifier": "y"}], "B": [{"identifier": "z"}]}}},
		{"populate": {"providers": [{"name": "b", "resources": {"B": [], "A": [{"identifier": "x"}]}}, {"name": "c"}]}},
		{"claim": {"consumers": [{"uuid": "c0000000-0000-4000-8000-000000000001", "allocations": [{"provider": "a", "resources": {"A": 1, "B": 2, "C": 3}}]}]}},
		{"reshape": {"inventories": {"a": {"A": {"total": 1}}, "b": {}, "c": {}}}}]}`
	const other = `{"ops": [{"create_provider": {"name": "a"}},
		{"set_inventories": {"inventories": {"D": {"total": 4}, "C": {"total": 3}, "B": {"total": 2}, "A": {"total": 1}}, "provider": "a"}},
		{"set_resources": {"resources": {"B": [{"identifier": "z"}], "A": [{"identifier": "x"}, {"identifier": "y"}]}, "provider": "a"}},
		{"populate": {"providers": [{"resources": {"A": [{"identifier": "x"}], "B": []}, "name": "b"}, {"name": "c"}]}},
		{"claim": {"consumers": [{"allocations": [{"resources": {"C": 3, "B": 2, "A": 1}, "provider": "a"}], "uuid": "c0000000-0000-4000-8000-000000000001"}]}},
		{"reshape": {"inventories": {"c": {}, "b": {}, "a": {"A": {"total": 1}}}}}]}`
	want := encoded(t, requestID(1), one)
	for range 50 { // the order of a map is another one each time
		if !bytes.Equal(want, encoded(t, requestID(1), one)) || !bytes.Equal(want, encoded(t, requestID(1), other)) {
			t.Fatal("the same request became another command")
		}
	}
	if bytes.Equal(want[16:], encoded(t, requestID(2), one)[16:]) {
		t.Error("another request id gave the new providers the same UUIDs")
	}
}

// The UUIDs that follow from a request id are part of the contract between
// versions: a retry may reach a node that was upgraded in between.
func TestDerivedUUIDs(t *testing.T) {
	from := origin{requestID(1), 0}
	for _, c := range []struct {
		got  tree.UUID
		want string
	}{
		{from.provider(), "87d1f047-1e97-533b-a4f8-a4234304227a"},
		{from.element(0), "ba78000c-ca8e-5d2e-8ab3-4ddb089d24a9"},
		{origin{requestID(1), 1}.element(12), "193d3e1e-4cf2-5cef-9155-f3a8dd5e00c7"},
	} {
		if c.got.String() != c.want {
			t.Errorf("derived %s, want %s", c.got, c.want)
		}
		if c.got[6]>>4 != 5 || c.got[8]>>6 != 2 {
			t.Errorf("%s is not of version 5", c.got)
		}
	}
	seen := map[tree.UUID]bool{}
	for op := range 12 {
		seen[origin{requestID(1), op}.provider()] = true
		for element := range 12 {
			seen[origin{requestID(1), op}.element(element)] = true
		}
	}
	if len(seen) != 12+144 {
		t.Errorf("%d UUIDs for %d places", len(seen), 12+144)
	}
}

func TestInventoryDefaults(t *testing.T) {
	want := []tree.InventoryOf{
		{Class: "A", Inventory: tree.Inventory{Total: 7, MinUnit: 1, MaxUnit: 1<<31 - 1, StepSize: 1, Ratio: tree.One}},
		{Class: "B", Inventory: tree.Inventory{Total: 7, Reserved: 2, MinUnit: 3, MaxUnit: 4, StepSize: 5, Ratio: tree.RatioOf(1.5)}},
		// What is negative is for package tree to refuse.
		{Class: "C", Inventory: tree.Inventory{Total: -1, Reserved: -1, MinUnit: -1, MaxUnit: -1, StepSize: -1, Ratio: tree.RatioOf(-1)}},
	}
	got := inventoriesOf(map[string]wire.Inventory{
		"B": {Total: 7, Reserved: 2, MinUnit: 3, MaxUnit: 4, StepSize: 5, AllocationRatio: 1.5},
		"A": {Total: 7},
		"C": {Total: -1, Reserved: -1, MinUnit: -1, MaxUnit: -1, StepSize: -1, AllocationRatio: -1},
	})
	if !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Every operation of the wire becomes one of the tree with the same name, so
// that paths in errors are the caller's.
func TestEveryOperationConverts(t *testing.T) {
	fields := fieldsOf(reflect.TypeFor[wire.Op]())
	if len(fields) < 25 {
		t.Fatalf("only %d operations", len(fields))
	}
	for _, f := range fields {
		var o wire.Op
		v := reflect.ValueOf(&o).Elem().Field(f.index)
		v.Set(reflect.New(v.Type().Elem()))
		txn, refused := convert(requestID(1), wire.Txn{Ops: []wire.Op{o}})
		if refused != nil {
			t.Errorf("%s: %v", f.name, refused)
		} else if kind := txn.Ops[0].Kind(); kind != f.name {
			t.Errorf("%s became %s", f.name, kind)
		}
	}
}

func TestEveryPreconditionConverts(t *testing.T) {
	const consumer = "c0000000-0000-4000-8000-000000000001"
	id, _ := tree.ParseUUID(consumer)
	for _, c := range []struct {
		given wire.Precondition
		want  tree.Precondition
	}{
		{wire.Precondition{ProviderGeneration: &wire.ProviderGeneration{Provider: "a", Generation: 3}},
			tree.Precondition{Kind: tree.ProviderGeneration, Provider: tree.ByName("a"), Value: 3}},
		{wire.Precondition{ProviderAbsent: new("a")}, tree.Precondition{Kind: tree.ProviderAbsent, Provider: tree.ByName("a")}},
		{wire.Precondition{ProviderParent: &wire.ProviderParent{Provider: "a", Parent: "b"}},
			tree.Precondition{Kind: tree.ProviderParent, Provider: tree.ByName("a"), Parent: tree.ByName("b")}},
		{wire.Precondition{ProviderParent: &wire.ProviderParent{Provider: "a"}},
			tree.Precondition{Kind: tree.ProviderParent, Provider: tree.ByName("a")}},
		{wire.Precondition{ConsumerGeneration: &wire.ConsumerGeneration{Consumer: consumer, Generation: 3}},
			tree.Precondition{Kind: tree.ConsumerGeneration, Consumer: id, Value: 3}},
		{wire.Precondition{ConsumerAbsent: new(consumer)}, tree.Precondition{Kind: tree.ConsumerAbsent, Consumer: id}},
		{wire.Precondition{StateRevision: new(uint64(9))}, tree.Precondition{Kind: tree.StateRevision, Value: 9}},
	} {
		if got, refused := convertPrecondition(c.given); refused != nil || got != c.want {
			t.Errorf("got %+v, %v; want %+v", got, refused, c.want)
		}
	}
	if n := len(fieldsOf(reflect.TypeFor[wire.Precondition]())); n != 6 {
		t.Errorf("the wire has %d preconditions, this test 6", n)
	}
}

// The way back from a flat allocation to the caller's holds for any shape.
func TestWireAllocation(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 200 {
		claim := wire.ConsumerClaim{UUID: "c0000000-0000-4000-8000-000000000001"}
		var want []int
		for i := range 1 + random.IntN(5) {
			resources := map[string]int64{}
			for j := range 1 + random.IntN(4) {
				resources[strings.Repeat("A", j+1)] = 1
				want = append(want, i)
			}
			claim.Allocations = append(claim.Allocations, wire.Allocation{Provider: string(rune('a' + i)), Resources: resources})
		}
		flat, refused := claimsOf([]wire.ConsumerClaim{claim})
		if refused != nil || len(flat[0].Allocations) != len(want) {
			t.Fatalf("%d allocations, %v; want %d", len(flat[0].Allocations), refused, len(want))
		}
		for j, a := range flat[0].Allocations {
			if i := wireAllocation(claim, j); i != want[j] || claim.Allocations[i].Provider != a.Provider.Name {
				t.Fatalf("allocation %d came from %d, not %d, in %+v", j, want[j], i, claim)
			}
		}
	}
}

// FuzzConvert holds that what decodes either converts, to the same bytes twice,
// or is refused by field; and that the state machine lives through it.
func FuzzConvert(f *testing.F) {
	for _, seed := range []string{
		`{"ops": [{"create_provider": {"name": "a"}}, {"set_inventories": {"provider": "a", "inventories": {"VCPU": {"total": 1}}}}]}`,
		`{"ops": [{"populate": {"providers": [{"name": "a", "parent": "b", "aggregates": ["x"]}, {"name": "b"}]}}]}`,
		`{"ops": [{"claim": {"consumers": [{"uuid": "c0000000-0000-4000-8000-000000000001", "allocations": [{"provider": "a", "resources": {"VCPU": 1, "X": 2}}]}]}}]}`,
		`{"ops": [{"reshape": {"inventories": {"a": {}, "b": {"VCPU": {"total": 1}}}, "consumers": []}}, {}]}`,
		`{"ops": [{"release": {"consumers": ["x"]}}], "preconditions": [{"provider_absent": "a"}, {"consumer_absent": "b"}]}`,
		`{"ops": [{"move_provider": {"provider": "a", "parent": ""}}, {"rename_provider": {"provider": "a", "name": "b"}}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var given wire.Txn
		if decode(body, &given) != nil {
			return
		}
		txn, refused := convert(requestID(1), given)
		if refused != nil {
			if refused.Kind != wire.Rejected || refused.Field == "" {
				t.Fatalf("a bad refusal: %+v", refused)
			}
			return
		}
		one, err := fsm.Command{RequestID: requestID(1), Txn: txn}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, _ := convert(requestID(1), given)
		other, err := fsm.Command{RequestID: requestID(1), Txn: again}.Encode()
		if err != nil || !bytes.Equal(one, other) {
			t.Fatalf("%s converts in two ways: %v", body, err)
		}
		if _, _, err := tree.New().Apply(epoch, txn, nil); err != nil {
			told := wireError(err)
			locate(told, given)
			if told.Op != nil && !strings.HasPrefix(told.Field, "ops[") {
				t.Fatalf("the field is %q", told.Field)
			}
		}
	})
}
