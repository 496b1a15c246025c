package client

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

// grown is a Tree of one host with two NUMA nodes and a device, committed.
//
//	host ─┬─ numa0 ── gpu
//	      └─ numa1
func grown(t testing.TB) (*fakeCluster, *Client, *Tree) {
	t.Helper()
	cluster, c := start(t, 1)
	vocabulary(t, c)
	tree := NewTree(c)
	must(tree.NewRoot("host"))(t)
	must(tree.NewChild("numa0", "host"))(t)
	must(tree.NewChild("numa1", "host"))(t)
	must(tree.NewChild("gpu", "numa0"))(t)
	ok(t, tree.SetInventory("numa0", vcpu(8)))
	ok(t, tree.SetTraits("gpu", "CUSTOM_T"))
	must(tree.Commit(t.Context()))(t)
	cluster.nodes[0].requests()
	return cluster, c, tree
}

// names are those of all providers, top-down.
func names(t testing.TB, tree *Tree) string {
	t.Helper()
	var all []string
	for _, u := range must(tree.UUIDs(""))(t) {
		all = append(all, must(tree.Data(u))(t).Name)
	}
	return strings.Join(all, " ")
}

func TestTreeRefusals(t *testing.T) {
	_, _, tree := grown(t)
	before := snapshot(t, tree)
	long := strings.Repeat("x", providerNameLenMax+1)
	populate := func(all ...wire.PopulateProvider) func() error {
		return func() error { return tree.Populate(all...) }
	}
	inventory := func(i wire.Inventory) func() error {
		return func() error { return tree.SetInventory("host", map[string]wire.Inventory{"VCPU": i}) }
	}
	devices := func(list ...wire.Device) func() error {
		return func() error { return tree.SetResources("host", map[string][]wire.Device{"PCPU": list}) }
	}
	ask := func(_ bool, err error) error { return err }
	for _, test := range []struct {
		name  string
		call  func() error
		code  wire.Code
		field string
	}{
		{"root's name taken", func() error { _, err := tree.NewRoot("gpu"); return err }, wire.CodeDuplicateName, "name"},
		{"no name", func() error { _, err := tree.NewRoot(""); return err }, wire.CodeInvalid, "name"},
		{"long name", func() error { _, err := tree.NewRoot(long); return err }, wire.CodeInvalid, "name"},
		{"name of bytes", func() error { _, err := tree.NewRoot("\xff"); return err }, wire.CodeInvalid, "name"},
		{"child of none", func() error { _, err := tree.NewChild("x", ""); return err }, wire.CodeInvalid, "parent"},
		{"child of nobody", func() error { _, err := tree.NewChild("x", "y"); return err }, wire.CodeProviderNotFound, "parent"},
		{"bad UUID", func() error { _, err := tree.Create(wire.CreateProvider{UUID: "x", Name: "x"}); return err }, wire.CodeInvalid, "uuid"},
		{"zero UUID", func() error {
			_, err := tree.Create(wire.CreateProvider{UUID: "00000000-0000-0000-0000-000000000000", Name: "x"})
			return err
		}, wire.CodeInvalid, "uuid"},
		{"remove nobody", func() error { return tree.Remove("x") }, wire.CodeProviderNotFound, "provider"},
		{"remove none", func() error { return tree.Remove("") }, wire.CodeInvalid, "provider"},
		{"move below itself", func() error { return tree.Move("numa0", "numa0") }, wire.CodeLoop, "parent"},
		{"move below a descendant", func() error { return tree.Move("host", "gpu") }, wire.CodeLoop, "parent"},
		{"move below nobody", func() error { return tree.Move("gpu", "x") }, wire.CodeProviderNotFound, "parent"},
		{"move nobody", func() error { return tree.Move("x", "") }, wire.CodeProviderNotFound, "provider"},
		{"rename to a name taken", func() error { return tree.Rename("gpu", "numa0") }, wire.CodeDuplicateName, "name"},
		{"rename nobody", func() error { return tree.Rename("x", "y") }, wire.CodeProviderNotFound, "provider"},
		{"rename to nothing", func() error { return tree.Rename("gpu", "") }, wire.CodeInvalid, "name"},
		{"data of nobody", func() error { _, err := tree.Data("x"); return err }, wire.CodeProviderNotFound, "provider"},
		{"UUIDs of nobody", func() error { _, err := tree.UUIDs("x"); return err }, wire.CodeProviderNotFound, "provider"},
		{"tree of nobody", func() error { _, err := tree.UUIDsInTree("x"); return err }, wire.CodeProviderNotFound, "provider"},

		{"inventory of nobody", func() error { return tree.SetInventory("x", nil) }, wire.CodeProviderNotFound, "provider"},
		{"no total", inventory(wire.Inventory{}), wire.CodeInvalid, "inventories.VCPU.total"},
		{"total too large", inventory(wire.Inventory{Total: 1 << 31}), wire.CodeInvalid, "inventories.VCPU.total"},
		{"reserved over total", inventory(wire.Inventory{Total: 1, Reserved: 2}), wire.CodeInvalid, "inventories.VCPU.reserved"},
		{"negative unit", inventory(wire.Inventory{Total: 1, MinUnit: -1}), wire.CodeInvalid, "inventories.VCPU.min_unit"},
		{"negative ratio", inventory(wire.Inventory{Total: 1, AllocationRatio: -1}), wire.CodeInvalid, "inventories.VCPU.allocation_ratio"},
		{"bad class", func() error { return tree.PutInventory("host", map[string]wire.Inventory{"v cpu": {Total: 1}}) }, wire.CodeInvalid, "inventories.v cpu"},
		{"class not there", func() error { return tree.RemoveInventory("numa0", "VCPU", "PCPU") }, wire.CodeInventoryNotFound, "classes"},
		{"bad trait", func() error { return tree.AddTraits("host", "CUSTOM_T", "lower") }, wire.CodeInvalid, "traits"},
		{"traits of nobody", func() error { return tree.SetTraits("x") }, wire.CodeProviderNotFound, "provider"},
		{"bad aggregate", func() error { return tree.SetAggregates("host", aggregate, "x") }, wire.CodeInvalid, "aggregates"},
		{"aggregates of nobody", func() error { return tree.AddAggregates("x") }, wire.CodeProviderNotFound, "provider"},
		{"no identifier", devices(wire.Device{}), wire.CodeInvalid, "resources.PCPU[0].identifier"},
		{"twice the same", devices(wire.Device{Identifier: "a"}, wire.Device{Identifier: "a"}), wire.CodeInvalid, "resources.PCPU[1].identifier"},
		{"long metadata", devices(wire.Device{Identifier: "a", Metadata: strings.Repeat("x", 5000)}), wire.CodeInvalid, "resources.PCPU[0].metadata"},
		{"metadata of bytes", devices(wire.Device{Identifier: "a", Metadata: "\xff"}), wire.CodeInvalid, "resources.PCPU[0]"},
		{"bad class of a device", func() error { return tree.AddResources("host", map[string][]wire.Device{"": nil}) }, wire.CodeInvalid, "resources."},

		{"has, nobody", func() error { return ask(tree.HasInventory("x")) }, wire.CodeProviderNotFound, "provider"},
		{"has traits, nobody", func() error { return ask(tree.HasTraits("x")) }, wire.CodeProviderNotFound, "provider"},
		{"has aggregates, nobody", func() error { return ask(tree.HasAggregates("x")) }, wire.CodeProviderNotFound, "provider"},
		{"has resources, nobody", func() error { return ask(tree.HasResources("x")) }, wire.CodeProviderNotFound, "provider"},
		{"changed, nobody", func() error { return ask(tree.InventoryChanged("x", nil)) }, wire.CodeProviderNotFound, "provider"},
		{"changed, bad", func() error { return ask(tree.InventoryChanged("host", map[string]wire.Inventory{"VCPU": {}})) }, wire.CodeInvalid, "inventories.VCPU.total"},
		{"traits changed, bad", func() error { return ask(tree.TraitsChanged("host", []string{""})) }, wire.CodeInvalid, "traits"},
		{"aggregates changed, bad", func() error { return ask(tree.AggregatesChanged("host", []string{""})) }, wire.CodeInvalid, "aggregates"},
		{"resources changed, nobody", func() error { return ask(tree.ResourcesChanged("x", nil)) }, wire.CodeProviderNotFound, "provider"},

		{"populate none", populate(), wire.CodeInvalid, "providers"},
		{"populate, no name", populate(wire.PopulateProvider{}), wire.CodeInvalid, "providers[0].name"},
		{"populate, name twice", populate(wire.PopulateProvider{Name: "x"}, wire.PopulateProvider{Name: "x"}), wire.CodeDuplicateName, "providers[1].name"},
		{"populate, provider twice", populate(wire.PopulateProvider{Name: "host"}, wire.PopulateProvider{UUID: uuidOf(t, tree, "host"), Name: "y"}), wire.CodeProviderExists, "providers[1].uuid"},
		{"populate, bad UUID", populate(wire.PopulateProvider{UUID: "x", Name: "x"}), wire.CodeInvalid, "providers[0].uuid"},
		{"populate, name kept by another", populate(wire.PopulateProvider{UUID: consumer, Name: "gpu"}), wire.CodeDuplicateName, "providers[0].name"},
		{"populate, orphans", populate(wire.PopulateProvider{Name: "a"}, wire.PopulateProvider{Name: "b", Parent: "x"}), wire.CodeOrphan, "providers[1].parent"},
		{"populate, parent that goes", populate(wire.PopulateProvider{Name: "numa0"}, wire.PopulateProvider{Name: "b", Parent: "gpu"}), wire.CodeOrphan, "providers[1].parent"},
		{"populate, loop", populate(wire.PopulateProvider{Name: "a", Parent: "b"}, wire.PopulateProvider{Name: "b", Parent: "a"}), wire.CodeLoop, "providers[0].parent"},
		{"populate, below itself", populate(wire.PopulateProvider{Name: "a", Parent: "a"}), wire.CodeLoop, "providers[0].parent"},
		{"populate, bad inventory", populate(wire.PopulateProvider{Name: "a", Inventories: map[string]wire.Inventory{"VCPU": {}}}), wire.CodeInvalid, "providers[0].inventories.VCPU.total"},
		{"populate, bad trait", populate(wire.PopulateProvider{Name: "a", Traits: []string{"x"}}), wire.CodeInvalid, "providers[0].traits"},
		{"populate, bad aggregate", populate(wire.PopulateProvider{Name: "a", Aggregates: []string{"x"}}), wire.CodeInvalid, "providers[0].aggregates"},
		{"populate, bad device", populate(wire.PopulateProvider{Name: "a", Resources: map[string][]wire.Device{"PCPU": {{}}}}), wire.CodeInvalid, "providers[0].resources.PCPU[0].identifier"},
	} {
		err := test.call()
		e := wantError(t, err, wire.Rejected, test.code)
		if e.Field != test.field {
			t.Errorf("%s: error %v about %q, want %q", test.name, err, e.Field, test.field)
		}
		same(t, test.name, snapshot(t, tree), before)
	}
	if txn := tree.Diff(); len(txn.Ops) != 0 {
		t.Errorf("refusals left %s", describeAll(txn))
	}
	err := tree.Populate(wire.PopulateProvider{Name: "a", Parent: "x"}, wire.PopulateProvider{Name: "b", Parent: "y"})
	if !strings.HasSuffix(wantError(t, err, wire.Rejected, wire.CodeOrphan).Message, ": a, b") {
		t.Errorf("error %v does not name both orphans", err)
	}
}

