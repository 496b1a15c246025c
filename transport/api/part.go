package api

import (
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

func (c *call) getInventories() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.InventoriesAnswer{State: stateOf(view), Generation: p.Generation(), Inventories: showInventories(p)}}, nil
}

func (c *call) inventories(op func(*wire.ChangeInventories) wire.Op) (answer, error) {
	var body wire.InventoriesRequest
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do(c.name(), body.Generation, op(&wire.ChangeInventories{Provider: c.name(), Inventories: body.Inventories}))
}

func (c *call) setInventories() (answer, error) {
	return c.inventories(func(o *wire.ChangeInventories) wire.Op { return wire.Op{SetInventories: o} })
}

func (c *call) putInventories() (answer, error) {
	return c.inventories(func(o *wire.ChangeInventories) wire.Op { return wire.Op{PutInventories: o} })
}

func (c *call) deleteInventories() (answer, error) {
	return c.do("", nil, wire.Op{SetInventories: &wire.ChangeInventories{Provider: c.name()}})
}

func (c *call) deleteInventory() (answer, error) {
	return c.do("", nil, wire.Op{RemoveInventories: &wire.RemoveInventories{
		Provider: c.name(), Classes: []string{c.r.PathValue("class")},
	}})
}

func (c *call) getTraits() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.TraitsAnswer{State: stateOf(view), Generation: p.Generation(), Traits: p.Traits()}}, nil
}

func (c *call) traits(op func(*wire.ChangeTraits) wire.Op) (answer, error) {
	var body wire.TraitsRequest
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do(c.name(), body.Generation, op(&wire.ChangeTraits{Provider: c.name(), Traits: body.Traits}))
}

func (c *call) setTraits() (answer, error) {
	return c.traits(func(o *wire.ChangeTraits) wire.Op { return wire.Op{SetTraits: o} })
}

func (c *call) addTraits() (answer, error) {
	return c.traits(func(o *wire.ChangeTraits) wire.Op { return wire.Op{AddTraits: o} })
}

func (c *call) deleteTraits() (answer, error) {
	if c.bodyBytes == nil {
		return c.do("", nil, wire.Op{SetTraits: &wire.ChangeTraits{Provider: c.name()}})
	}
	return c.traits(func(o *wire.ChangeTraits) wire.Op { return wire.Op{RemoveTraits: o} })
}

func (c *call) getAggregates() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.AggregatesAnswer{State: stateOf(view), Generation: p.Generation(), Aggregates: showAggregates(p)}}, nil
}

func (c *call) aggregates(op func(*wire.ChangeAggregates) wire.Op) (answer, error) {
	var body wire.AggregatesRequest
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do(c.name(), body.Generation, op(&wire.ChangeAggregates{Provider: c.name(), Aggregates: body.Aggregates}))
}

func (c *call) setAggregates() (answer, error) {
	return c.aggregates(func(o *wire.ChangeAggregates) wire.Op { return wire.Op{SetAggregates: o} })
}

func (c *call) addAggregates() (answer, error) {
	return c.aggregates(func(o *wire.ChangeAggregates) wire.Op { return wire.Op{AddAggregates: o} })
}

func (c *call) deleteAggregates() (answer, error) {
	if c.bodyBytes == nil {
		return c.do("", nil, wire.Op{SetAggregates: &wire.ChangeAggregates{Provider: c.name()}})
	}
	return c.aggregates(func(o *wire.ChangeAggregates) wire.Op { return wire.Op{RemoveAggregates: o} })
}

func (c *call) getResources() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.ResourcesAnswer{State: stateOf(view), Generation: p.Generation(), Resources: showDevices(p)}}, nil
}

func (c *call) resources(op func(*wire.ChangeResources) wire.Op) (answer, error) {
	var body wire.ResourcesRequest
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do(c.name(), body.Generation, op(&wire.ChangeResources{Provider: c.name(), Resources: body.Resources}))
}

func (c *call) setResources() (answer, error) {
	return c.resources(func(o *wire.ChangeResources) wire.Op { return wire.Op{SetResources: o} })
}

func (c *call) addResources() (answer, error) {
	return c.resources(func(o *wire.ChangeResources) wire.Op { return wire.Op{AddResources: o} })
}

func (c *call) deleteResources() (answer, error) {
	if c.bodyBytes == nil {
		return c.do("", nil, wire.Op{SetResources: &wire.ChangeResources{Provider: c.name()}})
	}
	return c.resources(func(o *wire.ChangeResources) wire.Op { return wire.Op{RemoveResources: o} })
}

// changed compares parts of a provider with those given. A class or trait that
// the state does not know is a difference like any other.
func (c *call) changed() (answer, error) {
	var body wire.ChangedQuery
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	aggregates := make([]tree.UUID, len(body.Aggregates))
	for i, s := range body.Aggregates {
		var refused *wire.Error
		if aggregates[i], refused = parseUUID(fmt.Sprintf("aggregates[%d]", i), s); refused != nil {
			return answer{}, refused
		}
	}
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	told := wire.ChangedAnswer{State: stateOf(view)}
	if body.Inventories != nil {
		told.Inventories = new(p.InventoryChanged(inventoriesOf(body.Inventories)))
	}
	if body.Traits != nil {
		told.Traits = new(p.TraitsChanged(body.Traits))
	}
	if body.Aggregates != nil {
		told.Aggregates = new(p.AggregatesChanged(aggregates))
	}
	if body.Resources != nil {
		told.Resources = new(p.DevicesChanged(devicesOf(body.Resources)))
	}
	return answer{body: told}, nil
}

func (c *call) sharing() (answer, error) {
	class := c.query.Get("resource_class")
	if class == "" || len(c.query["resource_class"]) > 1 {
		return answer{}, reject(wire.CodeInvalid, "resource_class", "exactly one resource class is needed")
	}
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	if !view.Tree.HasResourceClass(class) {
		return answer{}, reject(wire.CodeClassNotFound, "resource_class", "no resource class %q", excerpt(class))
	}
	return answer{body: wire.SharingAnswer{State: stateOf(view), Sharing: p.TreeShares(class)}}, nil
}
