package tree

import (
	"maps"
	"slices"
	"strings"
)

// do executes an operation on the model and returns the code of the refusal,
// or 0. A refused model is thrown away.
func (m *model) do(op Op) Code {
	switch o := op.(type) {
	case CreateProvider:
		return m.create(o)
	case RemoveProvider:
		return m.remove(o)
	case RenameProvider:
		return m.rename(o)
	case MoveProvider:
		return m.move(o)
	case Populate:
		return m.populate(o.Providers)
	case SetInventories:
		return m.on(o.Provider, func(p *modelProvider) Code { return m.setInventories(p, o.Inventories) })
	case PutInventories:
		return m.on(o.Provider, func(p *modelProvider) Code { return m.putInventories(p, o) })
	case RemoveInventories:
		return m.on(o.Provider, func(p *modelProvider) Code { return m.removeInventories(p, o.Classes) })
	case ChangeTraits:
		return m.on(o.Provider, func(p *modelProvider) Code { return m.changeTraits(p, o.Mode, o.Traits) })
	case ChangeAggregates:
		return m.on(o.Provider, func(p *modelProvider) Code {
			code := m.changeAggregates(p, o.Mode, o.Aggregates)
			if !o.KeepGeneration {
				p.generation++
			}
			p.updated = m.at
			return code
		})
	case ChangeResources:
		return m.on(o.Provider, func(p *modelProvider) Code { return m.changeDevices(p, o.Mode, o.Devices) })
	case Claim:
		if len(o.Consumers) == 0 {
			return CodeInvalid
		}
		return m.claim(o.Consumers, true)
	case Release:
		return m.release(o.Consumers)
	case Reshape:
		return m.reshape(o)
	case CreateResourceClass:
		return createTerm(m.classes, o.Class)
	case CreateTrait:
		return createTerm(m.traits, o.Trait)
	case RenameResourceClass:
		return m.renameClass(o)
	case RemoveResourceClass:
		return removeTerm(m.classes, o.Class, CodeClassNotFound, CodeClassInUse, func(p *modelProvider) bool {
			_, ok := p.inventories[o.Class]
			return ok || slices.ContainsFunc(slices.Collect(maps.Keys(p.devices)), func(d modelDevice) bool { return d.class == o.Class })
		}, m)
	case RemoveTrait:
		return removeTerm(m.traits, o.Trait, CodeTraitNotFound, CodeTraitInUse, func(p *modelProvider) bool { return p.traits[o.Trait] }, m)
	case RaiseGenerations:
		return m.raise(o)
	}
	panic("the model does not know " + op.Kind())
}

func (m *model) raise(o RaiseGenerations) Code {
	if len(o.Providers)+len(o.Consumers) == 0 {
		return CodeInvalid
	}
	for _, list := range [][]Generation{o.Providers, o.Consumers} {
		once := map[UUID]bool{{}: true}
		for _, g := range list {
			if once[g.UUID] || int64(g.Generation) < 0 {
				return CodeInvalid
			}
			once[g.UUID] = true
		}
	}
	for _, g := range o.Providers {
		p := m.providers[g.UUID]
		if p == nil {
			return CodeProviderNotFound
		}
		if p.generation < g.Generation {
			p.generation, p.updated = g.Generation, m.at
		}
	}
	for _, g := range o.Consumers {
		k := m.consumers[g.UUID]
		if k == nil {
			return CodeConsumerNotFound
		}
		if k.generation < g.Generation {
			k.generation, k.updated = g.Generation, m.at
		}
	}
	return 0
}

func (m *model) on(r Ref, f func(*modelProvider) Code) Code {
	if r.IsZero() {
		return CodeInvalid
	}
	p := m.find(r)
	if p == nil {
		return CodeProviderNotFound
	}
	return f(p)
}

