package client

import (
	"maps"
	"slices"

	"github.com/treenode/treenode/transport/wire"
)

// HasInventory reports whether a provider has inventories of all the classes,
// or any inventory at all where none is named.
func (t *Tree) HasInventory(provider string, classes ...string) (bool, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return false, err
	}
	for _, class := range classes {
		if _, ok := r.inventories[class]; !ok {
			return false, nil
		}
	}
	return len(r.inventories) > 0, nil
}

// InventoryChanged reports whether the inventories given differ from those of
// the provider, defaults considered.
func (t *Tree) InventoryChanged(provider string, inventories map[string]wire.Inventory) (bool, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return false, err
	}
	given, err := checkInventories("", inventories)
	if err != nil {
		return false, err
	}
	return !maps.Equal(r.inventories, given), nil
}

// SetInventory replaces all inventories of a provider, by class.
func (t *Tree) SetInventory(provider string, inventories map[string]wire.Inventory) error {
	return t.changeInventory(provider, inventories, func(_, given map[string]wire.Inventory) map[string]wire.Inventory { return given })
}

// PutInventory adds or updates the inventories given, and leaves the others.
func (t *Tree) PutInventory(provider string, inventories map[string]wire.Inventory) error {
	return t.changeInventory(provider, inventories, func(have, given map[string]wire.Inventory) map[string]wire.Inventory {
		merged := maps.Clone(have)
		maps.Copy(merged, given)
		return merged
	})
}

func (t *Tree) changeInventory(provider string, inventories map[string]wire.Inventory, combine func(have, given map[string]wire.Inventory) map[string]wire.Inventory) error {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return err
	}
	given, err := checkInventories("", inventories)
	if err != nil {
		return err
	}
	next := *r
	next.inventories = combine(r.inventories, given)
	t.replace(&next)
	return nil
}

// RemoveInventory removes the inventories of the classes named; each must
// exist.
func (t *Tree) RemoveInventory(provider string, classes ...string) error {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return err
	}
	next := *r
	next.inventories = maps.Clone(r.inventories)
	for _, class := range classes {
		if _, ok := next.inventories[class]; !ok {
			return refuse(wire.CodeInventoryNotFound, "classes", "provider %s has no inventory of %s", r.name, class).about(r.uuid)
		}
		delete(next.inventories, class)
	}
	t.replace(&next)
	return nil
}

// HasTraits reports whether a provider has all the traits, or any trait at all
// where none is named.
func (t *Tree) HasTraits(provider string, traits ...string) (bool, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return false, err
	}
	return hasAll(r.traits, traits), nil
}

// TraitsChanged reports whether the traits given differ from those of the
// provider.
func (t *Tree) TraitsChanged(provider string, traits []string) (bool, error) {
	r, given, err := t.traits(provider, traits)
	if err != nil {
		return false, err
	}
	return !slices.Equal(r.traits, given), nil
}

// SetTraits replaces all traits of a provider.
func (t *Tree) SetTraits(provider string, traits ...string) error {
	return t.changeTraits(provider, traits, func(_, given []string) []string { return given })
}

// AddTraits adds traits to those of a provider.
func (t *Tree) AddTraits(provider string, traits ...string) error {
	return t.changeTraits(provider, traits, union)
}

// RemoveTraits removes traits of a provider; those it does not have are
// ignored.
func (t *Tree) RemoveTraits(provider string, traits ...string) error {
	return t.changeTraits(provider, traits, without)
}

func (t *Tree) traits(provider string, traits []string) (*record, []string, *Error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return nil, nil, err
	}
	given, err := checkTerms("traits", traits)
	return r, given, err
}

func (t *Tree) changeTraits(provider string, traits []string, combine func(have, given []string) []string) error {
	r, given, err := t.traits(provider, traits)
	if err != nil {
		return err
	}
	next := *r
	next.traits = combine(r.traits, given)
	t.replace(&next)
	return nil
}

// HasAggregates reports whether a provider is in all the aggregates, or in any
// at all where none is named.
func (t *Tree) HasAggregates(provider string, aggregates ...string) (bool, error) {
	r, given, err := t.aggregates(provider, aggregates)
	if err != nil {
		return false, err
	}
	return hasAll(r.aggregates, given), nil
}

