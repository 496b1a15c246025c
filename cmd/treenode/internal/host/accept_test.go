package host

import (
	"maps"
	"slices"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// populate turns providers into the store's operations: first what Needs
// says, then the tree.
func populate(t *testing.T, providers []wire.PopulateProvider, classes, traits []string) []tree.Op {
	t.Helper()
	id := func(text string) tree.UUID {
		t.Helper()
		u, ok := tree.ParseUUID(text)
		if !ok {
			t.Fatalf("%q is no UUID", text)
		}
		return u
	}
	var ops []tree.Op
	for _, class := range classes {
		ops = append(ops, tree.CreateResourceClass{Class: class})
	}
	for _, trait := range traits {
		ops = append(ops, tree.CreateTrait{Trait: trait})
	}
	var op tree.Populate
	for _, p := range providers {
		given := tree.PopulateProvider{UUID: id(p.UUID), Name: p.Name, Traits: &p.Traits}
		if p.Parent != "" {
			given.Parent = tree.ByUUID(id(p.Parent))
		}
		inventories, devices := []tree.InventoryOf{}, []tree.Device{}
		for _, class := range slices.Sorted(maps.Keys(p.Inventories)) {
			inv := p.Inventories[class]
			inventories = append(inventories, tree.InventoryOf{Class: class, Inventory: tree.Inventory{
				Total: inv.Total, Reserved: inv.Reserved, MinUnit: 1, MaxUnit: inv.MaxUnit, StepSize: 1, Ratio: tree.RatioOf(1),
			}})
			for _, d := range p.Resources[class] {
				devices = append(devices, tree.Device{Class: class, Identifier: d.Identifier, Metadata: d.Metadata})
			}
		}
		given.Inventories, given.Resources = &inventories, &devices
		op.Providers = append(op.Providers, given)
	}
	return append(ops, op)
}

// The store takes each of the trees, once what they need is there, and takes
// it again with two disks that changed places.
func TestStoreAccepts(t *testing.T) {
	for _, name := range []string{"flat", "numa", "accelerators", "arm"} {
		t.Run(name, func(t *testing.T) {
			f := loadFixture(t, name)
			providers, err := f.read(t).Providers(Options{})
			if err != nil {
				t.Fatal(err)
			}
			classes, traits := Needs(providers)
			state, _, err := tree.New().Apply(1, tree.Txn{Ops: populate(t, providers, classes, traits)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if state.NumProviders() != len(providers) {
				t.Errorf("%d providers of %d", state.NumProviders(), len(providers))
			}
			if len(classes)+len(traits) > 0 {
				if _, _, err := tree.New().Apply(1, tree.Txn{Ops: populate(t, providers, nil, nil)}, nil); err == nil {
					t.Error("the store takes the tree without what it needs")
				}
			}
			if name != "numa" {
				return
			}
			f["/sys/block/sda"], f["/sys/block/sdb"] = f["/sys/block/sdb"], f["/sys/block/sda"]
			moved, err := f.read(t).Providers(Options{})
			if err != nil {
				t.Fatal(err)
			}
			next, _, err := state.Apply(2, tree.Txn{Ops: populate(t, moved, nil, nil)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range moved {
				if got, ok := next.Find(tree.ByName(p.Name)); !ok || got.UUID().String() != p.UUID {
					t.Errorf("%s is not %s", p.Name, p.UUID)
				}
			}
		})
	}
}