func (m *model) add(uuid UUID, name string, parent UUID) {
	m.providers[uuid] = &modelProvider{
		uuid: uuid, parent: parent, name: name, number: m.next, created: m.at, updated: m.at,
		inventories: map[string]Inventory{}, traits: map[string]bool{}, aggregates: map[UUID]bool{}, devices: map[modelDevice]string{},
	}
	m.next++
}

func (m *model) create(o CreateProvider) Code {
	parent := m.find(o.Parent)
	switch {
	case parent == nil && !o.Parent.IsZero():
		return CodeProviderNotFound
	case o.UUID.IsZero() || o.Name == "":
		return CodeInvalid
	case m.providers[o.UUID] != nil:
		return CodeProviderExists
	case m.named(o.Name) != nil:
		return CodeDuplicateName
	case parent == nil:
		parent = &modelProvider{}
	}
	m.add(o.UUID, o.Name, parent.uuid)
	return 0
}

func (m *model) remove(o RemoveProvider) Code {
	return m.on(o.Provider, func(top *modelProvider) Code {
		var gone []*modelProvider
		for _, p := range m.providers {
			if m.below(p, top.uuid) {
				gone = append(gone, p)
			}
		}
		if len(gone) > 1 && !o.Subtree {
			return CodeProviderHasChild
		}
		for _, p := range gone {
			if m.used(p.uuid, "") > 0 {
				return CodeProviderInUse
			}
			delete(m.providers, p.uuid)
		}
		return 0
	})
}

func (m *model) rename(o RenameProvider) Code {
	return m.on(o.Provider, func(p *modelProvider) Code {
		switch {
		case o.NewName == "":
			return CodeInvalid
		case p.name == o.NewName:
			return 0
		case m.named(o.NewName) != nil:
			return CodeDuplicateName
		}
		p.name, p.updated = o.NewName, m.at
		return 0
	})
}

func (m *model) move(o MoveProvider) Code {
	return m.on(o.Provider, func(p *modelProvider) Code {
		parent := m.find(o.Parent)
		switch {
		case o.Parent.IsZero():
			parent = &modelProvider{}
		case parent == nil:
			return CodeProviderNotFound
		case m.below(parent, p.uuid):
			return CodeLoop
		}
		if p.parent != parent.uuid {
			before := m.roots()
			p.parent, p.updated = parent.uuid, m.at
			m.rerooted(before)
		}
		return 0
	})
}

// inventories checks what an operation gives.
func (m *model) inventories(given []InventoryOf) (map[string]Inventory, Code) {
	all := map[string]Inventory{}
	for _, g := range given {
		switch r := g.Ratio.Float64(); {
		case !m.classes[g.Class]:
			return nil, CodeClassNotFound
		case g.Total < 1 || g.Reserved < 0 || g.Reserved > g.Total || g.MinUnit < 1 || g.MaxUnit < 1 || g.StepSize < 1 || !(r >= 0):
			return nil, CodeInvalid
		}
		all[g.Class] = g.Inventory
	}
	if len(all) < len(given) {
		return nil, CodeInvalid
	}
	return all, 0
}

func (m *model) setInventories(p *modelProvider, given []InventoryOf) Code {
	all, code := m.inventories(given)
	if code != 0 {
		return code
	}
	return m.become(p, all)
}

// become replaces all inventories and counts a generation.
func (m *model) become(p *modelProvider, all map[string]Inventory) Code {
	for class := range p.inventories {
		if _, ok := all[class]; !ok && m.used(p.uuid, class) > 0 {
			return CodeInventoryInUse
		}
	}
	p.inventories, p.updated = all, m.at
	p.generation++
	return 0
}

func (m *model) putInventories(p *modelProvider, o PutInventories) Code {
	given, code := m.inventories(o.Inventories)
	if code != 0 {
		return code
	}
	if len(given) == 0 {
		return CodeInvalid
	}
	all := maps.Clone(p.inventories)
	for class, g := range given {
		_, had := all[class]
		if had && o.Mode == AddOnly {
			return CodeInventoryExists
		}
		if !had && o.Mode == UpdateOnly {
			return CodeInventoryNotFound
		}
		all[class] = g
	}
	return m.become(p, all)
}

