package tree

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// model is the domain once more, as plainly as can be: maps that are copied
// whole, no index, no number but for the order, sums done anew each time. The
// random histories compare it with State.
type model struct {
	revision  uint64
	next      uint32
	at        Time
	classes   map[string]bool
	traits    map[string]bool
	providers map[UUID]*modelProvider
	consumers map[UUID]*modelConsumer
}

type modelProvider struct {
	uuid             UUID
	parent           UUID // zero for a root
	name             string
	number           uint32
	generation       uint64
	created, updated Time
	inventories      map[string]Inventory
	traits           map[string]bool
	aggregates       map[UUID]bool
	devices          map[modelDevice]string // its metadata
}

type modelDevice struct{ class, identifier string }

type modelConsumer struct {
	uuid                UUID
	project, user, kind string
	generation          uint64
	created, updated    Time
	allocations         []modelAllocation
}

type modelAllocation struct {
	provider UUID
	class    string
	amount   int64
}

func newModel() *model {
	m := &model{
		next: 1, classes: map[string]bool{}, traits: map[string]bool{},
		providers: map[UUID]*modelProvider{}, consumers: map[UUID]*modelConsumer{},
	}
	for _, name := range StandardResourceClasses() {
		m.classes[name] = true
	}
	for _, name := range StandardTraits() {
		m.traits[name] = true
	}
	return m
}

func (m *model) clone() *model {
	c := *m
	c.classes, c.traits = maps.Clone(m.classes), maps.Clone(m.traits)
	c.providers, c.consumers = map[UUID]*modelProvider{}, map[UUID]*modelConsumer{}
	for uuid, p := range m.providers {
		q := *p
		q.inventories, q.traits = maps.Clone(p.inventories), maps.Clone(p.traits)
		q.aggregates, q.devices = maps.Clone(p.aggregates), maps.Clone(p.devices)
		c.providers[uuid] = &q
	}
	for uuid, k := range m.consumers {
		q := *k
		q.allocations = slices.Clone(k.allocations)
		c.consumers[uuid] = &q
	}
	return &c
}

// apply is State.Apply: the next model, or the code of the refusal and the
// index of the operation.
func (m *model) apply(at Time, txn Txn) (*model, Code, int) {
	for _, p := range txn.Preconditions {
		if !m.holds(p) {
			return nil, CodeConflict, -1
		}
	}
	next := m.clone()
	next.at = at
	for i, op := range txn.Ops {
		if code := next.do(op); code != 0 {
			return nil, code, i
		}
	}
	next.revision++
	return next, 0, -1
}

func (m *model) holds(c Precondition) bool {
	p, k := m.find(c.Provider), m.consumers[c.Consumer]
	switch c.Kind {
	case StateRevision:
		return m.revision == c.Value
	case ProviderGeneration:
		return p != nil && p.generation == c.Value
	case ProviderAbsent:
		return p == nil
	case ConsumerGeneration:
		return k != nil && k.generation == c.Value
	case ConsumerAbsent:
		return k == nil
	case ProviderParent:
		if p == nil || c.Parent.IsZero() {
			return p != nil && p.parent.IsZero()
		}
		parent := m.find(c.Parent)
		return parent != nil && parent.uuid == p.parent
	}
	return false
}

func (m *model) find(r Ref) *modelProvider {
	if p, ok := m.providers[r.UUID]; ok {
		return p
	}
	return m.named(r.Name)
}

func (m *model) named(name string) *modelProvider {
	for _, p := range m.providers {
		if p.name == name {
			return p
		}
	}
	return nil
}

// inOrder are the providers in the order of their creation.
func (m *model) inOrder() []*modelProvider {
	return slices.SortedFunc(maps.Values(m.providers), func(a, b *modelProvider) int { return cmp.Compare(a.number, b.number) })
}

// below reports whether p is top or hangs below it.
func (m *model) below(p *modelProvider, top UUID) bool {
	for ; p != nil; p = m.providers[p.parent] {
		if p.uuid == top {
			return true
		}
	}
	return false
}

func (m *model) roots() map[UUID]UUID {
	roots := map[UUID]UUID{}
	for uuid, p := range m.providers {
		for p.parent != (UUID{}) {
			p = m.providers[p.parent]
		}
		roots[uuid] = p.uuid
	}
	return roots
}

