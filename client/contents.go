package client

import (
	"context"
	"net/http"

	"github.com/treenode/treenode/transport/wire"
)

// WriteOption is a condition on a change of what a provider has.
type WriteOption func(*condition)

type condition struct{ generation *uint64 }

// IfGeneration makes a change happen only while the provider has that
// generation; else it is rejected with wire.CodeConflict.
func IfGeneration(generation uint64) WriteOption {
	return func(c *condition) { c.generation = &generation }
}

func generationIn(opts []WriteOption) *uint64 {
	var c condition
	for _, o := range opts {
		o(&c)
	}
	return c.generation
}

func (c *Client) part(ctx context.Context, provider, part string, answer any) error {
	if err := need("provider", provider); err != nil {
		return err
	}
	return c.get(ctx, path("providers", provider, part), nil, answer)
}

func (c *Client) change(ctx context.Context, method, provider, part string, body any) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, method, path("providers", provider, part), nil, body)
}

// ProviderInventories returns the inventories of a provider, by class, with
// what is used of them.
func (c *Client) ProviderInventories(ctx context.Context, provider string) (wire.InventoriesAnswer, error) {
	var answer wire.InventoriesAnswer
	err := c.part(ctx, provider, "inventories", &answer)
	return answer, err
}

// SetInventories replaces all inventories of a provider, by class. One that is
// in use cannot go.
func (c *Client) SetInventories(ctx context.Context, provider string, inventories map[string]wire.Inventory, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "inventories", wire.InventoriesRequest{Inventories: inventories, Generation: generationIn(opts)})
}

// PutInventories adds or updates the inventories given, and leaves the others.
func (c *Client) PutInventories(ctx context.Context, provider string, inventories map[string]wire.Inventory, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPatch, provider, "inventories", wire.InventoriesRequest{Inventories: inventories, Generation: generationIn(opts)})
}

// RemoveInventories removes the inventories of the classes named; each must
// exist and be unused.
func (c *Client) RemoveInventories(ctx context.Context, provider string, classes []string, opts ...WriteOption) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	generation := generationIn(opts)
	if len(classes) == 1 && generation == nil {
		if err := need("class", classes[0]); err != nil {
			return wire.Result{}, err
		}
		return c.mutate(ctx, http.MethodDelete, path("providers", provider, "inventories", classes[0]), nil, nil)
	}
	txn := wire.Txn{Ops: []wire.Op{{RemoveInventories: &wire.RemoveInventories{Provider: provider, Classes: classes}}}}
	if generation != nil {
		txn.Preconditions = []wire.Precondition{{
			ProviderGeneration: &wire.ProviderGeneration{Provider: provider, Generation: *generation},
		}}
	}
	return c.Txn(ctx, txn)
}

// RemoveAllInventories removes all inventories of a provider; none may be in
// use.
func (c *Client) RemoveAllInventories(ctx context.Context, provider string, opts ...WriteOption) (wire.Result, error) {
	if generationIn(opts) != nil { // the route's DELETE takes no body
		return c.SetInventories(ctx, provider, nil, opts...)
	}
	return c.change(ctx, http.MethodDelete, provider, "inventories", nil)
}

// ProviderTraits returns the traits of a provider.
func (c *Client) ProviderTraits(ctx context.Context, provider string) (wire.TraitsAnswer, error) {
	var answer wire.TraitsAnswer
	err := c.part(ctx, provider, "traits", &answer)
	return answer, err
}

// SetTraits replaces all traits of a provider.
func (c *Client) SetTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "traits", wire.TraitsRequest{Traits: traits, Generation: generationIn(opts)})
}

// AddTraits adds traits to those that a provider has.
func (c *Client) AddTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "traits", wire.TraitsRequest{Traits: traits, Generation: generationIn(opts)})
}

// RemoveTraits removes traits of a provider; those it does not have are
// ignored.
func (c *Client) RemoveTraits(ctx context.Context, provider string, traits []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "traits", wire.TraitsRequest{Traits: traits, Generation: generationIn(opts)})
}

// ProviderAggregates returns the aggregates that a provider is in.
func (c *Client) ProviderAggregates(ctx context.Context, provider string) (wire.AggregatesAnswer, error) {
	var answer wire.AggregatesAnswer
	err := c.part(ctx, provider, "aggregates", &answer)
	return answer, err
}

// SetAggregates replaces the aggregates, UUIDs, that a provider is in.
func (c *Client) SetAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "aggregates", wire.AggregatesRequest{Aggregates: aggregates, Generation: generationIn(opts)})
}

// AddAggregates adds a provider to aggregates.
func (c *Client) AddAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "aggregates", wire.AggregatesRequest{Aggregates: aggregates, Generation: generationIn(opts)})
}

// RemoveAggregates takes a provider out of aggregates; those it is not in are
// ignored.
func (c *Client) RemoveAggregates(ctx context.Context, provider string, aggregates []string, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "aggregates", wire.AggregatesRequest{Aggregates: aggregates, Generation: generationIn(opts)})
}

// ProviderResources returns the named devices of a provider, by class.
func (c *Client) ProviderResources(ctx context.Context, provider string) (wire.ResourcesAnswer, error) {
	var answer wire.ResourcesAnswer
	err := c.part(ctx, provider, "resources", &answer)
	return answer, err
}

// SetResources replaces all named devices of a provider, by class.
func (c *Client) SetResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPut, provider, "resources", wire.ResourcesRequest{Resources: resources, Generation: generationIn(opts)})
}

// AddResources adds named devices; the metadata of one that is there is
// replaced.
func (c *Client) AddResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodPost, provider, "resources", wire.ResourcesRequest{Resources: resources, Generation: generationIn(opts)})
}

// RemoveResources removes named devices, whatever their metadata; those that
// are not there are ignored.
func (c *Client) RemoveResources(ctx context.Context, provider string, resources map[string][]wire.Device, opts ...WriteOption) (wire.Result, error) {
	return c.change(ctx, http.MethodDelete, provider, "resources", wire.ResourcesRequest{Resources: resources, Generation: generationIn(opts)})
}