func (m *model) removeInventories(p *modelProvider, classes []string) Code {
	if len(classes) == 0 {
		return CodeInvalid
	}
	all := maps.Clone(p.inventories)
	for _, class := range classes {
		if !m.classes[class] {
			return CodeClassNotFound
		}
		if _, ok := all[class]; !ok {
			return CodeInventoryNotFound
		}
		delete(all, class)
	}
	return m.become(p, all)
}

func change[K comparable](mode ChangeMode, have map[K]bool, given []K) map[K]bool {
	all := maps.Clone(have)
	if mode == Set {
		all = map[K]bool{}
	}
	for _, g := range given {
		if mode == Remove {
			delete(all, g)
		} else {
			all[g] = true
		}
	}
	return all
}

func (m *model) changeTraits(p *modelProvider, mode ChangeMode, given []string) Code {
	for _, name := range given {
		if !m.traits[name] {
			return CodeTraitNotFound
		}
	}
	if all := change(mode, p.traits, given); !maps.Equal(all, p.traits) {
		p.traits, p.updated = all, m.at
		p.generation++
	}
	return 0
}

func (m *model) changeAggregates(p *modelProvider, mode ChangeMode, given []UUID) Code {
	if slices.Contains(given, UUID{}) {
		return CodeInvalid
	}
	p.aggregates = change(mode, p.aggregates, given)
	return 0
}

func (m *model) changeDevices(p *modelProvider, mode ChangeMode, given []Device) Code {
	list := map[modelDevice]string{}
	for _, g := range given {
		if !m.classes[g.Class] {
			return CodeClassNotFound
		}
		if g.Identifier == "" {
			return CodeInvalid
		}
		list[modelDevice{g.Class, g.Identifier}] = g.Metadata
	}
	if len(list) < len(given) {
		return CodeInvalid
	}
	all := maps.Clone(p.devices)
	if mode == Set {
		all = map[modelDevice]string{}
	}
	for d, metadata := range list {
		if mode == Remove {
			delete(all, d)
		} else {
			all[d] = metadata
		}
	}
	if !maps.Equal(all, p.devices) {
		p.devices, p.updated = all, m.at
		p.generation++
	}
	return 0
}

func createTerm(terms map[string]bool, name string) Code {
	if !terms[name] && !strings.HasPrefix(name, customPrefix) {
		return CodeInvalid
	}
	terms[name] = true
	return 0
}

func removeTerm(terms map[string]bool, name string, missing, inUse Code, uses func(*modelProvider) bool, m *model) Code {
	if !terms[name] {
		return missing
	}
	if !strings.HasPrefix(name, customPrefix) {
		return CodeInvalid
	}
	for _, p := range m.providers {
		if uses(p) {
			return inUse
		}
	}
	delete(terms, name)
	return 0
}

func (m *model) renameClass(o RenameResourceClass) Code {
	switch {
	case !m.classes[o.Class]:
		return CodeClassNotFound
	case !strings.HasPrefix(o.Class, customPrefix) || !strings.HasPrefix(o.NewName, customPrefix):
		return CodeInvalid
	case m.classes[o.NewName]:
		return CodeClassExists
	}
	delete(m.classes, o.Class)
	m.classes[o.NewName] = true
	for _, p := range m.providers {
		if i, ok := p.inventories[o.Class]; ok {
			delete(p.inventories, o.Class)
			p.inventories[o.NewName] = i
		}
		for d, metadata := range maps.Clone(p.devices) {
			if d.class == o.Class {
				delete(p.devices, d)
				p.devices[modelDevice{o.NewName, d.identifier}] = metadata
			}
		}
	}
	for _, k := range m.consumers {
		for i := range k.allocations {
			if k.allocations[i].class == o.Class {
				k.allocations[i].class = o.NewName
			}
		}
	}
	return 0
}
