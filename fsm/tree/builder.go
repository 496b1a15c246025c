package tree

import (
	"fmt"
	"slices"
	"strings"
	"unique"
)

// Builder makes a state from records, as a snapshot has them. Add records in
// the order of the methods of State: classes, traits, providers, consumers, and
// the last two by number and by UUID.
//
// What State.Check finds in a built state it would find in the records: indexes
// follow from them by what is written here. So each record is looked at as it
// comes, and the keys of an index that come in any order are sorted first, which
// shows those that are there twice and costs far less than a search for each.
type Builder struct {
	s   *State
	err error // the first record that can't be kept as it is

	lastProvider uint32
	lastConsumer UUID
	uuids        []uuidKey
	names        []nameKey
	held         []held
}

type uuidKey struct {
	uuid   UUID
	number uint32
}

type nameKey struct {
	name   string
	number uint32
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
	}
	if len(r.Devices) > 0 {
		p.devices = make([]device, len(r.Devices))
	}
	for i, d := range r.Devices {
		p.devices[i] = device{d.Class, d.Identifier, d.Metadata}
	}
	if err := s.checkRecord(r.Number, p); err != nil {
		b.fail("%w", err)
	}
	if r.Number <= b.lastProvider {
		b.fail("provider %d is there twice, or behind a greater one", r.Number)
	}
	if b.err != nil {
		return
	}
	b.lastProvider = r.Number
	for _, inv := range p.inventories {
		s.byClass.set(pairOf(inv.class, r.Number), struct{}{})
	}
	for _, d := range p.devices {
		s.byClass.set(pairOf(d.class, r.Number), struct{}{})
	}
	for _, trait := range p.traits {
		s.byTrait.set(pairOf(trait, r.Number), struct{}{})
	}
	for _, a := range p.aggregates {
		s.byAggregate.put(aggregateKey{a, r.Number})
	}
	s.providers.set(r.Number, p)
	s.children.load(pairOf(r.Parent, r.Number), struct{}{})
	b.uuids = append(b.uuids, uuidKey{r.UUID, r.Number})
	b.names = append(b.names, nameKey{r.Name, r.Number})
}

// AddConsumer adds a consumer. The record's slices are copied.
func (b *Builder) AddConsumer(r ConsumerRecord) {
	c := &consumer{
		owner:      unique.Make(owner{r.Project, r.User, r.Type}),
		generation: r.Generation, created: r.Created, updated: r.Updated,
		allocations: make([]allocation, len(r.Allocations)),
	}
	for i, a := range r.Allocations {
		c.allocations[i] = allocation{a.Provider, a.Class, a.Amount}
	}
	if err := c.check(r.UUID); err != nil {
		b.fail("%w", err)
	}
	if compareUUID(r.UUID, b.lastConsumer) <= 0 {
		b.fail("consumer %s is there twice, or behind a greater one", r.UUID)
	}
	if b.err != nil {
		return
	}
	b.lastConsumer = r.UUID
	for _, a := range c.allocations {
		b.held = append(b.held, held{claimKey{a.provider, r.UUID}, a.class, a.amount})
	}
	b.s.consumers.set(r.UUID, c)
}

// Build returns the state after checking every record and every invariant. The
// builder must not be used again.
func (b *Builder) Build() (*State, error) {
	b.indexUUIDs()
	b.indexNames()
	sortHeld(b.held)
	for i, h := range b.held {
		if i == 0 || b.held[i-1].claimKey != h.claimKey {
			b.s.claims.set(h.claimKey, struct{}{})
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	for _, check := range []func() error{
		b.s.checkVocabularies, b.s.checkParents, func() error { return b.s.checkUsage(b.held) },
	} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("state invariant: %w", err)
		}
	}
	b.s.disown()
	return b.s, nil
}

func (b *Builder) indexUUIDs() {
	slices.SortFunc(b.uuids, func(a, b uuidKey) int { return compareUUID(a.uuid, b.uuid) })
	for i, k := range b.uuids {
		if i > 0 && b.uuids[i-1].uuid == k.uuid {
			b.fail("UUID %s is that of two providers", k.uuid)
			return
		}
		b.s.byUUID.set(k.uuid, k.number)
	}
	b.uuids = nil
}

func (b *Builder) indexNames() {
	slices.SortFunc(b.names, func(a, b nameKey) int { return strings.Compare(a.name, b.name) })
	for i, k := range b.names {
		if i > 0 && b.names[i-1].name == k.name {
			b.fail("name %q is that of two providers", k.name)
			return
		}
		b.s.byName.load(k.name, k.number)
	}
	b.names = nil
}
