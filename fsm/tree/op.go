package tree

// An Op is one operation of a transaction: an intent, not an effect, so that
// it means the same on every replica. Ops are plain data; State.Apply executes
// them. The set is closed: package fsm encodes each kind under a number that
// is never reused.
type Op interface {
	// Kind is the operation's name on the wire, such as "create_provider".
	Kind() string
	apply(d *draft) error // in the file of the noun it is about
}

// Ref names a provider by its UUID or, where that is zero or unknown, by its
// name. Names are unique across the whole state.
type Ref struct {
	UUID UUID
	Name string
}

// ByUUID is a Ref to the provider with that UUID.
func ByUUID(u UUID) Ref { return Ref{UUID: u} }

// ByName is a Ref to the provider with that name.
func ByName(name string) Ref { return Ref{Name: name} }

// ParseRef reads a name or UUID as callers write it. A text that is a UUID is
// looked up as one first and then as a name.
func ParseRef(s string) Ref {
	u, _ := ParseUUID(s)
	return Ref{UUID: u, Name: s}
}

// IsZero reports whether the reference names nothing.
func (r Ref) IsZero() bool { return r.UUID.IsZero() && r.Name == "" }

// String returns the name if there is one, else the UUID.
func (r Ref) String() string {
	if r.Name != "" {
		return r.Name
	}
	return r.UUID.String()
}

// CreateProvider adds a provider: a root where Parent is zero, else a child.
// The UUID is stamped by the proposer and must be new, as must the name.
type CreateProvider struct {
	UUID   UUID
	Name   string // the provider's name
	Parent Ref
}

// RemoveProvider removes a provider; with Subtree also all its descendants.
// Refused while a removed provider holds allocations, or has children and
// Subtree is false.
type RemoveProvider struct {
	Provider Ref
	Subtree  bool
}

// RenameProvider gives a provider a new name. Its generation stays.
type RenameProvider struct {
	Provider Ref
	NewName  string
}

// MoveProvider re-parents a provider with its subtree, or makes it a root
// where Parent is zero. Refused where the parent lies in that subtree. The
// root of every provider of the subtree follows. Generations stay.
type MoveProvider struct {
	Provider Ref
	Parent   Ref
}

// Populate adds the given providers or replaces them where they exist. The
// descendants of a given provider that are not given themselves are removed;
// providers elsewhere stay. A parent must exist or be given, in any order;
// orphans are refused by name.
type Populate struct {
	Providers []PopulateProvider
}

// PopulateProvider is one provider of a Populate. A nil pointer leaves that
// part as it is (empty for a new provider). Where UUID is zero, the provider
// is the one with that name or, if there is none, a new one with NewUUID.
type PopulateProvider struct {
	UUID        UUID
	NewUUID     UUID
	Name        string // the provider's name
	Parent      Ref
	Inventories *[]InventoryOf
	Traits      *[]string
	Aggregates  *[]UUID
	Resources   *[]Device
}

// InventoryOf is the inventory of one resource class, by the class's name.
type InventoryOf struct {
	Class string
	Inventory
}

// SetInventories replaces all inventories of a provider. An inventory that is
// in use cannot vanish. The generation grows by one even if nothing changed.
type SetInventories struct {
	Provider    Ref
	Inventories []InventoryOf
}

// PutInventories adds or updates the inventories given, and leaves others.
type PutInventories struct {
	Provider    Ref
	Inventories []InventoryOf
	// Mode tells what must have been there before.
	Mode PutMode
}

// PutMode tells what PutInventories expects to find.
type PutMode uint8

// The modes of PutInventories.
const (
	Upsert     PutMode = iota // add or update
	AddOnly                   // refuse a class that has an inventory
	UpdateOnly                // refuse a class that has none
)

// RemoveInventories removes the inventories of the named classes; each must
// exist and be unused.
type RemoveInventories struct {
	Provider Ref
	Classes  []string
}

// ChangeMode tells how the elements given combine with those that are there.
type ChangeMode uint8

// The modes of ChangeTraits, ChangeAggregates and ChangeResources.
const (
	Set    ChangeMode = iota // replace all
	Add                      // add those not there
	Remove                   // remove those there; absent ones are ignored
)

// ChangeTraits sets, adds or removes traits of a provider. Every trait must be
// known. The generation grows only if something changed.
type ChangeTraits struct {
	Mode     ChangeMode
	Provider Ref
	Traits   []string
}

// ChangeAggregates sets, adds or removes aggregates of a provider. The
// generation grows by one unless KeepGeneration (the Placement API below
// microversion 1.19 does not count aggregates).
type ChangeAggregates struct {
	Mode           ChangeMode
	Provider       Ref
	Aggregates     []UUID
	KeepGeneration bool
}

// Device is a named device resource: one piece of hardware behind a class,
// such as a persistent memory namespace. Metadata is opaque to the store.
type Device struct {
	Class      string
	Identifier string
	Metadata   string
}

// ChangeResources sets, adds or removes named device resources of a provider.
// Devices are the same when class and identifier are; adding one that is there
// replaces its metadata. The generation grows only if something changed.
type ChangeResources struct {
	Mode     ChangeMode
	Provider Ref
	Devices  []Device
}

