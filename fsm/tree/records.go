package tree

import (
	"fmt"
	"iter"
)

// The records below are the canonical content of a state: what snapshots and
// digests are made of, in a fixed order, indexes left out. Package fsm gives
// them their bytes.

// Meta is what a state holds besides its records.
type Meta struct {
	Revision     uint64
	NextProvider uint32
	NextClass    uint32
	NextTrait    uint32
}

// TermRecord is a resource class or a trait.
type TermRecord struct {
	Number           uint32
	Name             string
	Created, Updated Time
}

// ProviderRecord is a provider. Classes, traits and providers are by number.
type ProviderRecord struct {
	Number, Parent, Root uint32
	UUID                 UUID
	Name                 string
	Generation           uint64
	Created, Updated     Time
	Inventories          []InventoryRecord
	Traits               []uint32
	Aggregates           []UUID
	Devices              []DeviceRecord
}

// InventoryRecord is an inventory with its usage.
type InventoryRecord struct {
	Class uint32
	Inventory
	Used int64
}

// DeviceRecord is a named device.
type DeviceRecord struct {
	Class                uint32
	Identifier, Metadata string
}

// ConsumerRecord is a consumer with its allocations.
type ConsumerRecord struct {
	UUID                UUID
	Project, User, Type string
	Generation          uint64
	Created, Updated    Time
	Allocations         []AllocationRecord
}

// AllocationRecord is an allocation.
type AllocationRecord struct {
	Provider, Class uint32
	Amount          int64
}

// Meta returns what the state holds besides its records.
func (s *State) Meta() Meta {
	return Meta{s.revision, s.nextProvider, s.classes.next, s.traits.next}
}

// ClassRecords are the resource classes by number.
func (s *State) ClassRecords() iter.Seq[TermRecord] { return s.classes.records() }

// TraitRecords are the traits by number.
func (s *State) TraitRecords() iter.Seq[TermRecord] { return s.traits.records() }

func (v *vocabulary) records() iter.Seq[TermRecord] {
	return func(yield func(TermRecord) bool) {
		v.byNumber.ascend(0, func(n uint32, t term) bool {
			return yield(TermRecord{n, t.name, t.created, t.updated})
		})
	}
}

// ProviderRecords are the providers by number. The slices of a record must not
// be kept or changed.
func (s *State) ProviderRecords() iter.Seq[ProviderRecord] {
	return func(yield func(ProviderRecord) bool) {
		var inventories []InventoryRecord
		var devices []DeviceRecord
		s.providers.ascend(0, func(_ uint32, p *provider) bool {
			inventories, devices = inventories[:0], devices[:0]
			for _, i := range p.inventories {
				inventories = append(inventories, InventoryRecord{i.class, i.public(), i.used})
			}
			for _, d := range p.devices {
				devices = append(devices, DeviceRecord{d.class, d.identifier, d.metadata})
			}
			return yield(ProviderRecord{
				p.number, p.parent, p.root, p.uuid, p.name, p.generation, p.created, p.updated,
				inventories, p.traits, p.aggregates, devices,
			})
		})
	}
}

// ConsumerRecords are the consumers by UUID. The slices of a record must not
// be kept or changed.
func (s *State) ConsumerRecords() iter.Seq[ConsumerRecord] {
	return func(yield func(ConsumerRecord) bool) {
		var allocations []AllocationRecord
		s.consumers.ascend(&consumer{}, func(c *consumer) bool {
			allocations = allocations[:0]
			for _, a := range c.allocations {
				allocations = append(allocations, AllocationRecord{a.provider, a.class, a.amount})
			}
			return yield(ConsumerRecord{
				c.uuid, c.project, c.user, c.kind, c.generation, c.created, c.updated, allocations,
			})
		})
	}
}

// Builder makes a state from records, as a snapshot has them. Add records in
// the order of the methods of State: classes, traits, providers, consumers.
type Builder struct {
	s   *State
	err error // the first record that can't be kept as it is
}

// NewBuilder starts a state.
func NewBuilder(m Meta) *Builder {
	t := newTables()
	t.classes, t.traits = newVocabulary(nil), newVocabulary(nil)
	t.nextProvider, t.classes.next, t.traits.next = m.NextProvider, m.NextClass, m.NextTrait
	return &Builder{s: &State{tables: t, revision: m.Revision}}
}

