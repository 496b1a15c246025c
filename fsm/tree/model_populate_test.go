package tree

import (
	"maps"
	"slices"
)

// populate works out the tree as it will be, looks whether it is one, and only
// then fills the providers.
func (m *model) populate(list []PopulateProvider) Code {
	ids, code := m.identify(list)
	if code != 0 {
		return code
	}
	given := map[UUID]bool{}
	for _, id := range ids {
		given[id] = true
	}
	// What stays: everything but what hangs below a given one ungiven.
	end := map[UUID]*modelProvider{}
	var doomed []*modelProvider
	for uuid, p := range m.providers {
		goes := false
		for id := range given {
			goes = goes || m.below(p, id)
		}
		if goes && !given[uuid] {
			doomed = append(doomed, p)
		} else {
			q := *p
			end[uuid] = &q
		}
	}
	next := m.next
	for i, g := range list {
		if end[ids[i]] == nil {
			end[ids[i]] = &modelProvider{
				uuid: ids[i], number: next, created: m.at, updated: m.at,
				inventories: map[string]Inventory{}, traits: map[string]bool{}, aggregates: map[UUID]bool{}, devices: map[modelDevice]string{},
			}
			next++
		}
		if p := end[ids[i]]; p.name != g.Name {
			p.name, p.updated = g.Name, m.at
		}
	}
	if code := hangAll(end, list, ids, given, m.at); code != 0 {
		return code
	}
	for _, p := range doomed {
		if m.used(p.uuid, "") > 0 {
			return CodeProviderInUse
		}
	}
	names := map[string]bool{}
	for _, p := range end {
		if names[p.name] {
			return CodeDuplicateName
		}
		names[p.name] = true
	}
	before := m.roots()
	m.providers, m.next = end, next
	m.rerooted(before)
	for i, g := range list {
		if code := m.fill(m.providers[ids[i]], g); code != 0 {
			return code
		}
	}
	return 0
}

// identify finds the UUID of each provider of the list.
func (m *model) identify(list []PopulateProvider) ([]UUID, Code) {
	if len(list) == 0 {
		return nil, CodeInvalid
	}
	var ids []UUID
	names := map[string]bool{}
	for _, g := range list {
		if g.Name == "" {
			return nil, CodeInvalid
		}
		if names[g.Name] {
			return nil, CodeDuplicateName
		}
		names[g.Name] = true
		id := g.UUID
		if id.IsZero() {
			if p := m.named(g.Name); p != nil {
				id = p.uuid
			} else if id = g.NewUUID; id.IsZero() || m.providers[id] != nil {
				return nil, CodeProviderExists
			}
		}
		if slices.Contains(ids, id) {
			return nil, CodeProviderExists
		}
		ids = append(ids, id)
	}
	return ids, 0
}

// hangAll gives the listed providers their parents among those of the end.
func hangAll(end map[UUID]*modelProvider, list []PopulateProvider, ids []UUID, given map[UUID]bool, at Time) Code {
	orphan := false
	for i, g := range list {
		p, parent := end[ids[i]], (*modelProvider)(nil)
		for _, q := range end {
			if q.name == g.Parent.Name && (parent == nil || given[q.uuid]) {
				parent = q
			}
		}
		if q := end[g.Parent.UUID]; q != nil {
			parent = q
		}
		switch {
		case g.Parent.IsZero():
			parent = &modelProvider{}
		case parent == nil:
			orphan = true
			continue
		}
		if p.parent != parent.uuid {
			p.parent, p.updated = parent.uuid, at
		}
	}
	if orphan {
		return CodeOrphan
	}
	for _, p := range end {
		for steps := 0; p != nil; p = end[p.parent] {
			if steps++; steps > len(end) {
				return CodeLoop
			}
		}
	}
	return 0
}

func (m *model) fill(p *modelProvider, g PopulateProvider) Code {
	if g.Inventories != nil {
		all, code := m.inventories(*g.Inventories)
		if code == 0 && !maps.Equal(all, p.inventories) {
			code = m.become(p, all)
		}
		if code != 0 {
			return code
		}
	}
	if g.Traits != nil {
		if code := m.changeTraits(p, Set, *g.Traits); code != 0 {
			return code
		}
	}
	if g.Aggregates != nil {
		before := p.aggregates
		if code := m.changeAggregates(p, Set, *g.Aggregates); code != 0 {
			return code
		}
		if !maps.Equal(before, p.aggregates) {
			p.updated = m.at
			p.generation++
		}
	}
	if g.Resources != nil {
		return m.changeDevices(p, Set, *g.Resources)
	}
	return 0
}