// Claim replaces the allocations of each consumer given, all or none. A
// consumer without allocations is released and vanishes. Every provider that
// takes part gains one generation, as does every consumer.
type Claim struct {
	Consumers []ConsumerClaim
}

// ConsumerClaim is what one consumer claims. Empty Project, User and Type
// leave those of a known consumer as they are.
type ConsumerClaim struct {
	Consumer    UUID
	Project     string
	User        string
	Type        string
	Allocations []AllocationOf
}

// AllocationOf is an amount of one class of one provider.
type AllocationOf struct {
	Provider Ref
	Class    string
	Amount   int64
}

// Release removes all allocations of the consumers; each must have some.
// No generation changes.
type Release struct {
	Consumers []UUID
}

// Reshape replaces inventories of some providers and allocations of some
// consumers together, so that used inventory can move between providers.
type Reshape struct {
	Inventories []ReshapeInventories
	Consumers   []ConsumerClaim
}

// ReshapeInventories is the whole new inventory of one provider.
type ReshapeInventories struct {
	Provider    Ref
	Inventories []InventoryOf
}

// CreateResourceClass adds a custom class; its name starts with CUSTOM_.
type CreateResourceClass struct{ Class string }

// RenameResourceClass renames a custom class.
type RenameResourceClass struct{ Class, NewName string }

// RemoveResourceClass removes a custom class that no inventory names.
type RemoveResourceClass struct{ Class string }

// CreateTrait adds a custom trait; its name starts with CUSTOM_.
type CreateTrait struct{ Trait string }

// RemoveTrait removes a custom trait that no provider has.
type RemoveTrait struct{ Trait string }

// RaiseGenerations gives providers and consumers, which must exist, at least the
// generations given. A higher one stays: a number that somebody may remember never
// comes to mean something else. Nothing but generations changes.
type RaiseGenerations struct {
	Providers []Generation
	Consumers []Generation
}

// Precondition is a condition on the state before a transaction; if one does
// not hold, nothing of the transaction happens (CodeConflict).
type Precondition struct {
	Kind     PreconditionKind
	Provider Ref
	Consumer UUID
	// Value is the generation or revision expected.
	Value uint64
	// Parent is the parent expected by ProviderParent; zero for a root.
	Parent Ref
}

// PreconditionKind tells what a Precondition looks at.
type PreconditionKind uint8

// The kinds of precondition. Numbers are part of the log format.
const (
	ProviderGeneration PreconditionKind = 1 // Provider exists with generation Value
	ProviderAbsent     PreconditionKind = 2 // no such Provider
	ConsumerGeneration PreconditionKind = 3 // Consumer exists with generation Value
	ConsumerAbsent     PreconditionKind = 4 // no such Consumer
	StateRevision      PreconditionKind = 5 // the whole state is at revision Value
	ProviderParent     PreconditionKind = 6 // Provider exists and hangs below Parent
)

// Txn is an ordered list of operations with preconditions: all or nothing.
type Txn struct {
	Preconditions []Precondition
	Ops           []Op
}

// Kind implements Op.
func (CreateProvider) Kind() string { return "create_provider" }

// Kind implements Op.
func (RemoveProvider) Kind() string { return "remove_provider" }

// Kind implements Op.
func (RenameProvider) Kind() string { return "rename_provider" }

// Kind implements Op.
func (MoveProvider) Kind() string { return "move_provider" }

// Kind implements Op.
func (Populate) Kind() string { return "populate" }

// Kind implements Op.
func (SetInventories) Kind() string { return "set_inventories" }

// Kind implements Op.
func (PutInventories) Kind() string { return "put_inventories" }

// Kind implements Op.
func (RemoveInventories) Kind() string { return "remove_inventories" }

// Kind implements Op.
func (o ChangeTraits) Kind() string { return o.Mode.prefix() + "_traits" }

// Kind implements Op.
func (o ChangeAggregates) Kind() string { return o.Mode.prefix() + "_aggregates" }

// Kind implements Op.
func (o ChangeResources) Kind() string { return o.Mode.prefix() + "_resources" }

// Kind implements Op.
func (Claim) Kind() string { return "claim" }

// Kind implements Op.
func (Release) Kind() string { return "release" }

// Kind implements Op.
func (Reshape) Kind() string { return "reshape" }

// Kind implements Op.
func (CreateResourceClass) Kind() string { return "create_resource_class" }

// Kind implements Op.
func (RenameResourceClass) Kind() string { return "rename_resource_class" }

// Kind implements Op.
func (RemoveResourceClass) Kind() string { return "remove_resource_class" }

// Kind implements Op.
func (CreateTrait) Kind() string { return "create_trait" }

// Kind implements Op.
func (RemoveTrait) Kind() string { return "remove_trait" }

// Kind implements Op.
func (RaiseGenerations) Kind() string { return "raise_generations" }

func (m ChangeMode) prefix() string {
	switch m {
	case Add:
		return "add"
	case Remove:
		return "remove"
	case Set:
	}
	return "set"
}