// AggregatesChanged reports whether the aggregates given differ from those of
// the provider.
func (t *Tree) AggregatesChanged(provider string, aggregates []string) (bool, error) {
	r, given, err := t.aggregates(provider, aggregates)
	if err != nil {
		return false, err
	}
	return !slices.Equal(r.aggregates, given), nil
}

// SetAggregates replaces the aggregates, UUIDs, that a provider is in.
func (t *Tree) SetAggregates(provider string, aggregates ...string) error {
	return t.changeAggregates(provider, aggregates, func(_, given []string) []string { return given })
}

// AddAggregates adds a provider to aggregates.
func (t *Tree) AddAggregates(provider string, aggregates ...string) error {
	return t.changeAggregates(provider, aggregates, union)
}

// RemoveAggregates takes a provider out of aggregates; those it is not in are
// ignored.
func (t *Tree) RemoveAggregates(provider string, aggregates ...string) error {
	return t.changeAggregates(provider, aggregates, without)
}

func (t *Tree) aggregates(provider string, aggregates []string) (*record, []string, *Error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return nil, nil, err
	}
	given, err := checkAggregates("aggregates", aggregates)
	return r, given, err
}

func (t *Tree) changeAggregates(provider string, aggregates []string, combine func(have, given []string) []string) error {
	r, given, err := t.aggregates(provider, aggregates)
	if err != nil {
		return err
	}
	next := *r
	next.aggregates = combine(r.aggregates, given)
	t.replace(&next)
	return nil
}

// HasResources reports whether a provider has named devices of all the
// classes, or any device at all where none is named.
func (t *Tree) HasResources(provider string, classes ...string) (bool, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return false, err
	}
	have := r.devices.wire()
	for _, class := range classes {
		if len(have[class]) == 0 {
			return false, nil
		}
	}
	return len(have) > 0, nil
}

// ResourcesChanged reports whether the devices given, metadata included,
// differ from those of the provider.
func (t *Tree) ResourcesChanged(provider string, resources map[string][]wire.Device) (bool, error) {
	r, given, err := t.resources(provider, resources)
	if err != nil {
		return false, err
	}
	return !maps.Equal(r.devices, given), nil
}

// SetResources replaces all named devices of a provider, by class.
func (t *Tree) SetResources(provider string, resources map[string][]wire.Device) error {
	return t.changeResources(provider, resources, func(_, given devices) devices { return given })
}

// AddResources adds named devices; the metadata of one that is there is
// replaced.
func (t *Tree) AddResources(provider string, resources map[string][]wire.Device) error {
	return t.changeResources(provider, resources, func(have, given devices) devices {
		merged := maps.Clone(have)
		maps.Copy(merged, given)
		return merged
	})
}

// RemoveResources removes named devices, whatever their metadata; those that
// are not there are ignored.
func (t *Tree) RemoveResources(provider string, resources map[string][]wire.Device) error {
	return t.changeResources(provider, resources, func(have, given devices) devices {
		left := maps.Clone(have)
		maps.DeleteFunc(left, func(d device, _ string) bool {
			_, gone := given[d]
			return gone
		})
		return left
	})
}

func (t *Tree) resources(provider string, resources map[string][]wire.Device) (*record, devices, *Error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return nil, nil, err
	}
	given, err := checkResources("", resources)
	return r, given, err
}

func (t *Tree) changeResources(provider string, resources map[string][]wire.Device, combine func(have, given devices) devices) error {
	r, given, err := t.resources(provider, resources)
	if err != nil {
		return err
	}
	next := *r
	next.devices = combine(r.devices, given)
	t.replace(&next)
	return nil
}

func hasAll(have, given []string) bool {
	for _, name := range given {
		if !slices.Contains(have, name) {
			return false
		}
	}
	return len(have) > 0
}

func union(a, b []string) []string { return sortedSet(slices.Concat(a, b)) }

func without(have, given []string) []string {
	return slices.DeleteFunc(slices.Clone(have), func(name string) bool { return slices.Contains(given, name) })
}
