package wire

import "time"

// Inventory is what a provider has of one resource class. In requests zero (or
// an absent field) means the default: reserved 0, min_unit 1, max_unit
// 2147483647, step_size 1, allocation_ratio 1.
type Inventory struct {
	Total           int64   `json:"total"`
	Reserved        int64   `json:"reserved,omitempty"`
	MinUnit         int64   `json:"min_unit,omitempty"`
	MaxUnit         int64   `json:"max_unit,omitempty"`
	StepSize        int64   `json:"step_size,omitempty"`
	AllocationRatio float64 `json:"allocation_ratio,omitempty"`
}

// InventoryUsage is an inventory as the server tells it: with the amount that
// is claimed and the capacity int((total-reserved)*allocation_ratio).
type InventoryUsage struct {
	Inventory
	Used     int64 `json:"used"`
	Capacity int64 `json:"capacity"`
}

// Device is a named device resource of one class.
type Device struct {
	Identifier string `json:"identifier"`
	Metadata   string `json:"metadata,omitempty"`
}

// Provider is everything about one provider.
type Provider struct {
	UUID        string                    `json:"uuid"`
	Name        string                    `json:"name"`
	Parent      string                    `json:"parent,omitempty"` // UUID; absent for a root
	Root        string                    `json:"root"`             // UUID
	Generation  uint64                    `json:"generation"`
	Inventories map[string]InventoryUsage `json:"inventories"`
	Traits      []string                  `json:"traits"`
	Aggregates  []string                  `json:"aggregates"`
	Resources   map[string][]Device       `json:"resources,omitempty"`
	CreatedAt   time.Time                 `json:"created_at"`
	UpdatedAt   time.Time                 `json:"updated_at"`
}

// State tells which state an answer shows. Index is the Raft log index applied
// (give it back with consistency=session), Revision counts accepted mutations.
type State struct {
	Index    uint64 `json:"index"`
	Revision uint64 `json:"revision"`
}

// Providers is a list of providers; where it shows a tree, parents come before
// their children. Next is set when there are more: pass it as "after".
type Providers struct {
	State
	Providers []Provider `json:"providers"`
	Next      string     `json:"next,omitempty"`
}

// ProviderAnswer is one provider.
type ProviderAnswer struct {
	State
	Provider Provider `json:"provider"`
}

// Consumer is a consumer and its allocations, in the order they were claimed.
type Consumer struct {
	UUID    string `json:"uuid"`
	Project string `json:"project"`
	User    string `json:"user"`
	Type    string `json:"type"`
	// Unset names which of project, user and type nobody gave, so that what is
	// shown there is a default.
	Unset       []string     `json:"unset,omitempty"`
	Generation  uint64       `json:"generation"`
	Allocations []Allocation `json:"allocations"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
}

// The parts of a Consumer that Unset may name.
const (
	UnsetProject = "project"
	UnsetUser    = "user"
	UnsetType    = "type"
)

// ConsumerAnswer is one consumer.
type ConsumerAnswer struct {
	State
	Consumer Consumer `json:"consumer"`
}

// Consumers is a list of consumers: the claims on a provider, each with its
// allocations on that provider only.
type Consumers struct {
	State
	Consumers []Consumer `json:"consumers"`
	Next      string     `json:"next,omitempty"`
}

// Names is a list of resource class or trait names.
type Names struct {
	State
	Names []string `json:"names"`
}

// ChangedQuery asks whether parts of a provider differ from the ones given; a
// part that is absent is not looked at.
type ChangedQuery struct {
	Inventories map[string]Inventory `json:"inventories,omitzero"`
	Traits      []string             `json:"traits,omitzero"`
	Aggregates  []string             `json:"aggregates,omitzero"`
	Resources   map[string][]Device  `json:"resources,omitzero"`
}

// ChangedAnswer tells for each part asked about whether it differs.
type ChangedAnswer struct {
	State
	Inventories *bool `json:"inventories,omitempty"`
	Traits      *bool `json:"traits,omitempty"`
	Aggregates  *bool `json:"aggregates,omitempty"`
	Resources   *bool `json:"resources,omitempty"`
}

// SharingAnswer tells whether a tree has a provider that shares a class.
type SharingAnswer struct {
	State
	Sharing bool `json:"sharing"`
}

// Digest is the SHA-256 of the state's canonical form at Index; equal on every
// node that has applied the same index.
type Digest struct {
	State
	Digest    string `json:"digest"`
	Providers int    `json:"providers"`
	Consumers int    `json:"consumers"`
}

// Result is the answer to a mutation.
type Result struct {
	State
	RequestID string `json:"request_id"`
	// Replayed is true when this request id had been executed before and this
	// is the answer remembered from then.
	Replayed bool `json:"replayed,omitempty"`
	// Created has the UUID of each provider that the transaction's
	// create_provider and populate operations name, in order.
	Created []string `json:"created,omitempty"`
	// Providers and Consumers have the generation that each one touched and
	// still there has after the transaction.
	Providers []Generation `json:"providers,omitempty"`
	Consumers []Generation `json:"consumers,omitempty"`
}

// Generation is the generation of a provider or consumer.
type Generation struct {
	UUID       string `json:"uuid"`
	Generation uint64 `json:"generation"`
}
