package client

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

// record is one provider of a forest, immutable: a change is made on a copy of
// it, and replaces what it changes rather than write into it.
type record struct {
	uuid        string
	name        string
	parent      string // empty for a root; may lie outside of the forest
	inventories map[string]wire.Inventory
	traits      []string // sorted
	aggregates  []string // sorted
	devices     devices
}

// forest is a set of providers with their places. The roots, and those whose
// parent was not loaded, stand at the top.
type forest struct {
	records  map[string]*record // by UUID
	uuids    map[string]string  // by name
	children map[string][]string
	// outside has the root of each parent that was not loaded.
	outside map[string]string
}

func newForest() *forest {
	return &forest{
		records: map[string]*record{}, uuids: map[string]string{},
		children: map[string][]string{}, outside: map[string]string{},
	}
}

// clone returns a forest that can be changed while f stays.
func (f *forest) clone() *forest {
	c := &forest{
		records: maps.Clone(f.records), uuids: maps.Clone(f.uuids),
		children: make(map[string][]string, len(f.children)), outside: maps.Clone(f.outside),
	}
	for parent, list := range f.children {
		c.children[parent] = slices.Clone(list)
	}
	return c
}

// find resolves a UUID or name as the server does: a text that is a UUID is
// looked up as one first.
func (f *forest) find(ref string) (*record, bool) {
	if u, ok := canonicalUUID(ref); ok {
		if r, ok := f.records[u]; ok {
			return r, true
		}
	}
	r, ok := f.records[f.uuids[ref]]
	return r, ok
}

func (f *forest) need(field, ref string) (*record, *Error) {
	if ref == "" {
		return nil, refuse(wire.CodeInvalid, field, "a provider is needed: its UUID or its name")
	}
	r, ok := f.find(ref)
	if !ok {
		return nil, refuse(wire.CodeProviderNotFound, field, "no provider %s in this tree", ref).about(ref)
	}
	return r, nil
}

// above is the key of children that the record is listed under.
func (f *forest) above(r *record) string {
	if _, ok := f.records[r.parent]; ok {
		return r.parent
	}
	return ""
}

// put adds a record or replaces the one with its UUID, with all that follows
// from name and place. Names may be swapped in several puts: one that another
// record has taken meanwhile stays with that one.
func (f *forest) put(r *record) {
	old, had := f.records[r.uuid]
	f.records[r.uuid] = r
	if had && old.name != r.name && f.uuids[old.name] == r.uuid {
		delete(f.uuids, old.name)
	}
	f.uuids[r.name] = r.uuid
	switch {
	case !had:
		f.hang(r)
	case old.parent != r.parent:
		f.unhang(old)
		f.hang(r)
	}
}

func (f *forest) drop(r *record) {
	f.unhang(r)
	delete(f.records, r.uuid)
	if f.uuids[r.name] == r.uuid {
		delete(f.uuids, r.name)
	}
}

func (f *forest) hang(r *record) {
	key := f.above(r)
	f.children[key] = append(f.children[key], r.uuid)
}

func (f *forest) unhang(r *record) {
	key := f.above(r)
	list := f.children[key]
	if i := slices.Index(list, r.uuid); i >= 0 {
		list = slices.Delete(list, i, i+1)
	}
	if len(list) == 0 {
		delete(f.children, key)
		return
	}
	f.children[key] = list
}

// top returns the topmost loaded provider above the record, or itself.
func (f *forest) top(r *record) *record {
	for {
		up, ok := f.records[r.parent]
		if !ok {
			return r
		}
		r = up
	}
}

// root returns the UUID of the root of the record's tree.
func (f *forest) root(r *record) string {
	top := f.top(r)
	if top.parent != "" {
		return f.outside[top.parent]
	}
	return top.uuid
}

// within reports whether the record is in the subtree of the provider.
func (f *forest) within(r *record, top string) bool {
	for ok := true; ok; r, ok = f.records[r.parent] {
		if r.uuid == top {
			return true
		}
	}
	return false
}

// subtree lists a provider and its descendants, parents before children.
func (f *forest) subtree(top string) []*record {
	var found []*record
	for stack := []string{top}; len(stack) > 0; {
		r := f.records[stack[len(stack)-1]]
		stack = stack[:len(stack)-1]
		found = append(found, r)
		for _, child := range slices.Backward(f.children[r.uuid]) {
			stack = append(stack, child)
		}
	}
	return found
}

// all lists every provider, parents before children.
func (f *forest) all() []*record {
	found := make([]*record, 0, len(f.records))
	for _, top := range f.children[""] {
		found = append(found, f.subtree(top)...)
	}
	return found
}

// newUUID makes the UUID of a new provider or checks the one given.
func (f *forest) newUUID(field, given string) (string, *Error) {
	if given == "" {
		u, err := uuid.NewRandom()
		if err != nil {
			return "", &Error{WireError: &wire.Error{
				Kind: wire.NotApplied, Code: wire.CodeNotReady, Message: "no randomness for a UUID",
			}, cause: err}
		}
		return u.String(), nil
	}
	u, err := checkUUID(field, given)
	if err != nil {
		return "", err
	}
	if _, ok := f.outside[u]; ok || f.records[u] != nil {
		return "", refuse(wire.CodeProviderExists, field, "a provider with UUID %s exists", u).about(u)
	}
	return u, nil
}

// freeName refuses a name that another provider has.
func (f *forest) freeName(field, name string) *Error {
	if err := checkName(field, name); err != nil {
		return err
	}
	if holder, taken := f.uuids[name]; taken {
		return refuse(wire.CodeDuplicateName, field, "provider name %q is taken", name).about(holder)
	}
	return nil
}
