package client

import (
	"context"
	"maps"
	"slices"

	"github.com/treenode/treenode/transport/wire"
)

// sharingTrait marks a provider whose inventory serves every tree that shares
// an aggregate with it.
const sharingTrait = "MISC_SHARES_VIA_AGGREGATE"

// Tree is a local copy of provider trees: loaded, changed locally, and
// committed as one transaction. Wherever a method takes a provider, its UUID
// or its name as it is now serves.
//
// A local operation that fails changes nothing. Its error is an *Error of kind
// rejected, with the code that the server would give. What only the server
// knows shows at Commit: names of providers that were not loaded, allocations,
// and which resource classes and traits exist.
//
// A Tree is not safe for concurrent use. The Client it came from is.
type Tree struct {
	client *Client
	// now is the local state; loaded is the one that the server had when it
	// was loaded or committed, and generations belong to it.
	now         *forest
	loaded      *forest
	generations map[string]uint64
	// version counts local changes.
	version uint64
	pending *pending
}

// NewTree returns a Tree without providers.
func NewTree(c *Client) *Tree {
	return &Tree{client: c, now: newForest(), loaded: newForest(), generations: map[string]uint64{}}
}

// LoadTree returns a Tree with the whole tree that the provider belongs to.
func (c *Client) LoadTree(ctx context.Context, provider string) (*Tree, error) {
	t := NewTree(c)
	if err := t.Load(ctx, provider); err != nil {
		return nil, err
	}
	return t, nil
}

// LoadSubtree returns a Tree with the provider and its descendants only. The
// parent above, if any, is known as such, but is not in the Tree.
func (c *Client) LoadSubtree(ctx context.Context, provider string) (*Tree, error) {
	t := NewTree(c)
	if err := t.LoadSubtree(ctx, provider); err != nil {
		return nil, err
	}
	return t, nil
}

// Load adds the whole tree that the provider belongs to, so that providers can
// move between trees. It is refused where providers of it are loaded already,
// or have a name that the Tree gave to another provider, and while the outcome
// of a Commit is not known.
func (t *Tree) Load(ctx context.Context, provider string) error {
	if err := t.settledOnly(); err != nil {
		return err
	}
	answer, err := t.client.Tree(ctx, provider)
	if err != nil {
		return err
	}
	return t.take(answer)
}

// LoadSubtree is Load for a provider and its descendants only.
func (t *Tree) LoadSubtree(ctx context.Context, provider string) error {
	if err := t.settledOnly(); err != nil {
		return err
	}
	answer, err := t.client.Subtree(ctx, provider)
	if err != nil {
		return err
	}
	return t.take(answer)
}

func (t *Tree) settledOnly() error {
	if t.pending != nil {
		return refuse(wire.CodeInvalid, "provider", "the outcome of a commit is not known: commit again before loading more")
	}
	return nil
}

// take adds loaded providers, all or none.
func (t *Tree) take(answer wire.Providers) error {
	if answer.Next != "" {
		return refuse(wire.CodeTooLarge, "provider", "the tree has more providers than one answer holds; load a subtree")
	}
	now, loaded := t.now.clone(), t.loaded.clone()
	generations := maps.Clone(t.generations)
	for i, p := range answer.Providers {
		r := recordOf(p)
		_, known := now.outside[r.uuid]
		if known || now.records[r.uuid] != nil || loaded.records[r.uuid] != nil {
			return refuse(wire.CodeProviderExists, "provider", "provider %s is in this tree already", r.name).about(r.uuid)
		}
		if err := now.freeName("provider", r.name); err != nil {
			return err
		}
		if _, ok := now.records[r.parent]; !ok && r.parent != "" {
			if i > 0 {
				return &Error{WireError: &wire.Error{
					Kind: wire.Internal, Code: wire.CodeInternal, Provider: r.uuid,
					Message: "the server listed a provider before its parent",
				}}
			}
			now.outside[r.parent], loaded.outside[r.parent] = p.Root, p.Root
		}
		now.put(r)
		loaded.put(r)
		generations[r.uuid] = p.Generation
	}
	t.now, t.loaded, t.generations = now, loaded, generations
	return nil
}

// recordOf takes what a server told as it is.
func recordOf(p wire.Provider) *record {
	r := &record{
		uuid: p.UUID, name: p.Name, parent: p.Parent,
		inventories: make(map[string]wire.Inventory, len(p.Inventories)),
		traits:      sortedSet(p.Traits), aggregates: sortedSet(p.Aggregates),
		devices: devices{},
	}
	for class, i := range p.Inventories {
		r.inventories[class] = withDefaults(i.Inventory)
	}
	for class, list := range p.Resources {
		for _, d := range list {
			r.devices[device{class, d.Identifier}] = d.Metadata
		}
	}
	return r
}

// ProviderData is what a Tree has of one provider: a copy, free to change.
type ProviderData struct {
	UUID   string
	Name   string
	Parent string // UUID; empty for a root
	Root   string // UUID; its own for a root
	// Generation is the one loaded or committed last; 0 for a new provider.
	Generation  uint64
	Inventories map[string]wire.Inventory // by class, with defaults set
	Traits      []string                  // sorted
	Aggregates  []string                  // sorted
	Resources   map[string][]wire.Device  // by class, sorted by identifier
}

// Exists reports whether the provider is in the Tree.
func (t *Tree) Exists(provider string) bool {
	_, ok := t.now.find(provider)
	return ok
}

// Data returns a copy of everything about a provider.
func (t *Tree) Data(provider string) (ProviderData, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return ProviderData{}, err
	}
	return ProviderData{
		UUID: r.uuid, Name: r.name, Parent: r.parent, Root: t.now.root(r), Generation: t.generations[r.uuid],
		Inventories: maps.Clone(r.inventories), Traits: slices.Clone(r.traits), Aggregates: slices.Clone(r.aggregates),
		Resources: r.devices.wire(),
	}, nil
}

// UUIDs lists a provider and its descendants, parents before children; all
// providers of the Tree where provider is empty.
func (t *Tree) UUIDs(provider string) ([]string, error) {
	if provider == "" {
		return uuidsOf(t.now.all()), nil
	}
	r, err := t.now.need("provider", provider)
	if err != nil {
		return nil, err
	}
	return uuidsOf(t.now.subtree(r.uuid)), nil
}

// UUIDsInTree lists all loaded providers of the tree that the provider belongs
// to, parents before children.
func (t *Tree) UUIDsInTree(provider string) ([]string, error) {
	r, err := t.now.need("provider", provider)
	if err != nil {
		return nil, err
	}
	return uuidsOf(t.now.subtree(t.now.top(r).uuid)), nil
}

func uuidsOf(records []*record) []string {
	all := make([]string, len(records))
	for i, r := range records {
		all[i] = r.uuid
	}
	return all
}

// HasSharingProvider reports whether a provider of the Tree shares its
// inventory of the class through aggregates (trait MISC_SHARES_VIA_AGGREGATE).
func (t *Tree) HasSharingProvider(class string) bool {
	for _, r := range t.now.records {
		if _, ok := r.inventories[class]; ok && slices.Contains(r.traits, sharingTrait) {
			return true
		}
	}
	return false
}

// replace puts a changed record in place.
func (t *Tree) replace(r *record) {
	t.now.put(r)
	t.version++
}
