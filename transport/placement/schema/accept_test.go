package schema

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/treenode/treenode/transport/placement/jsontext"
)

// bodies are all schemas of bodies.
var bodies = map[string]*Schema{
	"ResourceClass": ResourceClass, "PostProvider": PostProvider, "PostProvider14": PostProvider14,
	"PutProvider": PutProvider, "PutProvider14": PutProvider14, "Aggregates": Aggregates, "Aggregates19": Aggregates19,
	"ProviderTraits": ProviderTraits, "PostInventory": PostInventory, "PutInventory": PutInventory, "PutInventories": PutInventories,
	"PutAllocations0": PutAllocations0, "PutAllocations8": PutAllocations8, "PutAllocations12": PutAllocations12,
	"PutAllocations28": PutAllocations28, "PutAllocations34": PutAllocations34, "PutAllocations38": PutAllocations38,
	"PostAllocations13": PostAllocations13, "PostAllocations28": PostAllocations28, "PostAllocations34": PostAllocations34,
	"PostAllocations38": PostAllocations38, "Reshaper30": Reshaper30, "Reshaper34": Reshaper34, "Reshaper38": Reshaper38,
}

// Every keyword in use is known to the acceptors: the quick way is open.
func TestAcceptorsAreSure(t *testing.T) {
	var sure func(a *acceptor) bool
	sure = func(a *acceptor) bool {
		if a == nil {
			return true
		}
		ok := !a.unsure && sure(a.items) && sure(a.others)
		for _, of := range a.properties {
			ok = ok && sure(of)
		}
		for _, of := range a.patterns {
			ok = ok && sure(of.of)
		}
		for _, of := range a.anyOf {
			ok = ok && sure(of)
		}
		return ok
	}
	for name, s := range bodies {
		if !sure(s.quick) {
			t.Errorf("%s has a keyword that its acceptor does not know", name)
		}
	}
}

const (
	bodyUUID = "00000000-0000-4000-8000-000000000001"
	oneClaim = `{"allocations":{"` + bodyUUID + `":{"resources":{"VCPU":1}}},"project_id":"p","user_id":"u","consumer_generation":null,"consumer_type":"INSTANCE"}`
)

// What clients send all day is accepted the quick way.
func TestAcceptsTheUsual(t *testing.T) {
	for _, c := range []struct {
		s    *Schema
		body string
	}{
		{PutAllocations38, oneClaim},
		{PostAllocations38, `{"` + bodyUUID + `":` + oneClaim + `}`},
		{PutAllocations38, `{"allocations":{},"project_id":"p","user_id":"u","consumer_generation":3,"consumer_type":"INSTANCE","mappings":{"_A":["` + bodyUUID + `"]}}`},
		{PutInventories, `{"resource_provider_generation":1,"inventories":{"VCPU":{"total":8,"allocation_ratio":16.0,"max_unit":8}}}`},
		{ProviderTraits, `{"resource_provider_generation":1,"traits":["HW_CPU_X86_VMX"]}`},
		{Aggregates19, `{"resource_provider_generation":1,"aggregates":["` + bodyUUID + `"]}`},
		{PostProvider14, `{"name":"ä","uuid":"` + bodyUUID + `","parent_provider_uuid":null}`},
	} {
		v, err := jsontext.Parse([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		if !c.s.Accepts(v) {
			t.Errorf("%s is not accepted", c.body)
		}
	}
}

// agree fails if an acceptor accepts what the library refuses.
func agree(t *testing.T, text []byte) {
	t.Helper()
	v, err := jsontext.Parse(text)
	if err != nil {
		return
	}
	for name, s := range bodies {
		if s.Accepts(v) {
			if refusal := s.Check(jsontext.Plain(v)); refusal != "" {
				t.Errorf("%s is accepted by %s: %s", text, name, refusal)
			}
		}
	}
}

func FuzzAccepts(f *testing.F) {
	f.Add([]byte(oneClaim))
	f.Add([]byte(`{"resource_provider_generation":1.0,"inventories":{"VCPU":{"total":1e3,"allocation_ratio":1e39}}}`))
	f.Add([]byte(`["` + bodyUUID + `","` + bodyUUID + `"]`))
	f.Fuzz(func(t *testing.T, text []byte) { agree(t, text) })
}

// TestAcceptsNothingWrong changes good bodies at random.
func TestAcceptsNothingWrong(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	pieces := []string{
		`null`, `true`, `0`, `1`, `-1`, `1.0`, `1.5`, `1e3`, `2147483647`, `2147483648`, `3.5e38`, `""`, `"x"`, `"VCPU"`, `"vcpu"`, `"CUSTOM_A"`,
		`"` + bodyUUID + `"`, `{}`, `[]`, `{"VCPU":1}`, `{"resources":{"VCPU":1}}`, oneClaim,
		`["` + bodyUUID + `","` + bodyUUID + `"]`, `["HW_CPU_X86_VMX",""]`, `{"` + bodyUUID + `":{}}`,
	}
	names := []string{
		"allocations", "project_id", "user_id", "consumer_generation", "consumer_type", "mappings", "resources", "generation", "inventories",
		"resource_provider_generation", "total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio", "traits", "aggregates",
		"name", "uuid", "parent_provider_uuid", "resource_class", "resource_provider", "VCPU", bodyUUID, "foo",
	}
	var grow func(depth int) string
	grow = func(depth int) string {
		if depth == 0 || rnd.IntN(3) == 0 {
			return pieces[rnd.IntN(len(pieces))]
		}
		text := "{"
		for i := range rnd.IntN(6) {
			if i > 0 {
				text += ","
			}
			text += fmt.Sprintf("%q:%s", names[rnd.IntN(len(names))], grow(depth-1))
		}
		return text + "}"
	}
	for range 20_000 {
		agree(t, []byte(grow(4)))
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// The lists above have all schemas of bodies that there are.
func TestAllBodies(t *testing.T) {
	seen := map[*Schema]bool{}
	for _, s := range bodies {
		seen[s] = true
	}
	if len(seen) != len(bodies) || reflect.ValueOf(bodies).Len() < 20 {
		t.Errorf("%d schemas, %d different ones", len(bodies), len(seen))
	}
}
