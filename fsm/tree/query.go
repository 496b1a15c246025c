package tree

import (
	"cmp"
	"iter"
	"slices"
)

// Provider is a provider of one state: a small handle, valid as long as
// needed. The zero Provider is not usable.
type Provider struct {
	s *State
	r *provider
}

// Find resolves a reference.
func (s *State) Find(r Ref) (Provider, bool) {
	p, ok := s.find(r)
	return Provider{s, p}, ok
}

// UUID is the provider's identity.
func (p Provider) UUID() UUID { return p.r.uuid }

// Name is the provider's unique name.
func (p Provider) Name() string { return p.r.name }

// Generation counts the changes of what the provider has.
func (p Provider) Generation() uint64 { return p.r.generation }

// CreatedAt and UpdatedAt are the times of the first and last transaction that
// wrote the record.
func (p Provider) CreatedAt() Time { return p.r.created }

// UpdatedAt is the time of the last transaction that wrote the record.
func (p Provider) UpdatedAt() Time { return p.r.updated }

// Number is the provider's place in the order of creation.
func (p Provider) Number() uint32 { return p.r.number }

// Parent returns the provider above, or false for a root.
func (p Provider) Parent() (Provider, bool) {
	parent, ok := p.s.providers.get(p.r.parent)
	return Provider{p.s, parent}, ok
}

// Root returns the top of the provider's tree, itself for a root.
func (p Provider) Root() Provider { return Provider{p.s, p.s.record(p.r.root)} }

// IsRoot reports whether nothing is above the provider.
func (p Provider) IsRoot() bool { return p.r.parent == 0 }

// Children are the providers directly below, in order of creation.
func (p Provider) Children() iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		seconds(&p.s.children, p.r.number, func(n uint32) bool {
			return yield(Provider{p.s, p.s.record(n)})
		})
	}
}

// Subtree is the provider and all its descendants, parents before children.
func (p Provider) Subtree() []Provider {
	numbers := p.s.subtree(p.r.number)
	all := make([]Provider, len(numbers))
	for i, n := range numbers {
		all[i] = Provider{p.s, p.s.record(n)}
	}
	return all
}

// InventoryUsage is an inventory by its class's name, with what is used of it.
type InventoryUsage struct {
	Class string
	Inventory
	Used int64
}

// Inventories are the provider's inventories in class order.
func (p Provider) Inventories() []InventoryUsage {
	all := make([]InventoryUsage, len(p.r.inventories))
	for i, inv := range p.r.inventories {
		all[i] = InventoryUsage{p.s.classes.name(inv.class), inv.public(), inv.used}
	}
	return all
}

// Inventory returns the inventory of one class.
func (p Provider) Inventory(class string) (InventoryUsage, bool) {
	number, ok := p.s.classes.number(class)
	if !ok {
		return InventoryUsage{}, false
	}
	i, ok := p.r.inventoryOf(number)
	if !ok {
		return InventoryUsage{}, false
	}
	inv := p.r.inventories[i]
	return InventoryUsage{class, inv.public(), inv.used}, true
}

// Traits are the names of the provider's traits in trait order.
func (p Provider) Traits() []string {
	names := make([]string, len(p.r.traits))
	for i, number := range p.r.traits {
		names[i] = p.s.traits.name(number)
	}
	return names
}

// HasTrait reports whether the provider has the trait.
func (p Provider) HasTrait(name string) bool {
	number, ok := p.s.traits.number(name)
	return ok && containsTrait(p.r.traits, number)
}

// Aggregates are the provider's aggregates, sorted.
func (p Provider) Aggregates() []UUID { return slices.Clone(p.r.aggregates) }

// InAggregate reports whether the provider is a member of the aggregate.
func (p Provider) InAggregate(a UUID) bool { return containsUUID(p.r.aggregates, a) }

// Devices are the provider's named devices by class and identifier.
func (p Provider) Devices() []Device {
	all := make([]Device, len(p.r.devices))
	for i, d := range p.r.devices {
		all[i] = Device{p.s.classes.name(d.class), d.identifier, d.metadata}
	}
	return all
}

// InventoryChanged reports whether the given inventories differ from the
// provider's, usage aside.
func (p Provider) InventoryChanged(given []InventoryOf) bool {
	have := make([]InventoryOf, len(p.r.inventories))
	for i, inv := range p.r.inventories {
		have[i] = InventoryOf{p.s.classes.name(inv.class), inv.public()}
	}
	byClass := func(a, b InventoryOf) int { return cmp.Compare(a.Class, b.Class) }
	return !slices.Equal(slices.SortedFunc(slices.Values(have), byClass), slices.SortedFunc(slices.Values(given), byClass))
}

// TraitsChanged reports whether the given traits differ from the provider's.
func (p Provider) TraitsChanged(given []string) bool {
	return !slices.Equal(sortedSet(p.Traits(), cmp.Compare), sortedSet(given, cmp.Compare))
}

// AggregatesChanged reports whether the given aggregates differ from the
// provider's.
func (p Provider) AggregatesChanged(given []UUID) bool {
	return !slices.Equal(p.r.aggregates, sortedSet(given, compareUUID))
}

// DevicesChanged reports whether the given devices, metadata included, differ
// from the provider's.
func (p Provider) DevicesChanged(given []Device) bool {
	order := func(a, b Device) int {
		return cmp.Or(cmp.Compare(a.Class, b.Class), cmp.Compare(a.Identifier, b.Identifier), cmp.Compare(a.Metadata, b.Metadata))
	}
	return !slices.Equal(sortedSet(p.Devices(), order), sortedSet(given, order))
}