func uuidOf(t testing.TB, tree *Tree, name string) string {
	t.Helper()
	return must(tree.Data(name))(t).UUID
}

func TestTreeQueries(t *testing.T) {
	_, _, tree := grown(t)
	host := uuidOf(t, tree, "host")
	for _, ref := range []string{"host", host, strings.ToUpper(host), strings.ReplaceAll(host, "-", "")} {
		if !tree.Exists(ref) {
			t.Errorf("%s does not exist", ref)
		}
	}
	if tree.Exists("x") || tree.Exists("") || tree.Exists(consumer) {
		t.Error("nobody exists")
	}
	must(tree.NewRoot("shelf"))(t)
	if got := names(t, tree); got != "host numa0 gpu numa1 shelf" {
		t.Errorf("all: %s", got)
	}
	if got := must(tree.UUIDs("numa0"))(t); !slices.Equal(got, []string{uuidOf(t, tree, "numa0"), uuidOf(t, tree, "gpu")}) {
		t.Errorf("subtree %v", got)
	}
	if got := must(tree.UUIDsInTree("gpu"))(t); len(got) != 4 || got[0] != host {
		t.Errorf("tree %v", got)
	}

	type question struct {
		name string
		want bool
		got  func() (bool, error)
	}
	sameDevices := map[string][]wire.Device{"PCPU": {{Identifier: "b"}, {Identifier: "a", Metadata: "m"}}}
	ok(t, tree.SetResources("gpu", map[string][]wire.Device{"PCPU": {{Identifier: "a", Metadata: "m"}, {Identifier: "b"}}}))
	ok(t, tree.SetAggregates("gpu", strings.ToUpper(aggregate), consumer))
	for _, q := range []question{
		{"any inventory", true, func() (bool, error) { return tree.HasInventory("numa0") }},
		{"no inventory", false, func() (bool, error) { return tree.HasInventory("host") }},
		{"a class", true, func() (bool, error) { return tree.HasInventory("numa0", "VCPU") }},
		{"a class too many", false, func() (bool, error) { return tree.HasInventory("numa0", "VCPU", "PCPU") }},
		{"same inventory, defaults left out", false, func() (bool, error) { return tree.InventoryChanged("numa0", vcpu(8)) }},
		{"another total", true, func() (bool, error) { return tree.InventoryChanged("numa0", vcpu(9)) }},
		{"no inventory given", true, func() (bool, error) { return tree.InventoryChanged("numa0", nil) }},
		{"a trait", true, func() (bool, error) { return tree.HasTraits("gpu", "CUSTOM_T") }},
		{"any trait", true, func() (bool, error) { return tree.HasTraits("gpu") }},
		{"no trait", false, func() (bool, error) { return tree.HasTraits("host") }},
		{"another trait", false, func() (bool, error) { return tree.HasTraits("gpu", "CUSTOM_T", "CUSTOM_U") }},
		{"same traits", false, func() (bool, error) { return tree.TraitsChanged("gpu", []string{"CUSTOM_T", "CUSTOM_T"}) }},
		{"more traits", true, func() (bool, error) { return tree.TraitsChanged("gpu", []string{"CUSTOM_T", "CUSTOM_U"}) }},
		{"an aggregate", true, func() (bool, error) { return tree.HasAggregates("gpu", aggregate) }},
		{"another aggregate", false, func() (bool, error) { return tree.HasAggregates("gpu", consumer2) }},
		{"same aggregates", false, func() (bool, error) {
			return tree.AggregatesChanged("gpu", []string{consumer, strings.ToUpper(aggregate)})
		}},
		{"fewer aggregates", true, func() (bool, error) { return tree.AggregatesChanged("gpu", []string{consumer}) }},
		{"devices of a class", true, func() (bool, error) { return tree.HasResources("gpu", "PCPU") }},
		{"any device", true, func() (bool, error) { return tree.HasResources("gpu") }},
		{"devices of another class", false, func() (bool, error) { return tree.HasResources("gpu", "CUSTOM_A") }},
		{"no device", false, func() (bool, error) { return tree.HasResources("host") }},
		{"same devices", false, func() (bool, error) { return tree.ResourcesChanged("gpu", sameDevices) }},
		{"other metadata", true, func() (bool, error) {
			return tree.ResourcesChanged("gpu", map[string][]wire.Device{"PCPU": {{Identifier: "a"}, {Identifier: "b"}}})
		}},
		{"sharing, no trait", false, func() (bool, error) { return tree.HasSharingProvider("VCPU"), nil }},
	} {
		if got := must(q.got())(t); got != q.want {
			t.Errorf("%s: %v", q.name, got)
		}
	}
	ok(t, tree.AddTraits("numa0", "MISC_SHARES_VIA_AGGREGATE"))
	if !tree.HasSharingProvider("VCPU") || tree.HasSharingProvider("DISK_GB") {
		t.Error("numa0 shares VCPU, and nothing else")
	}
}

