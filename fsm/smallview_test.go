package fsm

import (
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// smallView is a view with records of every kind but without the standard
// vocabulary, so that its snapshot is small enough to be damaged at every
// byte. The golden snapshot is made of it: it never changes.
func smallView(t testing.TB) *View {
	t.Helper()
	b := tree.NewBuilder(tree.Meta{Revision: 700, NextProvider: 4, NextClass: 10002, NextTrait: 10002})
	b.AddClass(tree.TermRecord{Number: 10000, Name: "CUSTOM_GOLD", Created: start, Updated: start + 1})
	b.AddClass(tree.TermRecord{Number: 10001, Name: "CUSTOM_SILVER", Created: start, Updated: start})
	b.AddTrait(tree.TermRecord{Number: 10000, Name: "CUSTOM_FAST", Created: start, Updated: start})
	b.AddTrait(tree.TermRecord{Number: 10001, Name: "CUSTOM_SLOW", Created: start, Updated: start})
	b.AddProvider(tree.ProviderRecord{
		Number: 1, Root: 1, UUID: uuid(1), Name: "host", Generation: 5, Created: start, Updated: start + 2,
		Traits: []uint32{10000, 10001}, Aggregates: []tree.UUID{uuid(50), uuid(51)},
	})
	b.AddProvider(tree.ProviderRecord{
		Number: 3, Parent: 1, Root: 1, UUID: uuid(3), Name: "numa0", Generation: 6, Created: start, Updated: start,
		Inventories: []tree.InventoryRecord{
			{Class: 10000, Inventory: tree.Inventory{Total: 100, Reserved: 1, MinUnit: 1, MaxUnit: 100, StepSize: 1, Ratio: tree.One}, Used: 9},
			{Class: 10001, Inventory: tree.Inventory{Total: 1<<31 - 1, MinUnit: 1, MaxUnit: 1, StepSize: 1, Ratio: tree.One}},
		},
		Devices: []tree.DeviceRecord{{Class: 10000, Identifier: "bar", Metadata: "{}"}, {Class: 10001, Identifier: "coin"}},
	})
	b.AddConsumer(tree.ConsumerRecord{
		UUID: uuid(20), Project: "project", User: "user", Type: "INSTANCE", Generation: 2, Created: start, Updated: start,
		Allocations: []tree.AllocationRecord{{Provider: 3, Class: 10000, Amount: 5}},
	})
	b.AddConsumer(tree.ConsumerRecord{
		UUID: uuid(21), Generation: 1, Created: start, Updated: start,
		Allocations: []tree.AllocationRecord{{Provider: 3, Class: 10000, Amount: 4}},
	})
	state, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	v := &View{Index: 900, Tree: state, requests: newRequests(), logTime: start}
	v.requests.floor = requestID(start-minute, 0)
	for i, r := range []Result{
		{Effect: tree.Effect{Created: []tree.UUID{uuid(1)}, Providers: []tree.Generation{{UUID: uuid(1), Generation: 300}}}},
		{Refused: &tree.Error{Code: tree.CodeLoop, Message: "message", Op: 1, Field: "field"}},
	} {
		c := &codec{}
		c.outcome(&r.Effect, &r.Refused)
		id := requestID(start, i)
		v.requests.remember(answer{id, fingerprintOf(id[:]), uint64(800 + i), uint64(600 + i), c.buf}, start)
	}
	return v
}