func sortedSet[T comparable](list []T, order func(a, b T) int) []T {
	return slices.Compact(slices.SortedFunc(slices.Values(list), order))
}

// TreeShares reports whether the tree that the provider belongs to has one
// with inventory of the class that it shares with other trees.
func (p Provider) TreeShares(class string) bool {
	for _, member := range p.Root().Subtree() {
		if _, ok := member.Inventory(class); ok && member.HasTrait(sharingTrait) {
			return true
		}
	}
	return false
}

// Claims are the consumers with allocations on the provider, by UUID, from the
// one after the given UUID on.
func (p Provider) Claims(after UUID) iter.Seq[Consumer] {
	return func(yield func(Consumer) bool) {
		p.s.claims.ascend(claimKey{p.r.number, after}, func(k claimKey, _ struct{}) bool {
			if k.provider != p.r.number {
				return false
			}
			if k.consumer == after {
				return true
			}
			c, _ := p.s.consumer(k.consumer)
			return yield(Consumer{p.s, c, k.consumer})
		})
	}
}

// Providers are all providers in order of creation, from the one after the
// given number on (0: from the start).
func (s *State) Providers(after uint32) iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		s.providers.ascend(after, func(n uint32, r *provider) bool {
			return n == after || yield(Provider{s, r})
		})
	}
}

// Roots are the providers without a parent, in order of creation, from the one
// after the given number on.
func (s *State) Roots(after uint32) iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		s.children.ascend(pairOf(0, after), func(p pair, _ struct{}) bool {
			if p.first() != 0 {
				return false
			}
			return p.second() == after || yield(Provider{s, s.record(p.second())})
		})
	}
}

// ProvidersWithTrait are the providers that have the trait, in order of
// creation, from the one after the given number on.
func (s *State) ProvidersWithTrait(name string, after uint32) iter.Seq[Provider] {
	return s.indexed(&s.traits, &s.byTrait, name, after)
}

// ProvidersWithClass are the providers that have an inventory or a device of
// the class, in order of creation, from the one after the given number on.
func (s *State) ProvidersWithClass(name string, after uint32) iter.Seq[Provider] {
	return s.indexed(&s.classes, &s.byClass, name, after)
}

func (s *State) indexed(v *vocabulary, t *table[pair, struct{}], name string, after uint32) iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		number, ok := v.number(name)
		if !ok {
			return
		}
		t.ascend(pairOf(number, after), func(p pair, _ struct{}) bool {
			if p.first() != number {
				return false
			}
			return p.second() == after || yield(Provider{s, s.record(p.second())})
		})
	}
}

// ProvidersInAggregate are the members of the aggregate, in order of creation,
// from the one after the given number on.
func (s *State) ProvidersInAggregate(a UUID, after uint32) iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		s.byAggregate.ascend(aggregateKey{a, after}, func(k aggregateKey) bool {
			if k.aggregate != a {
				return false
			}
			return k.provider == after || yield(Provider{s, s.record(k.provider)})
		})
	}
}

// Consumer is a consumer of one state: a small handle.
type Consumer struct {
	s    *State
	r    *consumer
	uuid UUID
}

// FindConsumer returns the consumer, or false while it has no allocations.
func (s *State) FindConsumer(uuid UUID) (Consumer, bool) {
	c, ok := s.consumer(uuid)
	return Consumer{s, c, uuid}, ok
}

// Consumers are all consumers by UUID, from the one after the given on.
func (s *State) Consumers(after UUID) iter.Seq[Consumer] {
	return func(yield func(Consumer) bool) {
		s.consumers.ascend(after, func(uuid UUID, c *consumer) bool {
			return uuid == after || yield(Consumer{s, c, uuid})
		})
	}
}

// UUID is the consumer's identity.
func (c Consumer) UUID() UUID { return c.uuid }

// Project is the project the consumer belongs to; empty when none was given.
func (c Consumer) Project() string { return c.r.owner.Value().project }

// User is the user the consumer belongs to; empty when none was given.
func (c Consumer) User() string { return c.r.owner.Value().user }

// Type is the consumer's type; empty when none was given.
func (c Consumer) Type() string { return c.r.owner.Value().kind }

// Generation counts the claims made for the consumer.
func (c Consumer) Generation() uint64 { return c.r.generation }

// CreatedAt is the time of the consumer's first claim.
func (c Consumer) CreatedAt() Time { return c.r.created }

// UpdatedAt is the time of the consumer's last claim.
func (c Consumer) UpdatedAt() Time { return c.r.updated }

// Allocation is an amount of a class of a provider.
type Allocation struct {
	Provider Provider
	Class    string
	Amount   int64
}

// Allocations are what the consumer holds, in the order it was claimed.
func (c Consumer) Allocations() []Allocation {
	all := make([]Allocation, len(c.r.allocations))
	for i, a := range c.r.allocations {
		all[i] = Allocation{Provider{c.s, c.s.record(a.provider)}, c.s.classes.name(a.class), a.amount}
	}
	return all
}

// ResourceClasses are the names of all resource classes in number order.
func (s *State) ResourceClasses() []string { return s.classes.names() }

// Traits are the names of all traits in number order.
func (s *State) Traits() []string { return s.traits.names() }

// HasResourceClass reports whether the class exists.
func (s *State) HasResourceClass(name string) bool { _, ok := s.classes.number(name); return ok }

// HasTrait reports whether the trait exists.
func (s *State) HasTrait(name string) bool { _, ok := s.traits.number(name); return ok }

func (v *vocabulary) names() []string {
	all := make([]string, 0, v.byNumber.len())
	v.byNumber.ascend(0, func(_ uint32, t term) bool {
		all = append(all, t.name)
		return true
	})
	return all
}
