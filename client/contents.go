package client

import (
	"context"
	"net/http"

	"github.com/treenode/treenode/transport/wire"
)

// WriteOption is a condition on a change of what a provider has.
type WriteOption func(*contents)

// IfGeneration makes a change happen only while the provider has that
// generation; else it is rejected with wire.CodeConflict.
func IfGeneration(generation uint64) WriteOption {
	return func(b *contents) { b.Generation = &generation }
}

// contents is the body of changes of what a provider has, and of the answers
// that tell it. Exactly one of the parts is used at a time.
type contents struct {
	Inventories map[string]wire.Inventory `json:"inventories,omitzero"`
	Traits      []string                  `json:"traits,omitzero"`
	Aggregates  []string                  `json:"aggregates,omitzero"`
	Resources   map[string][]wire.Device  `json:"resources,omitzero"`
	Generation  *uint64                   `json:"generation,omitempty"`
}

func (c *Client) change(ctx context.Context, method, provider, part string, body contents, opts []WriteOption) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	for _, o := range opts {
		o(&body)
	}
	return c.mutate(ctx, method, path("providers", provider, part), nil, body)
}

// SetInventories replaces all inventories of a provider, by class. One that is
// in use cannot go.
func (c *Client) SetInventories(ctx context.Context, provider string, inventories map[string]wire.Inventory, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "inventories", contents{Inventories: some(inventories)}, opts)
}

// PutInventories adds or updates the inventories given, and leaves the others.
func (c *Client) PutInventories(ctx context.Context, provider string, inventories map[string]wire.Inventory, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPatch, provider, "inventories", contents{Inventories: some(inventories)}, opts)
}

// RemoveInventories removes the inventories of the classes named; each must
// exist and be unused.
func (c *Client) RemoveInventories(ctx context.Context, provider string, classes []string, opts ...WriteOption) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	var guard contents
	for _, o := range opts {
		o(&guard)
	}
	if len(classes) == 1 && guard.Generation == nil {
		if err := need("class", classes[0]); err != nil {
			return wire.Result{}, err
		}
		return c.mutate(ctx, http.MethodDelete, path("providers", provider, "inventories", classes[0]), nil, nil)
	}
	txn := wire.Txn{Ops: []wire.Op{{RemoveInventories: &wire.RemoveInventories{Provider: provider, Classes: classes}}}}
	if guard.Generation != nil {
		txn.Preconditions = []wire.Precondition{{
			ProviderGeneration: &wire.ProviderGeneration{Provider: provider, Generation: *guard.Generation},
		}}
	}
	return c.Txn(ctx, txn)
}

// RemoveAllInventories removes all inventories of a provider; none may be in
// use.
func (c *Client) RemoveAllInventories(ctx context.Context, provider string, opts ...WriteOption) (wire.Result, error) {
	if len(opts) > 0 { // the route's DELETE takes no body
		return c.SetInventories(ctx, provider, nil, opts...)
	}
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, http.MethodDelete, path("providers", provider, "inventories"), nil, nil)
}

// SetTraits replaces all traits of a provider.
func (c *Client) SetTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "traits", contents{Traits: list(traits)}, opts)
}

// AddTraits adds traits to those that a provider has.
func (c *Client) AddTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "traits", contents{Traits: list(traits)}, opts)
}

// RemoveTraits removes traits of a provider; those it does not have are
// ignored.
func (c *Client) RemoveTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "traits", contents{Traits: list(traits)}, opts)
}

// SetAggregates replaces the aggregates, UUIDs, that a provider is in.
func (c *Client) SetAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "aggregates", contents{Aggregates: list(aggregates)}, opts)
}

// AddAggregates adds a provider to aggregates.
func (c *Client) AddAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "aggregates", contents{Aggregates: list(aggregates)}, opts)
}

// RemoveAggregates takes a provider out of aggregates; those it is not in are
// ignored.
func (c *Client) RemoveAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "aggregates", contents{Aggregates: list(aggregates)}, opts)
}

// SetResources replaces all named devices of a provider, by class.
func (c *Client) SetResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "resources", contents{Resources: some(resources)}, opts)
}

// AddResources adds named devices; the metadata of one that is there is
// replaced.
func (c *Client) AddResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "resources", contents{Resources: some(resources)}, opts)
}

// RemoveResources removes named devices, whatever their metadata; those that
// are not there are ignored.
func (c *Client) RemoveResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "resources", contents{Resources: some(resources)}, opts)
}

// some is m, or an empty map in place of none: JSON tells the two apart.
func some[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// list is l, or an empty list in place of none.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
