package wire

// Txn is the body of POST /v1/txn: an ordered list of operations that happen
// all or not at all, in one log entry.
type Txn struct {
	Preconditions []Precondition `json:"preconditions,omitempty"`
	Ops           []Op           `json:"ops"`
}

// Op is one operation: exactly one of its fields is set. Wherever an operation
// names a provider, its UUID or its name serves.
type Op struct {
	CreateProvider      *CreateProvider     `json:"create_provider,omitempty"`
	RemoveProvider      *RemoveProvider     `json:"remove_provider,omitempty"`
	RenameProvider      *RenameProvider     `json:"rename_provider,omitempty"`
	MoveProvider        *MoveProvider       `json:"move_provider,omitempty"`
	Populate            *Populate           `json:"populate,omitempty"`
	SetInventories      *ChangeInventories  `json:"set_inventories,omitempty"`
	PutInventories      *ChangeInventories  `json:"put_inventories,omitempty"`
	RemoveInventories   *RemoveInventories  `json:"remove_inventories,omitempty"`
	SetTraits           *ChangeTraits       `json:"set_traits,omitempty"`
	AddTraits           *ChangeTraits       `json:"add_traits,omitempty"`
	RemoveTraits        *ChangeTraits       `json:"remove_traits,omitempty"`
	SetAggregates       *ChangeAggregates   `json:"set_aggregates,omitempty"`
	AddAggregates       *ChangeAggregates   `json:"add_aggregates,omitempty"`
	RemoveAggregates    *ChangeAggregates   `json:"remove_aggregates,omitempty"`
	SetResources        *ChangeResources    `json:"set_resources,omitempty"`
	AddResources        *ChangeResources    `json:"add_resources,omitempty"`
	RemoveResources     *ChangeResources    `json:"remove_resources,omitempty"`
	Claim               *Claim              `json:"claim,omitempty"`
	Release             *Release            `json:"release,omitempty"`
	Reshape             *Reshape            `json:"reshape,omitempty"`
	CreateResourceClass *ResourceClassName  `json:"create_resource_class,omitempty"`
	RenameResourceClass *ResourceClassNames `json:"rename_resource_class,omitempty"`
	RemoveResourceClass *ResourceClassName  `json:"remove_resource_class,omitempty"`
	CreateTrait         *TraitName          `json:"create_trait,omitempty"`
	RemoveTrait         *TraitName          `json:"remove_trait,omitempty"`
	RaiseGenerations    *RaiseGenerations   `json:"raise_generations,omitempty"`
}

// Precondition is a condition on the state before the transaction: exactly one
// of its fields is set. If one does not hold, nothing happens and the answer
// is CodeConflict.
type Precondition struct {
	ProviderGeneration *ProviderGeneration `json:"provider_generation,omitempty"`
	ProviderAbsent     *string             `json:"provider_absent,omitempty"`
	ProviderParent     *ProviderParent     `json:"provider_parent,omitempty"`
	ConsumerGeneration *ConsumerGeneration `json:"consumer_generation,omitempty"`
	ConsumerAbsent     *string             `json:"consumer_absent,omitempty"`
	StateRevision      *uint64             `json:"state_revision,omitempty"`
}

// ProviderGeneration holds while the provider exists with that generation.
type ProviderGeneration struct {
	Provider   string `json:"provider"`
	Generation uint64 `json:"generation"`
}

// ProviderParent holds while the provider exists directly below Parent, or is
// a root where Parent is empty.
type ProviderParent struct {
	Provider string `json:"provider"`
	Parent   string `json:"parent"`
}

// ConsumerGeneration holds while the consumer exists with that generation.
type ConsumerGeneration struct {
	Consumer   string `json:"consumer"`
	Generation uint64 `json:"generation"`
}

// CreateProvider adds a root, or a child of Parent. Without a UUID the server
// derives one from the request id, so that a retry names the same provider.
type CreateProvider struct {
	UUID   string `json:"uuid,omitempty"`
	Name   string `json:"name"`
	Parent string `json:"parent,omitempty"`
}