// rerooted notes the write of every provider whose root is another than before.
func (m *model) rerooted(before map[UUID]UUID) {
	for uuid, root := range m.roots() {
		if was, ok := before[uuid]; ok && was != root {
			m.providers[uuid].updated = m.at
		}
	}
}

func (m *model) used(provider UUID, class string) (sum int64) {
	for _, k := range m.consumers {
		for _, a := range k.allocations {
			if a.provider == provider && (class == "" || a.class == class) {
				sum += a.amount
			}
		}
	}
	return sum
}

// content tells a model, and content a state, in the same words.
func (m *model) content() string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", m.revision)
	for _, name := range slices.Sorted(maps.Keys(m.classes)) {
		fmt.Fprintf(&b, "%s ", name)
	}
	for _, name := range slices.Sorted(maps.Keys(m.traits)) {
		fmt.Fprintf(&b, "%s ", name)
	}
	roots := m.roots()
	for _, p := range m.inOrder() {
		fmt.Fprintf(&b, "\nprovider %d %s %s parent %s root %s generation %d times %d %d\n",
			p.number, p.uuid, p.name, p.parent, roots[p.uuid], p.generation, p.created, p.updated)
		for _, class := range slices.Sorted(maps.Keys(p.inventories)) {
			fmt.Fprintf(&b, " %s %v used %d;", class, p.inventories[class], m.used(p.uuid, class))
		}
		fmt.Fprintf(&b, " %s %s;", slices.Sorted(maps.Keys(p.traits)), slices.SortedFunc(maps.Keys(p.aggregates), compareUUID))
		for _, d := range slices.SortedFunc(maps.Keys(p.devices), func(a, b modelDevice) int {
			return cmp.Or(cmp.Compare(a.class, b.class), cmp.Compare(a.identifier, b.identifier))
		}) {
			fmt.Fprintf(&b, " %s %s %q;", d.class, d.identifier, p.devices[d])
		}
	}
	for _, uuid := range slices.SortedFunc(maps.Keys(m.consumers), compareUUID) {
		k := m.consumers[uuid]
		fmt.Fprintf(&b, "\nconsumer %s %q %q %q generation %d times %d %d\n", k.uuid, k.project, k.user, k.kind, k.generation, k.created, k.updated)
		for _, a := range k.allocations {
			fmt.Fprintf(&b, " %s %s %d;", a.provider, a.class, a.amount)
		}
	}
	return b.String()
}

func content(s *State) string {
	var b strings.Builder
	fmt.Fprintf(&b, "revision %d\n", s.Revision())
	for _, name := range slices.Concat(slices.Sorted(slices.Values(s.ResourceClasses())), slices.Sorted(slices.Values(s.Traits()))) {
		fmt.Fprintf(&b, "%s ", name)
	}
	for p := range s.Providers(0) {
		var above UUID
		if parent, ok := p.Parent(); ok {
			above = parent.UUID()
		}
		fmt.Fprintf(&b, "\nprovider %d %s %s parent %s root %s generation %d times %d %d\n",
			p.Number(), p.UUID(), p.Name(), above, p.Root().UUID(), p.Generation(), p.CreatedAt(), p.UpdatedAt())
		for _, i := range slices.SortedFunc(slices.Values(p.Inventories()), func(a, b InventoryUsage) int { return cmp.Compare(a.Class, b.Class) }) {
			fmt.Fprintf(&b, " %s %v used %d;", i.Class, i.Inventory, i.Used)
		}
		fmt.Fprintf(&b, " %s %s;", slices.Sorted(slices.Values(p.Traits())), p.Aggregates())
		for _, d := range slices.SortedFunc(slices.Values(p.Devices()), func(a, b Device) int {
			return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Identifier, b.Identifier))
		}) {
			fmt.Fprintf(&b, " %s %s %q;", d.Class, d.Identifier, d.Metadata)
		}
	}
	for k := range s.Consumers(UUID{}) {
		fmt.Fprintf(&b, "\nconsumer %s %q %q %q generation %d times %d %d\n", k.UUID(), k.Project(), k.User(), k.Type(), k.Generation(), k.CreatedAt(), k.UpdatedAt())
		for _, a := range k.Allocations() {
			fmt.Fprintf(&b, " %s %s %d;", a.Provider.UUID(), a.Class, a.Amount)
		}
	}
	return b.String()
}
