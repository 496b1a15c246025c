package tree

import (
	"strings"
	"testing"
)

func populate(list ...PopulateProvider) Populate { return Populate{list} }

// node is a provider of a Populate by its name; a new one gets the UUID.
func node(n int, name, parent string) PopulateProvider {
	return PopulateProvider{NewUUID: num(n), Name: name, Parent: ByName(parent)}
}

// known is a provider of a Populate by its UUID.
func known(n int, name, parent string) PopulateProvider {
	return PopulateProvider{UUID: num(n), Name: name, Parent: ByName(parent)}
}

// with gives a provider of a Populate what it has.
func (p PopulateProvider) with(f func(*PopulateProvider)) PopulateProvider { f(&p); return p }

var populateRefusals = []refusal{
	{"nothing", []Op{populate()}, CodeInvalid, "providers", 0},
	{"without a name", []Op{populate(node(9, "x", ""), known(1, "", ""))}, CodeInvalid, "providers[1].name", 0},
	{"a name twice", []Op{populate(node(8, "x", ""), node(9, "x", ""))}, CodeDuplicateName, "providers[1].name", 0},
	{"a provider twice", []Op{populate(known(1, "x", ""), known(1, "y", ""))}, CodeProviderExists, "providers[1].uuid", 0},
	{"a provider by UUID and by name", []Op{populate(known(1, "x", ""), node(9, "host", ""))}, CodeProviderExists, "providers[1].uuid", 0},
	{"a new UUID twice", []Op{populate(node(9, "x", ""), node(9, "y", ""))}, CodeProviderExists, "providers[1].uuid", 0},
	{"a new UUID that is taken", []Op{populate(node(1, "x", ""))}, CodeProviderExists, "providers[0].uuid", 0},
	{"no new UUID", []Op{populate(node(0, "x", ""))}, CodeProviderExists, "providers[0].uuid", 0},
	{"a name of another provider", []Op{populate(known(3, "storage", "host"))}, CodeDuplicateName, "providers[0].name", 0},
	{"a new one with a name of another", []Op{populate(known(9, "storage", ""))}, CodeDuplicateName, "providers[0].name", 0},
	{"below nobody", []Op{populate(node(8, "x", ""), node(9, "y", "nobody"))}, CodeOrphan, "providers[1].parent", 0},
	{"below one that goes", []Op{populate(known(1, "host", ""), node(9, "x", "numa1"))}, CodeOrphan, "providers[1].parent", 0},
	{"below the old name of one renamed", []Op{populate(known(5, "disks", ""), node(9, "x", "storage"))}, CodeOrphan, "providers[1].parent", 0},
	{"below itself", []Op{populate(node(9, "x", "x"))}, CodeLoop, "providers[0].parent", 0},
	{"two below each other", []Op{populate(node(8, "x", "y"), node(9, "y", "x"))}, CodeLoop, "providers[0].parent", 0},
	{"a root below its child", []Op{populate(known(1, "host", "numa0"), known(2, "numa0", "host"), known(4, "nic", "numa0"))}, CodeLoop, "providers[0].parent", 0},
	{"three in a ring behind others", []Op{populate(node(6, "a", ""), node(7, "b", "a"), node(8, "c", "e"), node(9, "d", "c"), node(10, "e", "d"))}, CodeLoop, "providers[2].parent", 0},
	{"a descendant in use goes", []Op{populate(known(2, "numa0", "host"))}, CodeProviderInUse, "providers", 0},
	{"a bad inventory", []Op{populate(node(9, "x", "").with(func(p *PopulateProvider) { p.Inventories = ptr(invs(inv("VCPU", 0))) }))}, CodeInvalid, "providers[0].inventories.VCPU.total", 0},
	{"an inventory in use goes", []Op{populate(known(5, "storage", "").with(func(p *PopulateProvider) { p.Inventories = ptr(invs()) }))}, CodeInventoryInUse, "providers[0].inventories.DISK_GB", 0},
	{"an unknown trait", []Op{populate(known(5, "storage", "").with(func(p *PopulateProvider) { p.Traits = ptr([]string{"CUSTOM_X"}) }))}, CodeTraitNotFound, "providers[0].traits", 0},
	{"the zero aggregate", []Op{populate(known(5, "storage", "").with(func(p *PopulateProvider) { p.Aggregates = ptr([]UUID{{}}) }))}, CodeInvalid, "providers[0].aggregates", 0},
	{"a device of an unknown class", []Op{populate(known(5, "storage", "").with(func(p *PopulateProvider) { p.Resources = ptr([]Device{{"CUSTOM_X", "a", ""}}) }))}, CodeClassNotFound, "providers[0].resources.CUSTOM_X", 0},
}

