package api

import (
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// name is the provider that the path names, by UUID or name.
func (c *call) name() string { return c.r.PathValue("p") }

// provider reads the provider that the path names.
func (c *call) provider() (*fsm.View, tree.Provider, error) {
	view, err := c.view()
	if err != nil {
		return nil, tree.Provider{}, err
	}
	p, err := find(view, "provider", c.name())
	return view, p, err
}

func find(view *fsm.View, field, name string) (tree.Provider, error) {
	p, ok := view.Tree.Find(tree.ParseRef(name))
	if !ok {
		err := reject(wire.CodeProviderNotFound, field, "no provider %s", excerpt(name))
		err.Provider = excerpt(name)
		return p, err
	}
	return p, nil
}

func (c *call) getProvider() (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.ProviderAnswer{State: stateOf(view), Provider: showProvider(p)}}, nil
}

func (c *call) createProvider() (answer, error) {
	var body wire.CreateProvider
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	done, err := c.do("", nil, wire.Op{CreateProvider: &body})
	if err != nil {
		return answer{}, err
	}
	if result, ok := done.body.(wire.Result); ok && len(result.Created) == 1 {
		done.location = "/v1/providers/" + result.Created[0]
	}
	return done, nil
}

func (c *call) patchProvider() (answer, error) {
	var body wire.PatchProvider
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	var ops []wire.Op
	// First the move: after the renaming, the path's name may be gone.
	if body.Parent.Present {
		move := wire.MoveProvider{Provider: c.name()}
		if body.Parent.Value != nil {
			move.Parent = *body.Parent.Value
			if move.Parent == "" {
				return answer{}, reject(wire.CodeInvalid, "parent", "a provider is needed: its UUID or its name, or null for a root")
			}
		}
		ops = append(ops, wire.Op{MoveProvider: &move})
	}
	if body.Name != nil {
		ops = append(ops, wire.Op{RenameProvider: &wire.RenameProvider{Provider: c.name(), Name: *body.Name}})
	}
	if ops == nil {
		return answer{}, reject(wire.CodeInvalid, "", "name, parent or both are needed")
	}
	return c.do(c.name(), body.Generation, ops...)
}

func (c *call) deleteProvider() (answer, error) {
	subtree, err := c.flag("subtree")
	if err != nil {
		return answer{}, err
	}
	return c.do("", nil, wire.Op{RemoveProvider: &wire.RemoveProvider{Provider: c.name(), Subtree: subtree}})
}

func (c *call) populate() (answer, error) {
	var body wire.Populate
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.do("", nil, wire.Op{Populate: &body})
}