func TestDataIsACopy(t *testing.T) {
	_, _, tree := grown(t)
	ok(t, tree.SetResources("gpu", map[string][]wire.Device{"PCPU": {{Identifier: "a"}}}))
	ok(t, tree.SetAggregates("gpu", aggregate))
	ok(t, tree.SetInventory("gpu", vcpu(1)))
	before := snapshot(t, tree)
	d := must(tree.Data("gpu"))(t)
	d.Inventories["VCPU"] = wire.Inventory{}
	d.Traits[0], d.Aggregates[0] = "x", "x"
	d.Resources["PCPU"][0].Identifier = "x"
	txn := tree.Diff()
	for _, op := range txn.Ops {
		if op.PutInventories != nil {
			op.PutInventories.Inventories["VCPU"] = wire.Inventory{}
		}
		if op.AddAggregates != nil {
			op.AddAggregates.Aggregates[0] = "x"
		}
	}
	must(tree.NewRoot("new"))(t)
	before[uuidOf(t, tree, "new")] = snapshot(t, tree)[uuidOf(t, tree, "new")]
	for _, c := range tree.Diff().Preconditions {
		if c.ProviderAbsent != nil {
			*c.ProviderAbsent = "x"
		}
	}
	same(t, "after writing into copies", snapshot(t, tree), before)

	given := vcpu(5)
	ok(t, tree.SetInventory("gpu", given))
	given["VCPU"] = wire.Inventory{Total: 6}
	if got := must(tree.Data("gpu"))(t).Inventories["VCPU"].Total; got != 5 {
		t.Errorf("total %d: the caller's map is shared", got)
	}
}

