package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/treenode/treenode/transport/wire"
)

// Wherever a method takes a provider, its UUID or its name serves.

// ProviderFilter chooses providers; what is empty does not restrict.
type ProviderFilter struct {
	Name          string   // the one with that name
	UUID          string   // the one with that UUID
	Root          bool     // roots only
	InTree        string   // of the tree that this provider belongs to
	Traits        []string // with all of these traits
	ResourceClass string   // with an inventory or device of the class
	MemberOf      string   // in the aggregate
}

func (f ProviderFilter) query() url.Values {
	q := url.Values{}
	for key, value := range map[string]string{
		"name": f.Name, "uuid": f.UUID, "in_tree": f.InTree, "resource_class": f.ResourceClass, "member_of": f.MemberOf,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if f.Root {
		q.Set("root", "true")
	}
	for _, trait := range f.Traits {
		q.Add("trait", trait)
	}
	return q
}

// Provider returns everything about one provider.
func (c *Client) Provider(ctx context.Context, provider string) (wire.Provider, error) {
	var answer wire.ProviderAnswer
	if err := need("provider", provider); err != nil {
		return answer.Provider, err
	}
	err := c.get(ctx, path("providers", provider), nil, &answer)
	return answer.Provider, err
}

// Providers goes through the providers chosen, in order of creation, page by
// page. It ends after the first error. It may be ranged over again, and then
// asks again.
func (c *Client) Providers(ctx context.Context, filter ProviderFilter) iter.Seq2[wire.Provider, error] {
	return pages(func(after string) ([]wire.Provider, string, error) {
		page, err := c.ProvidersPage(ctx, filter, 0, after)
		return page.Providers, page.Next, err
	})
}

// ProvidersPage returns at most limit of the providers chosen (0: as many as
// the server gives), from the one after "after" on: the Next of the page
// before, empty for the first.
func (c *Client) ProvidersPage(ctx context.Context, filter ProviderFilter, limit int, after string) (wire.Providers, error) {
	var answer wire.Providers
	q := filter.query()
	if err := page(q, limit, after); err != nil {
		return answer, err
	}
	err := c.get(ctx, path("providers"), q, &answer)
	return answer, err
}

// Roots goes through the roots of all trees, as Providers does.
func (c *Client) Roots(ctx context.Context) iter.Seq2[wire.Provider, error] {
	return pages(func(after string) ([]wire.Provider, string, error) {
		page, err := c.RootsPage(ctx, 0, after)
		return page.Providers, page.Next, err
	})
}

// RootsPage returns one page of the roots, as ProvidersPage does.
func (c *Client) RootsPage(ctx context.Context, limit int, after string) (wire.Providers, error) {
	var answer wire.Providers
	q := url.Values{}
	if err := page(q, limit, after); err != nil {
		return answer, err
	}
	err := c.get(ctx, path("trees"), q, &answer)
	return answer, err
}

// Tree returns the whole tree that the provider belongs to, parents before
// children, as one state has it.
func (c *Client) Tree(ctx context.Context, provider string) (wire.Providers, error) {
	return c.treeOf(ctx, provider, "tree")
}

// Subtree returns the provider and all its descendants, parents before
// children, as one state has them.
func (c *Client) Subtree(ctx context.Context, provider string) (wire.Providers, error) {
	return c.treeOf(ctx, provider, "subtree")
}

func (c *Client) treeOf(ctx context.Context, provider, which string) (wire.Providers, error) {
	var answer wire.Providers
	if err := need("provider", provider); err != nil {
		return answer, err
	}
	err := c.get(ctx, path("providers", provider, which), nil, &answer)
	return answer, err
}

// CreateProvider adds a root, or a child where Parent is set. Without a UUID
// the server makes one, which Result.Created tells.
func (c *Client) CreateProvider(ctx context.Context, p wire.CreateProvider) (wire.Result, error) {
	return c.mutate(ctx, http.MethodPost, path("providers"), nil, p)
}

// UpdateProvider renames or moves a provider, or both at once.
func (c *Client) UpdateProvider(ctx context.Context, provider string, change wire.PatchProvider) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, http.MethodPatch, path("providers", provider), nil, change)
}

// RenameProvider gives a provider a new name.
func (c *Client) RenameProvider(ctx context.Context, provider, name string) (wire.Result, error) {
	return c.UpdateProvider(ctx, provider, wire.PatchProvider{Name: &name})
}

// MoveProvider hangs a provider and its subtree below parent, or makes it
// a root where parent is empty.
func (c *Client) MoveProvider(ctx context.Context, provider, parent string) (wire.Result, error) {
	change := wire.PatchProvider{Parent: wire.Null[string]()}
	if parent != "" {
		change.Parent = wire.Value(parent)
	}
	return c.UpdateProvider(ctx, provider, change)
}

// RemoveProvider removes a provider that has no children and no allocations.
func (c *Client) RemoveProvider(ctx context.Context, provider string) (wire.Result, error) {
	return c.removeProvider(ctx, provider, nil)
}

// RemoveSubtree removes a provider and all its descendants; none of them may
// have allocations.
func (c *Client) RemoveSubtree(ctx context.Context, provider string) (wire.Result, error) {
	return c.removeProvider(ctx, provider, url.Values{"subtree": {"true"}})
}

func (c *Client) removeProvider(ctx context.Context, provider string, q url.Values) (wire.Result, error) {
	if err := need("provider", provider); err != nil {
		return wire.Result{}, err
	}
	return c.mutate(ctx, http.MethodDelete, path("providers", provider), q, nil)
}

// Changed asks whether parts of a provider differ from the ones given.
func (c *Client) Changed(ctx context.Context, provider string, q wire.ChangedQuery) (wire.ChangedAnswer, error) {
	var answer wire.ChangedAnswer
	if err := need("provider", provider); err != nil {
		return answer, err
	}
	body, err := encode(q)
	if err != nil {
		return answer, err
	}
	err = c.read(ctx, request{method: http.MethodPost, path: path("providers", provider, "changed"), body: body}, &answer)
	return answer, err
}

// HasSharingProvider reports whether the tree of the provider has one that
// shares its inventory of the class through aggregates.
func (c *Client) HasSharingProvider(ctx context.Context, provider, class string) (bool, error) {
	var answer wire.SharingAnswer
	if err := need("provider", provider); err != nil {
		return false, err
	}
	if err := need("resource_class", class); err != nil {
		return false, err
	}
	err := c.get(ctx, path("providers", provider, "sharing"), url.Values{"resource_class": {class}}, &answer)
	return answer.Sharing, err
}

// page adds the parameters of a page to q.
func page(q url.Values, limit int, after string) error {
	if limit < 0 {
		return refuse(wire.CodeInvalid, "limit", "limit %d is negative", limit)
	}
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if after != "" {
		q.Set("after", after)
	}
	return nil
}

// pages goes through the elements of all pages.
func pages[T any](next func(after string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		after := ""
		for {
			list, following, err := next(after)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, x := range list {
				if !yield(x, nil) {
					return
				}
			}
			if following == "" {
				return
			}
			after = following
		}
	}
}
