package api

import (
	"fmt"
	"maps"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// The defaults of an inventory, documented on wire.Inventory.
const (
	minUnitDefault  = 1
	maxUnitDefault  = 1<<31 - 1
	stepSizeDefault = 1
)

func convertCreate(from origin, c wire.CreateProvider) (tree.Op, *wire.Error) {
	u, err := optionalUUID("uuid", c.UUID)
	if err != nil {
		return nil, err
	}
	if u.IsZero() {
		u = from.provider()
	}
	return tree.CreateProvider{UUID: u, Name: c.Name, Parent: tree.ParseRef(c.Parent)}, nil
}

func convertPopulate(from origin, p wire.Populate) (tree.Op, *wire.Error) {
	made := tree.Populate{Providers: make([]tree.PopulateProvider, len(p.Providers))}
	for i, given := range p.Providers {
		u, err := optionalUUID("uuid", given.UUID)
		if err != nil {
			return nil, within(fmt.Sprintf("providers[%d]", i), err)
		}
		one := tree.PopulateProvider{UUID: u, Name: given.Name, Parent: tree.ParseRef(given.Parent)}
		if u.IsZero() {
			one.NewUUID = from.element(i)
		}
		if given.Inventories != nil {
			inventories := inventoriesOf(given.Inventories)
			one.Inventories = &inventories
		}
		if given.Traits != nil {
			one.Traits = &given.Traits
		}
		if given.Aggregates != nil {
			aggregates, err := aggregatesOf(given.Aggregates)
			if err != nil {
				return nil, within(fmt.Sprintf("providers[%d]", i), err)
			}
			one.Aggregates = &aggregates
		}
		if given.Resources != nil {
			devices := devicesOf(given.Resources)
			one.Resources = &devices
		}
		made.Providers[i] = one
	}
	return made, nil
}

// inventoriesOf converts inventories by class and fills in the defaults. What
// the amounts may be is for package tree to say.
func inventoriesOf(given map[string]wire.Inventory) []tree.InventoryOf {
	all := make([]tree.InventoryOf, 0, len(given))
	for _, class := range slices.Sorted(maps.Keys(given)) {
		g := given[class]
		one := tree.InventoryOf{Class: class, Inventory: tree.Inventory{
			Total: g.Total, Reserved: g.Reserved, MinUnit: g.MinUnit, MaxUnit: g.MaxUnit, StepSize: g.StepSize,
			Ratio: tree.RatioOf(g.AllocationRatio),
		}}
		if g.MinUnit == 0 {
			one.MinUnit = minUnitDefault
		}
		if g.MaxUnit == 0 {
			one.MaxUnit = maxUnitDefault
		}
		if g.StepSize == 0 {
			one.StepSize = stepSizeDefault
		}
		if g.AllocationRatio == 0 {
			one.Ratio = tree.One
		}
		all = append(all, one)
	}
	return all
}

func convertTraits(mode tree.ChangeMode, c wire.ChangeTraits) tree.Op {
	return tree.ChangeTraits{Mode: mode, Provider: tree.ParseRef(c.Provider), Traits: c.Traits}
}

func convertAggregates(mode tree.ChangeMode, c wire.ChangeAggregates) (tree.Op, *wire.Error) {
	aggregates, err := aggregatesOf(c.Aggregates)
	if err != nil {
		return nil, err
	}
	return tree.ChangeAggregates{Mode: mode, Provider: tree.ParseRef(c.Provider), Aggregates: aggregates}, nil
}

func aggregatesOf(given []string) ([]tree.UUID, *wire.Error) {
	all := make([]tree.UUID, len(given))
	for i, s := range given {
		u, err := parseUUID(fmt.Sprintf("aggregates[%d]", i), s)
		if err != nil {
			return nil, err
		}
		all[i] = u
	}
	return all, nil
}

func convertResources(mode tree.ChangeMode, c wire.ChangeResources) tree.Op {
	return tree.ChangeResources{Mode: mode, Provider: tree.ParseRef(c.Provider), Devices: devicesOf(c.Resources)}
}

func devicesOf(given map[string][]wire.Device) []tree.Device {
	all := []tree.Device{}
	for _, class := range slices.Sorted(maps.Keys(given)) {
		for _, g := range given[class] {
			all = append(all, tree.Device{Class: class, Identifier: g.Identifier, Metadata: g.Metadata})
		}
	}
	return all
}