func TestLoad(t *testing.T) {
	_, c, _ := grown(t)
	must(c.CreateProvider(t.Context(), root("other")))(t)
	whole := must(c.LoadTree(t.Context(), "gpu"))(t)
	if got := names(t, whole); got != "host numa0 gpu numa1" {
		t.Errorf("tree %s", got)
	}
	same(t, "loaded", snapshot(t, whole), without1(stored(t, c), "other"))
	ok(t, whole.Load(t.Context(), "other"))
	ok(t, whole.Move("numa0", "other"))
	must(whole.Commit(t.Context()))(t)
	same(t, "moved between trees", stored(t, c), snapshot(t, whole))

	before := snapshot(t, whole)
	wantError(t, whole.LoadSubtree(t.Context(), "gpu"), wire.Rejected, wire.CodeProviderExists)
	wantError(t, whole.Load(t.Context(), "nobody"), wire.Rejected, wire.CodeProviderNotFound)
	must(c.CreateProvider(t.Context(), root("late")))(t)
	ok(t, whole.Rename("gpu", "late"))
	wantError(t, whole.Load(t.Context(), "late"), wire.Rejected, wire.CodeDuplicateName)
	ok(t, whole.Rename("late", "gpu"))
	ok(t, whole.Remove("gpu"))
	wantError(t, whole.LoadSubtree(t.Context(), "gpu"), wire.Rejected, wire.CodeProviderExists) // it is not gone yet
	_, err := c.LoadTree(t.Context(), "nobody")
	wantError(t, err, wire.Rejected, wire.CodeProviderNotFound)
	delete(before, uuidOf(t, must(c.LoadTree(t.Context(), "other"))(t), "gpu"))
	same(t, "after refusals", snapshot(t, whole), before)
}

