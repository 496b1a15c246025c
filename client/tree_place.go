package client

import (
	"slices"

	"github.com/treenode/treenode/transport/wire"
)

// NewRoot adds a root and returns the UUID made for it.
func (t *Tree) NewRoot(name string) (string, error) {
	return t.Create(wire.CreateProvider{Name: name})
}

// NewChild adds a provider below parent and returns the UUID made for it.
func (t *Tree) NewChild(name, parent string) (string, error) {
	if parent == "" {
		return "", refuse(wire.CodeInvalid, "parent", "a parent is needed: its UUID or its name")
	}
	return t.Create(wire.CreateProvider{Name: name, Parent: parent})
}

// Create adds a provider, a root where p.Parent is empty, and returns its
// UUID: p.UUID, or one made for it where that is empty.
func (t *Tree) Create(p wire.CreateProvider) (string, error) {
	r := &record{name: p.Name, inventories: map[string]wire.Inventory{}, devices: devices{}}
	if p.Parent != "" {
		parent, err := t.now.need("parent", p.Parent)
		if err != nil {
			return "", err
		}
		r.parent = parent.uuid
	}
	var err *Error
	if r.uuid, err = t.now.newUUID("uuid", p.UUID); err != nil {
		return "", err
	}
	if err := t.now.freeName("name", p.Name); err != nil {
		return "", err
	}
	t.replace(r)
	return r.uuid, nil
}

// Remove removes a provider and all its descendants.
func (t *Tree) Remove(provider string) error {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return err
	}
	for _, gone := range slices.Backward(t.now.subtree(r.uuid)) {
		t.now.drop(gone)
	}
	t.version++
	return nil
}

// Move hangs a provider and its subtree below parent, or makes it a root where
// parent is empty.
func (t *Tree) Move(provider, parent string) error {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return err
	}
	next := *r
	next.parent = ""
	if parent != "" {
		above, err := t.now.need("parent", parent)
		if err != nil {
			return err
		}
		if t.now.within(above, r.uuid) {
			return refuse(wire.CodeLoop, "parent", "provider %s cannot hang below %s, which is itself or below it", r.name, above.name).about(r.uuid)
		}
		next.parent = above.uuid
	}
	if next.parent != r.parent {
		t.replace(&next)
	}
	return nil
}

// Rename gives a provider a new name. To swap names, rename one of the two to
// a third name in between: Commit sends the outcome only.
func (t *Tree) Rename(provider, name string) error {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return err
	}
	if r.name == name {
		return nil
	}
	if err := t.now.freeName("name", name); err != nil {
		return err
	}
	next := *r
	next.name = name
	t.replace(&next)
	return nil
}
