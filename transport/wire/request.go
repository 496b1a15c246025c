package wire

import "encoding/json"

// The bodies of the routes below /v1/providers/{p} and /v1/consumers/{uuid},
// and the answers of their GETs. Generation in a body is a precondition: the
// one the provider or consumer must have.

// PatchProvider changes a provider's name, its place or both.
type PatchProvider struct {
	Name *string `json:"name,omitempty"`
	// Parent is the new parent's UUID or name; null makes the provider a root.
	Parent     Nullable[string] `json:"parent,omitzero"`
	Generation *uint64          `json:"generation,omitempty"`
}

// InventoriesRequest sets (PUT) or adds and updates (PATCH) inventories.
type InventoriesRequest struct {
	Inventories map[string]Inventory `json:"inventories"`
	Generation  *uint64              `json:"generation,omitempty"`
}

// InventoriesAnswer is what a provider has.
type InventoriesAnswer struct {
	State
	Generation  uint64                    `json:"generation"`
	Inventories map[string]InventoryUsage `json:"inventories"`
}

// TraitsRequest sets (PUT), adds (POST) or removes (DELETE) traits.
type TraitsRequest struct {
	Traits     []string `json:"traits"`
	Generation *uint64  `json:"generation,omitempty"`
}

// TraitsAnswer is the traits of a provider.
type TraitsAnswer struct {
	State
	Generation uint64   `json:"generation"`
	Traits     []string `json:"traits"`
}

// AggregatesRequest sets (PUT), adds (POST) or removes (DELETE) aggregates.
type AggregatesRequest struct {
	Aggregates []string `json:"aggregates"`
	Generation *uint64  `json:"generation,omitempty"`
}

// AggregatesAnswer is the aggregates of a provider.
type AggregatesAnswer struct {
	State
	Generation uint64   `json:"generation"`
	Aggregates []string `json:"aggregates"`
}

// ResourcesRequest sets (PUT), adds (POST) or removes (DELETE) named devices,
// by class.
type ResourcesRequest struct {
	Resources  map[string][]Device `json:"resources"`
	Generation *uint64             `json:"generation,omitempty"`
}

// ResourcesAnswer is the named devices of a provider, by class.
type ResourcesAnswer struct {
	State
	Generation uint64              `json:"generation"`
	Resources  map[string][]Device `json:"resources"`
}

// PutConsumer replaces the allocations of the consumer that the path names:
// a ConsumerClaim with a precondition. UUID may be left out; if given, it must
// be the path's.
type PutConsumer struct {
	UUID        string       `json:"uuid,omitempty"`
	Project     string       `json:"project,omitempty"`
	User        string       `json:"user,omitempty"`
	Type        string       `json:"type,omitempty"`
	Allocations []Allocation `json:"allocations"`
	// Generation is not checked when it is absent or null.
	Generation Nullable[uint64] `json:"generation,omitzero"`
}

// Nullable is a field of a request that is absent (the zero value), null, or a
// value.
type Nullable[T any] struct {
	Present bool
	Value   *T // nil for null
}

// Null is a field that is present and null.
func Null[T any]() Nullable[T] { return Nullable[T]{Present: true} }

// Value is a field with a value.
func Value[T any](v T) Nullable[T] { return Nullable[T]{true, &v} }

// IsZero reports whether the field is absent.
func (n Nullable[T]) IsZero() bool { return !n.Present }

// MarshalJSON implements json.Marshaler. An absent field is only left out
// under omitzero, and null elsewhere.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return json.Marshal(n.Value) }

// UnmarshalJSON implements json.Unmarshaler.
func (n *Nullable[T]) UnmarshalJSON(b []byte) error {
	n.Present, n.Value = true, nil
	return json.Unmarshal(b, &n.Value)
}
