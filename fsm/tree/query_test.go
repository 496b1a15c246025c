package tree

import (
	"iter"
	"testing"
)

// seen collects names from a sequence, and looks that it may be left early.
func seen(t *testing.T, all iter.Seq[Provider]) (names []string) {
	t.Helper()
	for p := range all {
		names = append(names, p.Name())
	}
	if n := taken(all); n > 1 || n != min(len(names), 1) {
		t.Errorf("a loop that ended early saw %d of %d", n, len(names))
	}
	return names
}

func TestSequencesGoOnAfterTheGiven(t *testing.T) {
	s := sample(t)
	s = grow(t, s, ChangeTraits{Set, ByName("nic"), []string{"CUSTOM_RACK"}},
		ChangeAggregates{Provider: ByName("nic"), Aggregates: []UUID{num(200), num(201), num(202)}})
	vcpu := func(after uint32) iter.Seq[Provider] { return s.ProvidersWithClass("VCPU", after) }
	racked := func(after uint32) iter.Seq[Provider] { return s.ProvidersWithTrait("CUSTOM_RACK", after) }
	grouped := func(after uint32) iter.Seq[Provider] { return s.ProvidersInAggregate(num(201), after) }
	for _, c := range []struct {
		name  string
		all   func(uint32) iter.Seq[Provider]
		after uint32
		want  []string
	}{
		{"providers", s.Providers, 0, everyone},
		{"providers", s.Providers, 3, []string{"nic", "storage"}},
		{"providers", s.Providers, 5, nil},
		{"providers", s.Providers, 1<<32 - 1, nil},
		{"roots", s.Roots, 0, []string{"host", "storage"}},
		{"roots", s.Roots, 1, []string{"storage"}},
		{"roots", s.Roots, 3, []string{"storage"}}, // one that is none
		{"roots", s.Roots, 5, nil},
		{"class", vcpu, 0, []string{"numa0", "numa1"}},
		{"class", vcpu, 2, []string{"numa1"}},
		{"class", vcpu, 3, nil},
		{"trait", racked, 0, []string{"host", "nic"}},
		{"trait", racked, 1, []string{"nic"}},
		{"trait", racked, 4, nil},
		{"aggregate", grouped, 0, []string{"host", "nic", "storage"}},
		{"aggregate", grouped, 4, []string{"storage"}},
		{"aggregate", grouped, 5, nil},
	} {
		equal(t, c.name, seen(t, c.all(c.after)), c.want)
	}
	equal(t, "unknown class", seen(t, s.ProvidersWithClass("CUSTOM_X", 0)), nil)
	equal(t, "unknown trait", seen(t, s.ProvidersWithTrait("CUSTOM_X", 0)), nil)
	equal(t, "unknown aggregate", seen(t, s.ProvidersInAggregate(num(9), 0)), nil)
}

func TestConsumersAndClaims(t *testing.T) {
	s := sample(t)
	uuids := func(all iter.Seq[Consumer]) (list []UUID) {
		for c := range all {
			list = append(list, c.UUID())
		}
		if n := taken(all); n != min(len(list), 1) {
			t.Errorf("a loop that ended early saw %d of %d", n, len(list))
		}
		return list
	}
	both, second := []UUID{num(guest), num(tunnel)}, []UUID{num(tunnel)}
	equal(t, "consumers", uuids(s.Consumers(UUID{})), both)
	equal(t, "consumers after", uuids(s.Consumers(num(guest))), second)
	equal(t, "consumers after one that is none", uuids(s.Consumers(num(guest-1))), both)
	equal(t, "no more consumers", uuids(s.Consumers(num(tunnel))), nil)
	equal(t, "claims", uuids(provide(t, s, "numa0").Claims(UUID{})), both)
	equal(t, "claims after", uuids(provide(t, s, "numa0").Claims(num(guest))), second)
	equal(t, "claims of nic", uuids(provide(t, s, "nic").Claims(UUID{})), second)
	equal(t, "no claims", uuids(provide(t, s, "host").Claims(UUID{})), nil)
	if _, ok := s.FindConsumer(num(absent)); ok {
		t.Error("found a consumer that is none")
	}
}

func TestChildrenAndSubtree(t *testing.T) {
	s := sample(t)
	host := provide(t, s, "host")
	equal(t, "children", seen(t, host.Children()), []string{"numa0", "numa1"})
	equal(t, "no children", seen(t, provide(t, s, "nic").Children()), nil)
	var names []string
	for _, p := range host.Subtree() {
		names = append(names, p.Name())
	}
	equal(t, "subtree", names, []string{"host", "numa0", "nic", "numa1"})
	equal(t, "a leaf's subtree", len(provide(t, s, "nic").Subtree()), 1)
}

func TestChanged(t *testing.T) {
	s := sample(t)
	host, nic := provide(t, s, "host"), provide(t, s, "nic")
	memory := inv("MEMORY_MB", 4096)
	p0, p1 := Device{"CUSTOM_PORT", "p0", "east"}, Device{"CUSTOM_PORT", "p1", ""}
	for _, c := range []struct {
		name      string
		got, want bool
	}{
		{"same inventories", host.InventoryChanged(invs(memory)), false},
		{"usage aside", provide(t, s, "numa1").InventoryChanged(invs(inv("VCPU", 8))), false},
		{"other inventory", host.InventoryChanged(invs(inv("MEMORY_MB", 4097))), true},
		{"other ratio", host.InventoryChanged(invs(inv("MEMORY_MB", 4096, ratio(1.5)))), true},
		{"no inventories", host.InventoryChanged(nil), true},
		{"more inventories", host.InventoryChanged(invs(memory, inv("VCPU", 1))), true},
		{"same traits", host.TraitsChanged([]string{"CUSTOM_RACK", "HW_CPU_X86_AVX", "CUSTOM_RACK"}), false},
		{"other traits", host.TraitsChanged([]string{"CUSTOM_RACK"}), true},
		{"same aggregates", host.AggregatesChanged([]UUID{num(201), num(201)}), false},
		{"other aggregates", host.AggregatesChanged(nil), true},
		{"same devices", nic.DevicesChanged([]Device{p1, p0}), false},
		{"other metadata", nic.DevicesChanged([]Device{p1, {"CUSTOM_PORT", "p0", "west"}}), true},
		{"no devices", nic.DevicesChanged(nil), true},
		{"no devices, as before", host.DevicesChanged(nil), false},
	} {
		equal(t, c.name, c.got, c.want)
	}
}

func TestTreeShares(t *testing.T) {
	s := grow(t, sample(t), create(9, "below", "storage"))
	equal(t, "of the provider itself", provide(t, s, "storage").TreeShares("DISK_GB"), true)
	equal(t, "seen from below", provide(t, s, "below").TreeShares("DISK_GB"), true)
	equal(t, "another class", provide(t, s, "below").TreeShares("VCPU"), false)
	equal(t, "inventory without the trait", provide(t, s, "numa0").TreeShares("VCPU"), false)
}

func TestInventoryOfOneClass(t *testing.T) {
	p := provide(t, sample(t), "numa0")
	i, _ := p.Inventory("VCPU")
	equal(t, "inventory", i, InventoryUsage{"VCPU", inv("VCPU", 8, units(1, 4)).Inventory, 3})
	equal(t, "the list has the same", p.Inventories()[0], i)
	for _, class := range []string{"PCPU", "CUSTOM_X", ""} {
		if _, ok := p.Inventory(class); ok {
			t.Errorf("found an inventory of %q", class)
		}
	}
}
