package tree

import "testing"

func reshape(inventories []ReshapeInventories, consumers ...ConsumerClaim) Reshape {
	return Reshape{inventories, consumers}
}

func becomes(provider string, list ...InventoryOf) ReshapeInventories {
	return ReshapeInventories{ByName(provider), list}
}

func becoming(list ...ReshapeInventories) []ReshapeInventories { return list }

var reshapeRefusals = []refusal{
	{"nothing", []Op{Reshape{}}, CodeInvalid, "inventories", 0},
	{"inventories of nobody", []Op{reshape(becoming(becomes("nobody")))}, CodeProviderNotFound, "inventories.nobody", 0},
	{"a provider twice", []Op{reshape(becoming(becomes("host"), becomes("host")))}, CodeInvalid, "inventories.host", 0},
	{"an unknown class", []Op{reshape(becoming(becomes("host", inv("CUSTOM_X", 1))))}, CodeClassNotFound, "inventories.host.CUSTOM_X", 0},
	{"a bad inventory", []Op{reshape(becoming(becomes("host", inv("VCPU", 0))))}, CodeInvalid, "inventories.host.VCPU.total", 0},
	{"an inventory in use goes", []Op{reshape(becoming(becomes("numa0")), takes(guest))}, CodeInventoryInUse, "inventories.numa0.VCPU", 0},
	{"an unknown consumer", []Op{reshape(nil, takes(absent))}, CodeConsumerNotFound, "consumers[0].uuid", 0},
	{"claims of what goes", []Op{reshape(becoming(becomes("host")), takes(absent, of("host", "MEMORY_MB", 1)))}, CodeInventoryInUse, "inventories.host.MEMORY_MB", 0},
	{"more than there will be", []Op{reshape(becoming(becomes("host", inv("MEMORY_MB", 10))), takes(absent, of("host", "MEMORY_MB", 11)))}, CodeCapacityExceeded, "consumers[0].allocations[0].resources.MEMORY_MB", 0},
	{"an amount against the new units", []Op{reshape(becoming(becomes("numa0", inv("VCPU", 8, stepSize(2)))), takes(guest, of("numa0", "VCPU", 3)))}, CodeAmountInvalid, "consumers[0].allocations[0].resources.VCPU", 0},
	{"a class that is nowhere", []Op{reshape(becoming(becomes("host", inv("VCPU", 1))), takes(guest, of("host", "PCPU", 1)))}, CodeInventoryNotFound, "consumers[0].allocations[0].resources.PCPU", 0},
}

// The inventory of a flat provider moves to a child, used as it is: no order
// of single operations could do it.
func TestReshapeMovesUsedInventory(t *testing.T) {
	s := sample(t)
	move := reshape(
		becoming(becomes("numa0", inv("PCPU", 1)), becomes("numa1", inv("VCPU", 8))),
		takes(guest, of("numa1", "VCPU", 2), of("storage", "DISK_GB", 10)),
		takes(tunnel, of("numa1", "VCPU", 1), of("nic", "SRIOV_NET_VF", 1)),
	)
	next := grow(t, s, move)
	equal(t, "used", used(t, next, "numa1", "VCPU"), 3)
	if _, ok := provide(t, next, "numa0").Inventory("VCPU"); ok {
		t.Error("the old inventory is still there")
	}
	// numa0: interim and final; numa1: interim, allocations, final; the
	// others: allocations.
	gained(t, s, next, everyone, 0, 2, 3, 1, 1)
}

func TestReshapeGenerations(t *testing.T) {
	s := sample(t)
	for _, c := range []struct {
		name string
		op   Op
		gain []uint64 // of everyone
	}{
		{"to an empty list", reshape(becoming(becomes("host"))), []uint64{1, 0, 0, 0, 0}},
		{"to the same", reshape(becoming(becomes("host", inv("MEMORY_MB", 4096)))), []uint64{2, 0, 0, 0, 0}},
		{"allocations only", reshape(nil, takes(guest, of("numa1", "VCPU", 1))), []uint64{0, 0, 1, 0, 0}},
		{"a wipe", reshape(nil, takes(guest)), []uint64{0, 1, 0, 0, 1}},
		{"a wipe, then nothing left", reshape(becoming(becomes("storage")), takes(guest)), []uint64{0, 1, 0, 0, 2}},
		{"both of one", reshape(becoming(becomes("numa0", inv("VCPU", 9))), takes(guest, of("numa0", "VCPU", 8))), []uint64{0, 3, 0, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			next := grow(t, s, c.op)
			gained(t, s, next, everyone, c.gain...)
		})
	}
}

func TestReshapeMayShrinkAnOverCommit(t *testing.T) {
	s := grow(t, sample(t), setInventories("numa0", inv("VCPU", 1)))
	same := grow(t, s, reshape(nil, takes(guest, of("numa0", "VCPU", 2))))
	equal(t, "used", used(t, same, "numa0", "VCPU"), 3)
	s = grow(t, s, reshape(becoming(becomes("numa0", inv("VCPU", 1))), takes(guest, of("numa0", "VCPU", 1))))
	equal(t, "used", used(t, s, "numa0", "VCPU"), 2) // of 1
	s = grow(t, s, reshape(becoming(becomes("numa0", inv("VCPU", 1)))))
	equal(t, "used", used(t, s, "numa0", "VCPU"), 2)
	equal(t, "growing it", refused(t, s, reshape(nil, takes(guest, of("numa0", "VCPU", 2)))).Code, CodeCapacityExceeded)
}