// RemoveProvider removes a provider, with Subtree its descendants too.
type RemoveProvider struct {
	Provider string `json:"provider"`
	Subtree  bool   `json:"subtree,omitempty"`
}

// RenameProvider gives a provider a new name.
type RenameProvider struct {
	Provider string `json:"provider"`
	Name     string `json:"name"`
}

// MoveProvider hangs a provider and its subtree below Parent, or makes it a
// root where Parent is empty.
type MoveProvider struct {
	Provider string `json:"provider"`
	Parent   string `json:"parent"`
}

// Populate adds or replaces providers; descendants of a given provider that
// are not given themselves are removed. The order does not matter.
type Populate struct {
	Providers []PopulateProvider `json:"providers"`
}

// PopulateProvider is one provider of a Populate. A part that is absent (nil)
// stays as it is; one that is present, even if empty, replaces what was there.
type PopulateProvider struct {
	UUID        string               `json:"uuid,omitempty"`
	Name        string               `json:"name"`
	Parent      string               `json:"parent,omitempty"`
	Inventories map[string]Inventory `json:"inventories,omitzero"`
	Traits      []string             `json:"traits,omitzero"`
	Aggregates  []string             `json:"aggregates,omitzero"`
	Resources   map[string][]Device  `json:"resources,omitzero"`
}

// ChangeInventories sets all inventories of a provider (set_inventories) or
// adds and updates the ones given (put_inventories), by class.
type ChangeInventories struct {
	Provider    string               `json:"provider"`
	Inventories map[string]Inventory `json:"inventories"`
}

// RemoveInventories removes the inventories of the classes named.
type RemoveInventories struct {
	Provider string   `json:"provider"`
	Classes  []string `json:"classes"`
}

// ChangeTraits sets, adds or removes traits.
type ChangeTraits struct {
	Provider string   `json:"provider"`
	Traits   []string `json:"traits"`
}

// ChangeAggregates sets, adds or removes aggregates.
type ChangeAggregates struct {
	Provider   string   `json:"provider"`
	Aggregates []string `json:"aggregates"`
}

// ChangeResources sets, adds or removes named devices, by class.
type ChangeResources struct {
	Provider  string              `json:"provider"`
	Resources map[string][]Device `json:"resources"`
}

// Claim replaces the allocations of each consumer given.
type Claim struct {
	Consumers []ConsumerClaim `json:"consumers"`
}

// ConsumerClaim is what one consumer claims; without allocations the consumer
// is released. Project, user and type are needed for a new consumer only (they
// default to "unknown", the type to "INSTANCE").
type ConsumerClaim struct {
	UUID        string       `json:"uuid"`
	Project     string       `json:"project,omitempty"`
	User        string       `json:"user,omitempty"`
	Type        string       `json:"type,omitempty"`
	Allocations []Allocation `json:"allocations"`
}

// Allocation is an amount of some classes of one provider.
type Allocation struct {
	Provider  string           `json:"provider"`
	Resources map[string]int64 `json:"resources"`
}

// Release removes all allocations of the consumers.
type Release struct {
	Consumers []string `json:"consumers"`
}

// Reshape replaces inventories and allocations together. Inventories is by
// provider (UUID or name), then by class.
type Reshape struct {
	Inventories map[string]map[string]Inventory `json:"inventories"`
	Consumers   []ConsumerClaim                 `json:"consumers,omitempty"`
}

// ResourceClassName names a custom resource class.
type ResourceClassName struct {
	Name string `json:"name"`
}

// ResourceClassNames renames a custom resource class.
type ResourceClassNames struct {
	Name    string `json:"name"`
	NewName string `json:"new_name"`
}

// TraitName names a custom trait.
type TraitName struct {
	Name string `json:"name"`
}

// RaiseGenerations gives providers and consumers, which must exist, at least the
// generations given; a higher one stays. It is for administrators who bring what
// another service held, so that what its clients remember stays true.
type RaiseGenerations struct {
	Providers []Generation `json:"providers,omitempty"`
	Consumers []Generation `json:"consumers,omitempty"`
}
