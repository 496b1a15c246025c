package tree

import "iter"

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
		s.consumers.ascend(UUID{}, func(uuid UUID, c *consumer) bool {
			allocations = allocations[:0]
			for _, a := range c.allocations {
				allocations = append(allocations, AllocationRecord{a.provider, a.class, a.amount})
			}
			whose := c.owner.Value()
			return yield(ConsumerRecord{
				uuid, whose.project, whose.user, whose.kind, c.generation, c.created, c.updated, allocations,
			})
		})
	}
}
