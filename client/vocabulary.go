package client

import (
	"context"
	"net/http"

	"github.com/treenode/treenode/transport/wire"
)

// ResourceClasses returns the names of all resource classes, the standard ones
// first.
func (c *Client) ResourceClasses(ctx context.Context) ([]string, error) {
	return c.names(ctx, "resource-classes")
}

// CreateResourceClass adds a custom resource class, whose name starts with
// CUSTOM_. One that exists is left as it is.
func (c *Client) CreateResourceClass(ctx context.Context, name string) (wire.Result, error) {
	return c.name(ctx, http.MethodPut, "resource-classes", name)
}

// RemoveResourceClass removes a custom resource class that is not in use.
func (c *Client) RemoveResourceClass(ctx context.Context, name string) (wire.Result, error) {
	return c.name(ctx, http.MethodDelete, "resource-classes", name)
}

// Traits returns the names of all traits, the standard ones first.
func (c *Client) Traits(ctx context.Context) ([]string, error) {
	return c.names(ctx, "traits")
}

// CreateTrait adds a custom trait, whose name starts with CUSTOM_. One that
// exists is left as it is.
func (c *Client) CreateTrait(ctx context.Context, name string) (wire.Result, error) {
	return c.name(ctx, http.MethodPut, "traits", name)
}

// RemoveTrait removes a custom trait that no provider has.
func (c *Client) RemoveTrait(ctx context.Context, name string) (wire.Result, error) {
	return c.name(ctx, http.MethodDelete, "traits", name)
}

func (c *Client) names(ctx context.Context, which string) ([]string, error) {
	var answer wire.Names
	err := c.get(ctx, path(which), nil, &answer)
	return answer.Names, err
}

func (c *Client) name(ctx context.Context, method, which, name string) (wire.Result, error) {
	if err := need("name", name); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, method, path(which, name), nil, nil)
}
