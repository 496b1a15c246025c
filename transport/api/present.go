package api

import (
	"slices"
	"time"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// What is told of a consumer that came without an owner or a type. The state
// keeps them empty: only there is known whether a claim is a consumer's first.
const (
	ownerUnknown = "unknown"
	typeDefault  = "INSTANCE"
)

func timeOf(t tree.Time) time.Time { return time.UnixMicro(int64(t)).UTC() }

func showProvider(p tree.Provider) wire.Provider {
	shown := wire.Provider{
		UUID: p.UUID().String(), Name: p.Name(), Root: p.Root().UUID().String(), Generation: p.Generation(),
		Inventories: showInventories(p), Traits: p.Traits(), Aggregates: showAggregates(p), Resources: showDevices(p),
		CreatedAt: timeOf(p.CreatedAt()), UpdatedAt: timeOf(p.UpdatedAt()),
	}
	if parent, ok := p.Parent(); ok {
		shown.Parent = parent.UUID().String()
	}
	return shown
}

func showInventories(p tree.Provider) map[string]wire.InventoryUsage {
	shown := map[string]wire.InventoryUsage{}
	for _, i := range p.Inventories() {
		shown[i.Class] = wire.InventoryUsage{
			Inventory: wire.Inventory{
				Total: i.Total, Reserved: i.Reserved, MinUnit: i.MinUnit, MaxUnit: i.MaxUnit,
				StepSize: i.StepSize, AllocationRatio: i.Ratio.Float64(),
			},
			Used: i.Used, Capacity: i.Capacity(),
		}
	}
	return shown
}

func showAggregates(p tree.Provider) []string {
	shown := []string{}
	for _, a := range p.Aggregates() {
		shown = append(shown, a.String())
	}
	return shown
}

func showDevices(p tree.Provider) map[string][]wire.Device {
	shown := map[string][]wire.Device{}
	for _, d := range p.Devices() {
		shown[d.Class] = append(shown[d.Class], wire.Device{Identifier: d.Identifier, Metadata: d.Metadata})
	}
	return shown
}

// showConsumer tells a consumer with its allocations on the providers that
// choose picks.
func showConsumer(c tree.Consumer, choose func(tree.Provider) bool) wire.Consumer {
	shown := wire.Consumer{
		UUID: c.UUID().String(), Project: c.Project(), User: c.User(), Type: c.Type(), Generation: c.Generation(),
		Allocations: []wire.Allocation{}, CreatedAt: timeOf(c.CreatedAt()), UpdatedAt: timeOf(c.UpdatedAt()),
	}
	for _, part := range []struct {
		name, otherwise string
		value           *string
	}{
		{wire.UnsetProject, ownerUnknown, &shown.Project}, {wire.UnsetUser, ownerUnknown, &shown.User},
		{wire.UnsetType, typeDefault, &shown.Type},
	} {
		if *part.value == "" {
			*part.value = part.otherwise
			shown.Unset = append(shown.Unset, part.name)
		}
	}
	for _, a := range c.Allocations() {
		if !choose(a.Provider) {
			continue
		}
		on := a.Provider.UUID().String()
		i := slices.IndexFunc(shown.Allocations, func(a wire.Allocation) bool { return a.Provider == on })
		if i < 0 {
			i = len(shown.Allocations)
			shown.Allocations = append(shown.Allocations, wire.Allocation{Provider: on, Resources: map[string]int64{}})
		}
		shown.Allocations[i].Resources[a.Class] = a.Amount
	}
	return shown
}

func anyProvider(tree.Provider) bool { return true }