// AddClass adds a resource class.
func (b *Builder) AddClass(r TermRecord) { b.addTerm("class", &b.s.classes, r) }

// AddTrait adds a trait.
func (b *Builder) AddTrait(r TermRecord) { b.addTerm("trait", &b.s.traits, r) }

// fail keeps the first error for Build.
func (b *Builder) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf("state records: "+format, args...)
	}
}

func (b *Builder) addTerm(kind string, v *vocabulary, r TermRecord) {
	_, number := v.byNumber.get(r.Number)
	if _, name := v.byName.get(r.Name); number || name {
		b.fail("%s %d (%s) is there twice", kind, r.Number, r.Name)
	}
	v.byNumber.set(r.Number, term{r.Name, r.Created, r.Updated})
	v.byName.set(r.Name, r.Number)
}

// AddProvider adds a provider. The record's slices are copied.
func (b *Builder) AddProvider(r ProviderRecord) {
	s := b.s
	if _, ok := s.providers.get(r.Number); ok {
		b.fail("provider %d is there twice", r.Number)
	}
	p := &provider{
		number: r.Number, parent: r.Parent, root: r.Root, uuid: r.UUID, name: r.Name,
		generation: r.Generation, created: r.Created, updated: r.Updated,
		traits:     append([]uint32(nil), r.Traits...),
		aggregates: append([]UUID(nil), r.Aggregates...),
	}
	if len(r.Inventories) > 0 {
		p.inventories = make([]inventory, len(r.Inventories))
	}
	for i, inv := range r.Inventories {
		if err := inv.check("inventory"); err != nil {
			b.fail("provider %d has inventory of class %d: %w", r.Number, inv.Class, err)
		}
		p.inventories[i] = inventory{
			class: inv.Class,
			total: int32(inv.Total), reserved: int32(inv.Reserved), //nolint:gosec // checked above
			minUnit: int32(inv.MinUnit), maxUnit: int32(inv.MaxUnit), //nolint:gosec // checked above
			stepSize: int32(inv.StepSize), ratio: inv.Ratio, used: inv.Used, //nolint:gosec // checked above
		}
		s.byClass.set(pairOf(inv.Class, r.Number), struct{}{})
	}
	if len(r.Devices) > 0 {
		p.devices = make([]device, len(r.Devices))
	}
	for i, d := range r.Devices {
		p.devices[i] = device{d.Class, d.Identifier, d.Metadata}
		s.byClass.set(pairOf(d.Class, r.Number), struct{}{})
	}
	for _, trait := range r.Traits {
		s.byTrait.set(pairOf(trait, r.Number), struct{}{})
	}
	for _, a := range r.Aggregates {
		s.byAggregate.put(aggregateKey{a, r.Number})
	}
	s.providers.set(r.Number, p)
	s.byUUID.put(uuidKey{r.UUID, r.Number})
	s.byName.set(r.Name, r.Number)
	s.children.set(pairOf(r.Parent, r.Number), struct{}{})
}

// AddConsumer adds a consumer. The record's slices are copied.
func (b *Builder) AddConsumer(r ConsumerRecord) {
	if _, ok := b.s.consumer(r.UUID); ok {
		b.fail("consumer %s is there twice", r.UUID)
	}
	c := &consumer{
		uuid: r.UUID, project: r.Project, user: r.User, kind: r.Type,
		generation: r.Generation, created: r.Created, updated: r.Updated,
		allocations: make([]allocation, len(r.Allocations)),
	}
	for i, a := range r.Allocations {
		c.allocations[i] = allocation{a.Provider, a.Class, a.Amount}
		b.s.claims.put(claimKey{a.Provider, r.UUID})
	}
	b.s.consumers.put(c)
}

// Build returns the state after checking every record and every invariant. The
// builder must not be used again.
func (b *Builder) Build() (*State, error) {
	if b.err != nil {
		return nil, b.err
	}
	b.s.disown()
	if err := b.s.Check(); err != nil {
		return nil, err
	}
	return b.s, nil
}