func without1(all map[string]ProviderData, name string) map[string]ProviderData {
	for u, d := range all {
		if d.Name == name {
			delete(all, u)
		}
	}
	return all
}

// What is above a subtree is known, but can't be changed or taken.
func TestLoadSubtree(t *testing.T) {
	cluster, c, whole := grown(t)
	host := uuidOf(t, whole, "host")
	tree := must(c.LoadSubtree(t.Context(), "numa0"))(t)
	if got := names(t, tree); got != "numa0 gpu" {
		t.Fatalf("subtree %s", got)
	}
	if d := must(tree.Data("gpu"))(t); d.Root != host {
		t.Errorf("root %s, want %s", d.Root, host)
	}
	if d := must(tree.Data("numa0"))(t); d.Root != host || d.Parent != host {
		t.Errorf("root %s, parent %s, want %s", d.Root, d.Parent, host)
	}
	if tree.Exists("host") || tree.Exists(host) {
		t.Error("the parent is not in the tree")
	}
	_, err := tree.Create(wire.CreateProvider{UUID: host, Name: "new"})
	wantError(t, err, wire.Rejected, wire.CodeProviderExists)
	wantError(t, tree.Move("gpu", "host"), wire.Rejected, wire.CodeProviderNotFound)

	must(tree.NewChild("port", "gpu"))(t)
	ok(t, tree.Populate( // in place: the parent that is not loaded stays
		wire.PopulateProvider{Name: "numa0", Parent: host},
		wire.PopulateProvider{Name: "gpu", Parent: "numa0"},
		wire.PopulateProvider{Name: "port2", Parent: "gpu"},
	))
	must(tree.Commit(t.Context()))(t)
	if d := must(tree.Data("numa0"))(t); d.Parent != host || tree.Exists("port") {
		t.Errorf("numa0 is below %q", d.Parent)
	}
	wantError(t, tree.Populate(wire.PopulateProvider{Name: "gpu", Parent: host}), wire.Rejected, wire.CodeOrphan)
	ok(t, tree.Move("numa0", ""))
	must(tree.Commit(t.Context()))(t)
	if d := must(tree.Data("port2"))(t); d.Root != uuidOf(t, tree, "numa0") {
		t.Errorf("root %s", d.Root)
	}
	got := stored(t, c)
	for _, d := range snapshot(t, tree) {
		same(t, "committed", map[string]ProviderData{d.UUID: got[d.UUID]}, map[string]ProviderData{d.UUID: d})
	}
	ok(t, cluster.state().Check())
}