// drawn is the forest by name, a child behind its parent in brackets.
func drawn(s *State) string {
	var draw func(p Provider) string
	draw = func(p Provider) string {
		var below []string
		for c := range p.Children() {
			below = append(below, draw(c))
		}
		if below == nil {
			return p.Name()
		}
		return p.Name() + "(" + strings.Join(below, " ") + ")"
	}
	var all []string
	for p := range s.Roots(0) {
		all = append(all, draw(p))
	}
	return strings.Join(all, " ")
}

func TestPopulatePlaces(t *testing.T) {
	s := grow(t, sample(t), Release{[]UUID{num(guest), num(tunnel)}})
	equal(t, "sample", drawn(s), "host(numa0(nic) numa1) storage")
	for _, c := range []struct {
		name  string
		given []PopulateProvider
		want  string
	}{
		{"a new tree, in any order", []PopulateProvider{node(11, "c", "b"), node(12, "b", "a"), node(13, "a", "")}, "host(numa0(nic) numa1) storage a(b(c))"},
		{"below an existing one that is not given", []PopulateProvider{node(11, "x", "nic")}, "host(numa0(nic(x)) numa1) storage"},
		{"the same again", []PopulateProvider{known(4, "nic", "numa0"), known(1, "host", ""), known(3, "numa1", "host"), known(2, "numa0", "host")}, "host(numa0(nic) numa1) storage"},
		{"not given descendants go", []PopulateProvider{known(1, "host", "")}, "host storage"},
		{"a given one under one that goes", []PopulateProvider{known(1, "host", ""), known(4, "nic", "host")}, "host(nic) storage"},
		{"a given one becomes a root", []PopulateProvider{known(1, "host", ""), known(4, "nic", "")}, "host nic storage"},
		{"names swapped", []PopulateProvider{known(2, "numa1", "host"), known(3, "numa0", "host"), known(4, "nic", "numa1")}, "host(numa1(nic) numa0) storage"},
		{"names in a ring", []PopulateProvider{known(2, "numa1", "host"), known(3, "nic", "host"), known(4, "numa0", "numa1")}, "host(numa1(numa0) nic) storage"},
		{"one by its name", []PopulateProvider{known(2, "numa0", "host"), node(11, "nic", "storage")}, "host(numa0 numa1) storage(nic)"},
		{"the name of one that goes", []PopulateProvider{known(2, "numa0", "host"), known(11, "nic", "storage")}, "host(numa0 numa1) storage(nic)"},
		{"a new one takes the name of one renamed", []PopulateProvider{known(5, "disks", ""), known(11, "storage", "disks")}, "host(numa0(nic) numa1) disks(storage)"},
		{"parent and child change places", []PopulateProvider{known(1, "host", ""), known(4, "nic", "host"), known(2, "numa0", "nic")}, "host(nic(numa0)) storage"},
		{"root and child change places", []PopulateProvider{known(1, "host", "numa1"), known(3, "numa1", "")}, "numa1(host) storage"},
		{"a tree below another", []PopulateProvider{known(5, "storage", "host")}, "host(numa0(nic) numa1 storage)"},
		{"found by name", []PopulateProvider{node(77, "storage", "")}, "host(numa0(nic) numa1) storage"},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, effect := apply(t, s, Populate{c.given})
			equal(t, "tree", drawn(next), c.want)
			equal(t, "named in the effect", len(effect.Created), len(c.given))
			for i, g := range c.given {
				p := provide(t, next, g.Name)
				equal(t, "uuid in the effect", effect.Created[i], p.UUID())
			}
		})
	}
}

