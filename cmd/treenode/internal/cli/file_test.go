package cli

import (
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

func TestStrictTxn(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "ops:\n- create_provider:\n    name: a\n    colour: red\n", `f.yaml:4: ops[0].create_provider: unknown key "colour"; known are name, parent, uuid`},
		{"unknown operation", "ops:\n- paint: {}\n", `f.yaml:2: ops[0]: unknown key "paint"`},
		{"unknown top key", "operations: []\n", `f.yaml:1: unknown key "operations"; known are ops, preconditions`},
		{"wrong case", "Ops: []\n", `unknown key "Ops"`},
		{"two operations", "ops:\n- create_trait: {name: A}\n  remove_trait: {name: B}\n", "f.yaml:2: ops[0]: exactly one operation is needed, not 2"},
		{"no operation", "ops:\n- {}\n", "f.yaml:2: ops[0]: exactly one operation is needed, not 0"},
		{"empty operation", "ops:\n- create_trait:\n", "f.yaml:2: ops[0].create_trait: it has no value"},
		{"null operation", "ops: [null]\n", "keys with values are needed"},
		{"two preconditions", "preconditions: [{provider_absent: a, consumer_absent: b}]\nops: []", "f.yaml:1: preconditions[0]: exactly one precondition is needed, not 2"},
		{"twice", "ops: []\nops: []\n", `f.yaml:2: key "ops" is given twice`},
		{"class twice", "ops:\n- put_inventories:\n    provider: a\n    inventories:\n      VCPU: {total: 1}\n      VCPU: {total: 2}\n", `f.yaml:6: ops[0].put_inventories.inventories: key "VCPU" is given twice`},
		{"no list", "ops: {create_trait: {name: A}}\n", "f.yaml:1: ops: a list is needed"},
		{"no map", "ops:\n- create_trait: A\n", "f.yaml:2: ops[0].create_trait: keys with values are needed"},
		{"list for text", "ops:\n- create_trait: {name: [A]}\n", "ops[0].create_trait.name: a single value is needed"},
		{"not a number", "ops:\n- put_inventories: {provider: a, inventories: {VCPU: {total: many}}}\n", `ops[0].put_inventories.inventories.VCPU.total: "many" is not an integer`},
		{"fraction", "ops:\n- put_inventories: {provider: a, inventories: {VCPU: {total: 1.5}}}\n", `"1.5" is not an integer`},
		{"not a bool", "ops:\n- remove_provider: {provider: a, subtree: maybe}\n", `subtree: "maybe" is not true or false`},
		{"negative generation", "preconditions: [{state_revision: -1}]\nops: []", `"-1" is not an integer that is not negative`},
		{"two documents", "ops: []\n---\nops: []\n", "one document only"},
		{"empty", "", "it is empty"},
		{"only a comment", "# nothing\n", "it is empty"},
		{"broken", "ops: [\n", "f.yaml: yaml:"},
		{"anchors in a circle", "ops: &a\n- *a\n", ""},
		{"json", `{"ops": [{"create_trait": {"name": "A", "x": 1}}]}`, `f.yaml:1: ops[0].create_trait: unknown key "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var txn wire.Txn
			err := decodeStrict("f.yaml", strings.NewReader(c.text), &txn)
			if err == nil || !strings.Contains(err.Error(), c.want) || exitCode(err) != exitUsage {
				t.Errorf("error %v, want %q and exit code 2", err, c.want)
			}
		})
	}
	var p wire.Populate
	bomb := "providers:\n- {name: a, traits: &t [" + strings.Repeat("A, ", 5000) + "]}\n" + strings.Repeat("- {name: b, traits: *t}\n", 5000)
	if err := decodeStrict("f", strings.NewReader(bomb), &p); err == nil || !strings.Contains(err.Error(), "values") {
		t.Errorf("too many values: %v", err)
	}
	var txn wire.Txn
	if err := decodeStrict("f", strings.NewReader(strings.Repeat("#", fileBytesMax+1)), &txn); err == nil || !strings.Contains(err.Error(), "larger") {
		t.Errorf("too large: %v", err)
	}
}

// What is absent, null and empty stays apart.
func TestStrictParts(t *testing.T) {
	var p wire.Populate
	text := `
common: &inventories {VCPU: {total: 8, allocation_ratio: 1.5}}
`
	if err := decodeStrict("f", strings.NewReader(text), &p); err == nil {
		t.Error("a key beside the known ones is taken")
	}
	text = `
providers:
- name: 007          # text as it stands
  inventories: &i {VCPU: {total: 8, allocation_ratio: 1.5}}
  traits: []
  aggregates: null
- name: b
  inventories: *i
`
	if err := decodeStrict("f", strings.NewReader(text), &p); err != nil {
		t.Fatal(err)
	}
	a, b := p.Providers[0], p.Providers[1]
	if a.Name != "007" || a.Traits == nil || a.Aggregates != nil || a.Resources != nil || b.Traits != nil {
		t.Errorf("%+v", p)
	}
	if b.Inventories["VCPU"] != (wire.Inventory{Total: 8, AllocationRatio: 1.5}) {
		t.Errorf("%+v", b.Inventories)
	}
}

// Every key of the wire's operations can be read.
func TestStrictAll(t *testing.T) {
	text := `
preconditions:
- provider_generation: {provider: a, generation: 18446744073709551615}
- provider_parent: {provider: a, parent: ""}
- state_revision: 0
ops:
- claim: {consumers: [{uuid: u, project: p, user: s, type: t, allocations: [{provider: a, resources: {VCPU: 1}}]}]}
- release: {consumers: [u]}
- set_resources: {provider: a, resources: {PGPU: [{identifier: x, metadata: y}]}}
- reshape: {inventories: {a: {}}, consumers: []}
- rename_resource_class: {name: A, new_name: B}
`
	var txn wire.Txn
	if err := decodeStrict("f", strings.NewReader(text), &txn); err != nil {
		t.Fatal(err)
	}
	if txn.Preconditions[0].ProviderGeneration.Generation != 1<<64-1 || txn.Preconditions[2].StateRevision == nil ||
		txn.Ops[0].Claim.Consumers[0].Allocations[0].Resources["VCPU"] != 1 || txn.Ops[3].Reshape.Inventories["a"] == nil ||
		txn.Ops[4].RenameResourceClass.NewName != "B" {
		t.Errorf("%+v", txn)
	}
}

func FuzzStrict(f *testing.F) {
	f.Add("ops:\n- create_trait: {name: A}\n")
	f.Add("ops: &a\n- *a\n")
	f.Add("{\"ops\": [null]}")
	f.Fuzz(func(t *testing.T, text string) {
		var txn wire.Txn
		if err := decodeStrict("f", strings.NewReader(text), &txn); err != nil {
			return
		}
		for i, op := range txn.Ops {
			if op == (wire.Op{}) {
				t.Errorf("operation %d is empty", i)
			}
		}
	})
}
