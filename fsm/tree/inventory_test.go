package tree

import (
	"math"
	"testing"
)

func put(mode PutMode, provider string, list ...InventoryOf) PutInventories {
	return PutInventories{ByName(provider), list, mode}
}

func badInventory(name, field string, change func(*Inventory)) refusal {
	return refusal{name, []Op{setInventories("host", inv("VCPU", 8, change))}, CodeInvalid, "inventories.VCPU." + field, 0}
}

var inventoryRefusals = []refusal{
	{"set for nobody", []Op{setInventories("nobody")}, CodeProviderNotFound, "provider", 0},
	{"put for nobody", []Op{put(Upsert, "nobody", inv("VCPU", 1))}, CodeProviderNotFound, "provider", 0},
	{"remove for nobody", []Op{RemoveInventories{ByName("nobody"), []string{"VCPU"}}}, CodeProviderNotFound, "provider", 0},
	{"set an unknown class", []Op{setInventories("host", inv("CUSTOM_X", 1))}, CodeClassNotFound, "inventories.CUSTOM_X", 0},
	{"put an unknown class", []Op{put(Upsert, "host", inv("CUSTOM_X", 1))}, CodeClassNotFound, "inventories.CUSTOM_X", 0},
	{"remove an unknown class", []Op{RemoveInventories{ByName("host"), []string{"CUSTOM_X"}}}, CodeClassNotFound, "classes", 0},
	{"set a class twice", []Op{setInventories("host", inv("VCPU", 1), inv("PCPU", 1), inv("VCPU", 1))}, CodeInvalid, "inventories.VCPU", 0},
	{"put nothing", []Op{put(Upsert, "host")}, CodeInvalid, "inventories", 0},
	{"remove nothing", []Op{RemoveInventories{Provider: ByName("host")}}, CodeInvalid, "classes", 0},
	badInventory("total 0", "total", total(0)),
	badInventory("total over the limit", "total", total(amountMax+1)),
	badInventory("total that wraps in 32 bits", "total", total(1<<32+8)),
	badInventory("reserved below 0", "reserved", reserved(-1)),
	badInventory("reserved over total", "reserved", reserved(9)),
	badInventory("min_unit 0", "min_unit", units(0, 1)),
	badInventory("max_unit 0", "max_unit", units(1, 0)),
	badInventory("max_unit over the limit", "max_unit", units(1, amountMax+1)),
	badInventory("step_size 0", "step_size", stepSize(0)),
	badInventory("negative ratio", "allocation_ratio", ratio(-1)),
	badInventory("negative zero ratio", "allocation_ratio", ratio(math.Copysign(0, -1))),
	badInventory("NaN ratio", "allocation_ratio", ratio(math.NaN())),
	badInventory("infinite ratio", "allocation_ratio", ratio(math.Inf(1))),
	{"set loses an inventory in use", []Op{setInventories("numa0", inv("PCPU", 1))}, CodeInventoryInUse, "inventories.VCPU", 0},
	{"remove one in use", []Op{RemoveInventories{ByName("numa0"), []string{"VCPU"}}}, CodeInventoryInUse, "classes.VCPU", 0},
	{"remove one that is not there", []Op{RemoveInventories{ByName("host"), []string{"VCPU"}}}, CodeInventoryNotFound, "classes", 0},
	{"remove one twice", []Op{RemoveInventories{ByName("host"), []string{"MEMORY_MB", "MEMORY_MB"}}}, CodeInventoryNotFound, "classes", 0},
	{"add one that is there", []Op{put(AddOnly, "host", inv("MEMORY_MB", 1))}, CodeInventoryExists, "inventories.MEMORY_MB", 0},
	{"add one of two that is there", []Op{put(AddOnly, "host", inv("VCPU", 1), inv("MEMORY_MB", 1))}, CodeInventoryExists, "inventories.MEMORY_MB", 0},
	{"update one that is not there", []Op{put(UpdateOnly, "host", inv("VCPU", 1))}, CodeInventoryNotFound, "inventories.VCPU", 0},
	{"a claim before the last unit goes", []Op{put(Upsert, "host", inv("VCPU", 1)), take(guest, of("host", "VCPU", 2))}, CodeCapacityExceeded, "consumers[0].allocations[0].resources.VCPU", 1},
}