func TestPopulateContents(t *testing.T) {
	s := sample(t)
	storage := func(f func(*PopulateProvider)) Populate { return populate(known(5, "storage", "").with(f)) }
	disk := inv("DISK_GB", 1000, stepSize(10), units(10, 500))
	for _, c := range []struct {
		name string
		op   Populate
		gain uint64
	}{
		{"nothing given", storage(func(*PopulateProvider) {}), 0},
		{"the same inventories", storage(func(p *PopulateProvider) { p.Inventories = ptr(invs(disk)) }), 0},
		{"other inventories", storage(func(p *PopulateProvider) { p.Inventories = ptr(invs(disk, inv("VCPU", 1))) }), 1},
		{"the same traits", storage(func(p *PopulateProvider) { p.Traits = ptr([]string{sharingTrait}) }), 0},
		{"no traits", storage(func(p *PopulateProvider) { p.Traits = ptr([]string{}) }), 1},
		{"the same aggregates", storage(func(p *PopulateProvider) { p.Aggregates = ptr([]UUID{num(201)}) }), 0},
		{"other aggregates", storage(func(p *PopulateProvider) { p.Aggregates = ptr([]UUID{num(202), num(201)}) }), 1},
		{"no devices, as before", storage(func(p *PopulateProvider) { p.Resources = ptr([]Device{}) }), 0},
		{"devices", storage(func(p *PopulateProvider) { p.Resources = ptr([]Device{{"CUSTOM_PORT", "a", ""}}) }), 1},
		{"all at once", storage(func(p *PopulateProvider) {
			p.Inventories, p.Traits = ptr(invs(disk, inv("VCPU", 1))), ptr([]string{"CUSTOM_RACK"})
			p.Aggregates, p.Resources = ptr([]UUID{}), ptr([]Device{{"CUSTOM_PORT", "a", ""}})
		}), 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := grow(t, s, c.op)
			gained(t, s, next, everyone, 0, 0, 0, 0, c.gain)
			p, g := provide(t, next, "storage"), c.op.Providers[0]
			equal(t, "used", used(t, next, "storage", "DISK_GB"), 10)
			if g.Inventories != nil && p.InventoryChanged(*g.Inventories) ||
				g.Traits != nil && p.TraitsChanged(*g.Traits) ||
				g.Aggregates != nil && p.AggregatesChanged(*g.Aggregates) ||
				g.Resources != nil && p.DevicesChanged(*g.Resources) {
				t.Error("the content is not what was given")
			}
		})
	}
}

func TestPopulateNamesEveryOrphan(t *testing.T) {
	e := refused(t, sample(t), populate(node(11, "a", "nobody"), node(12, "b", "a"), node(13, "c", "none")))
	if e.Code != CodeOrphan || !strings.Contains(e.Message, ": a, c") || e.Provider != "a" {
		t.Errorf("refused with %s", describe(e))
	}
}

// A refusal speaks of a provider by the name that people know it by.
func TestPopulateNamesWhatIsInUse(t *testing.T) {
	e := refused(t, sample(t), populate(known(2, "numa0", "host")))
	if !strings.Contains(e.Message, "nic") || e.Provider != num(4).String() {
		t.Errorf("refused with %s", describe(e))
	}
}

// A parent is looked up in the tree as it will be. One that goes is not there,
// though its UUID is still known while the operation runs.
func TestPopulateParentByUUIDOfOneThatGoes(t *testing.T) {
	numa1 := num(3).String()
	s := grow(t, sample(t), populate(
		known(1, "host", ""), known(2, "numa0", "host"), known(4, "nic", "numa0"), // numa1 goes
		node(11, numa1, "host"), // named like its UUID
		PopulateProvider{NewUUID: num(12), Name: "x", Parent: ParseRef(numa1)},
	))
	equal(t, "tree", drawn(s), "host(numa0(nic) "+numa1+"(x)) storage")
	e := refused(t, sample(t), populate(known(1, "host", ""), known(2, "numa0", "host"), known(4, "nic", "numa0"),
		PopulateProvider{NewUUID: num(12), Name: "x", Parent: ByUUID(num(3))}))
	equal(t, "code", e.Code, CodeOrphan)
}

// The UUID of a reference goes before its name, for given providers and for
// those that are there alike.
func TestPopulateParentByUUIDAndName(t *testing.T) {
	s := grow(t, sample(t), populate(
		node(11, "a", ""),
		PopulateProvider{NewUUID: num(12), Name: "b", Parent: Ref{num(5), "a"}},
		PopulateProvider{NewUUID: num(13), Name: "c", Parent: Ref{num(99), "a"}},
		PopulateProvider{NewUUID: num(14), Name: "d", Parent: Ref{num(11), "storage"}},
		PopulateProvider{NewUUID: num(15), Name: "e", Parent: Ref{num(5), "e"}}, // no loop
	))
	equal(t, "tree", drawn(s), "host(numa0(nic) numa1) storage(b e) a(c d)")
}