// ops are the operations of a difference, in short. A provider stands by the
// name that it was loaded with, or its own if it is new.
func ops(tree *Tree, opts ...CommitOption) string {
	var uuids []string
	for _, f := range []*forest{tree.loaded, tree.now} { // the first one found counts
		for u, r := range f.records {
			uuids = append(uuids, u, r.name)
		}
	}
	names := strings.NewReplacer(uuids...)
	var all []string
	for _, op := range tree.Diff(opts...).Ops {
		switch {
		case op.CreateProvider != nil:
			all = append(all, "create "+op.CreateProvider.UUID+" below "+op.CreateProvider.Parent)
		case op.RemoveProvider != nil:
			all = append(all, "remove "+op.RemoveProvider.Provider)
		case op.RenameProvider != nil:
			all = append(all, "rename "+op.RenameProvider.Provider+" to "+op.RenameProvider.Name)
		case op.MoveProvider != nil:
			all = append(all, "move "+op.MoveProvider.Provider+" below "+op.MoveProvider.Parent)
		default:
			all = append(all, describe(op))
		}
	}
	return names.Replace(strings.Join(all, "; "))
}

// Each difference is what it has to be, and does what it should.
func TestDiff(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(t *testing.T, tree *Tree)
		want   string
		opts   []CommitOption
	}{
		{name: "nothing", change: func(*testing.T, *Tree) {}},
		{name: "back and forth", change: func(t *testing.T, tree *Tree) {
			must(tree.NewChild("x", "gpu"))(t)
			ok(t, tree.Rename("gpu", "y"))
			ok(t, tree.Move("y", "numa1"))
			ok(t, tree.SetTraits("y"))
			ok(t, tree.PutInventory("numa0", vcpu(3)))
			ok(t, tree.PutInventory("numa0", vcpu(8)))
			ok(t, tree.SetTraits("y", "CUSTOM_T"))
			ok(t, tree.Move("y", "numa0"))
			ok(t, tree.Rename("y", "gpu"))
			ok(t, tree.Remove("x"))
		}},
		{name: "create top-down", change: func(t *testing.T, tree *Tree) {
			must(tree.NewRoot("r"))(t)
			must(tree.NewChild("c", "r"))(t)
			must(tree.NewChild("d", "c"))(t)
		}, want: "create r below ; create c below r; create d below c"},
		{name: "remove bottom-up", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Remove("host"))
		}, want: "remove numa1; remove gpu; remove numa0; remove host"},
		{name: "swap names", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Rename("numa0", "x"))
			ok(t, tree.Rename("numa1", "numa0"))
			ok(t, tree.Rename("x", "numa1"))
		}, want: "rename numa0 to renaming-numa0; rename numa1 to numa0; rename numa0 to numa1"},
		{name: "rotate three names", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Rename("gpu", "x"))
			ok(t, tree.Rename("numa1", "gpu"))
			ok(t, tree.Rename("numa0", "numa1"))
			ok(t, tree.Rename("x", "numa0"))
		}, want: "rename numa0 to renaming-numa0; rename gpu to numa0; rename numa1 to gpu; rename numa0 to numa1"},
		{name: "a chain of names", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Rename("gpu", "x"))
			ok(t, tree.Rename("numa0", "gpu"))
			ok(t, tree.Rename("host", "numa0"))
		}, want: "rename gpu to x; rename numa0 to gpu; rename host to numa0"},
		{name: "parent below its child", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Move("gpu", ""))
			ok(t, tree.Move("host", "gpu"))
			ok(t, tree.Move("numa0", "numa1"))
		}, want: "move gpu below ; move host below gpu; move numa0 below numa1"},
		{name: "the name of one removed, whose child stays", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Move("gpu", "numa1"))
			ok(t, tree.Remove("numa0"))
			must(tree.NewChild("numa0", "numa1"))(t)
			ok(t, tree.Move("gpu", "numa0"))
		}, want: "rename numa0 to renaming-numa0; create numa0 below numa1; move gpu below numa0; remove numa0"},
		{name: "the name of one removed with all", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.Remove("numa0"))
			ok(t, tree.Rename("numa1", "numa0"))
		}, want: "remove gpu; remove numa0; rename numa1 to numa0"},
		{name: "contents, only what differs", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.SetInventory("numa0", map[string]wire.Inventory{"VCPU": {Total: 8}, "CUSTOM_A": {Total: 1}}))
			ok(t, tree.SetTraits("gpu", "HW_CPU_X86_AVX"))
		}, want: `{"put_inventories":{"provider":"numa0","inventories":{"CUSTOM_A":{"total":1,"min_unit":1,"max_unit":2147483647,"step_size":1,"allocation_ratio":1}}}}; ` +
			`{"remove_traits":{"provider":"gpu","traits":["CUSTOM_T"]}}; {"add_traits":{"provider":"gpu","traits":["HW_CPU_X86_AVX"]}}`},
		{name: "missing names", change: func(t *testing.T, tree *Tree) {
			ok(t, tree.AddTraits("gpu", "CUSTOM_NEW", "HW_CPU_X86_AVX"))
			ok(t, tree.SetResources("gpu", map[string][]wire.Device{"CUSTOM_DEV": {{Identifier: "a"}}}))
		}, opts: []CommitOption{CreateMissing()}, want: `{"create_resource_class":{"name":"CUSTOM_DEV"}}; {"create_trait":{"name":"CUSTOM_NEW"}}; ` +
			`{"add_traits":{"provider":"gpu","traits":["CUSTOM_NEW","HW_CPU_X86_AVX"]}}; {"add_resources":{"provider":"gpu","resources":{"CUSTOM_DEV":[{"identifier":"a"}]}}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cluster, c, tree := grown(t)
			test.change(t, tree)
			if got := ops(tree, test.opts...); got != test.want {
				t.Errorf("difference:\n got %s\nwant %s", got, test.want)
			}
			if again := describeAll(tree.Diff(test.opts...)); again != describeAll(tree.Diff(test.opts...)) {
				t.Error("the difference differs from call to call")
			}
			must(tree.Commit(t.Context(), test.opts...))(t)
			same(t, "committed", stored(t, c), snapshot(t, tree))
			ok(t, cluster.state().Check())
		})
	}
}

// A name that is taken by a spare one makes no trouble.
func TestSpareName(t *testing.T) {
	_, c, tree := grown(t)
	must(tree.NewRoot(fmt.Sprintf("renaming-%s", uuidOf(t, tree, "numa0"))))(t)
	ok(t, tree.Rename("numa0", "x"))
	ok(t, tree.Rename("numa1", "numa0"))
	ok(t, tree.Rename("x", "numa1"))
	must(tree.Commit(t.Context()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))
}

// Those given stay, wherever they hung; what is below a given one and is not
// given itself goes.
func TestPopulate(t *testing.T) {
	cluster, c, tree := grown(t)
	gpu, traits := uuidOf(t, tree, "gpu"), must(tree.Data("gpu"))(t).Traits
	ok(t, tree.Populate(
		wire.PopulateProvider{Name: "nic", Parent: "socket", Aggregates: []string{aggregate}},
		wire.PopulateProvider{UUID: gpu, Name: "numa0", Parent: "socket"}, // out of numa0, which goes, with its name
		wire.PopulateProvider{Name: "socket", Parent: "host", Inventories: vcpu(2)},
		wire.PopulateProvider{Name: "host"},
	))
	if got := names(t, tree); got != "host socket nic numa0" {
		t.Errorf("providers %s", got)
	}
	if d := must(tree.Data("numa0"))(t); d.UUID != gpu || !slices.Equal(d.Traits, traits) {
		t.Errorf("the one renamed became %+v", d)
	}
	// Names of providers given may be swapped at once.
	ok(t, tree.Populate(
		wire.PopulateProvider{UUID: gpu, Name: "nic", Parent: "socket", Traits: []string{}},
		wire.PopulateProvider{UUID: uuidOf(t, tree, "nic"), Name: "numa0", Parent: "nic"},
	))
	if d := must(tree.Data("nic"))(t); d.UUID != gpu || len(d.Traits) != 0 {
		t.Errorf("the one renamed again became %+v", d)
	}
	must(tree.Commit(t.Context()))(t)
	same(t, "committed", stored(t, c), snapshot(t, tree))
	ok(t, cluster.state().Check())
}