func TestInventoryWritesCountOneGeneration(t *testing.T) {
	s := sample(t)
	for _, c := range []struct {
		name    string
		op      Op
		classes []string
	}{
		{"set", setInventories("host", inv("VCPU", 4), inv("DISK_GB", 5)), []string{"VCPU", "DISK_GB"}},
		{"set none", setInventories("host"), nil},
		{"set the same", setInventories("host", inv("MEMORY_MB", 4096)), []string{"MEMORY_MB"}},
		{"upsert one more", put(Upsert, "host", inv("VCPU", 4)), []string{"VCPU", "MEMORY_MB"}},
		{"upsert the same", put(Upsert, "host", inv("MEMORY_MB", 4096)), []string{"MEMORY_MB"}},
		{"add two", put(AddOnly, "host", inv("CUSTOM_FREE", 1), inv("VCPU", 4)), []string{"VCPU", "MEMORY_MB", "CUSTOM_FREE"}},
		{"update", put(UpdateOnly, "host", inv("MEMORY_MB", 1)), []string{"MEMORY_MB"}},
		{"remove", RemoveInventories{ByName("host"), []string{"MEMORY_MB"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			next, effect := apply(t, s, c.op)
			gained(t, s, next, []string{"host", "numa0"}, 1, 0)
			p := provide(t, next, "host")
			var classes []string
			for _, i := range p.Inventories() {
				classes = append(classes, i.Class)
			}
			equal(t, "classes", classes, c.classes)
			equal(t, "effect", effect, Effect{Providers: []Generation{{num(1), p.Generation()}}})
		})
	}
}

func TestInventoryKeepsItsUsage(t *testing.T) {
	s := sample(t)
	for _, op := range []Op{
		setInventories("numa0", inv("PCPU", 2), inv("VCPU", 100)),
		put(Upsert, "numa0", inv("VCPU", 100)),
		put(UpdateOnly, "numa0", inv("VCPU", 100)),
	} {
		next := grow(t, s, op)
		equal(t, op.Kind()+": used", used(t, next, "numa0", "VCPU"), 3)
		i, _ := provide(t, next, "numa0").Inventory("VCPU")
		equal(t, op.Kind()+": total", i.Total, 100)
	}
}

// An inventory may shrink below what is used of it; then claims may only take
// as much as before, or less.
func TestInventoryShrinksBelowItsUsage(t *testing.T) {
	s := grow(t, sample(t), setInventories("numa0", inv("VCPU", 2, reserved(1))))
	equal(t, "used", used(t, s, "numa0", "VCPU"), 3)
	equal(t, "more", refused(t, s, take(guest, of("numa0", "VCPU", 3))).Code, CodeCapacityExceeded)
	equal(t, "one more consumer", refused(t, s, take(absent, of("numa0", "VCPU", 1))).Code, CodeCapacityExceeded)
	same := grow(t, s, take(guest, of("numa0", "VCPU", 2)))
	equal(t, "used", used(t, same, "numa0", "VCPU"), 3)
	less := grow(t, s, take(guest, of("numa0", "VCPU", 1)))
	equal(t, "used", used(t, less, "numa0", "VCPU"), 2)
	handed := grow(t, s, Claim{[]ConsumerClaim{takes(guest), takes(absent, of("numa0", "VCPU", 2))}})
	equal(t, "used", used(t, handed, "numa0", "VCPU"), 3)
}

func TestReservedMayEqualTotal(t *testing.T) {
	s := grow(t, sample(t), setInventories("host", inv("VCPU", 8, reserved(8))))
	i, _ := provide(t, s, "host").Inventory("VCPU")
	equal(t, "capacity", i.Capacity(), 0)
	equal(t, "claim", refused(t, s, take(guest, of("host", "VCPU", 1))).Code, CodeCapacityExceeded)
}

func TestInventoryLimits(t *testing.T) {
	most := inv("VCPU", amountMax, reserved(amountMax), units(amountMax, amountMax), stepSize(amountMax), ratio(math.MaxFloat64))
	s := grow(t, sample(t), setInventories("host", most))
	i, _ := provide(t, s, "host").Inventory("VCPU")
	equal(t, "inventory", i.Inventory, most.Inventory)
	s = grow(t, s, setInventories("host", inv("VCPU", 1, ratio(0))))
	i, _ = provide(t, s, "host").Inventory("VCPU")
	equal(t, "capacity at ratio 0", i.Capacity(), 0)
}

// The class index has a provider once per class, for an inventory, a device or
// both of them.
func TestClassIndex(t *testing.T) {
	s := sample(t)
	port := func(s *State) (names []string) {
		for p := range s.ProvidersWithClass("CUSTOM_PORT", 0) {
			names = append(names, p.Name())
		}
		return names
	}
	both := grow(t, s, put(Upsert, "nic", inv("CUSTOM_PORT", 2)), put(Upsert, "host", inv("CUSTOM_PORT", 2)))
	equal(t, "both", port(both), []string{"host", "nic"})
	device := grow(t, both, RemoveInventories{ByName("nic"), []string{"CUSTOM_PORT"}})
	equal(t, "devices only", port(device), []string{"host", "nic"})
	inventory := grow(t, both, ChangeResources{Set, ByName("nic"), nil})
	equal(t, "inventory only", port(inventory), []string{"host", "nic"})
	neither := grow(t, inventory, RemoveInventories{ByName("nic"), []string{"CUSTOM_PORT"}})
	equal(t, "neither", port(neither), []string{"host"})
	gone := grow(t, both, Release{[]UUID{num(tunnel)}}, RemoveProvider{Provider: ByName("nic")})
	equal(t, "removed", port(gone), []string{"host"})
}
