package client

import (
	"maps"
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// CommitOption changes what Diff returns and Commit sends.
type CommitOption func(*commitOptions)

type commitOptions struct{ createMissing bool }

// CreateMissing makes the transaction create the custom resource classes and
// traits (CUSTOM_...) that it begins to use. Those that exist are left as they
// are, so there is no need to know.
func CreateMissing() CommitOption {
	return func(o *commitOptions) { o.createMissing = true }
}

// Diff returns the transaction that Commit would send: the operations that
// make what was loaded into what is there now, in an order in which each one
// is valid, and the preconditions that what they change is as it was loaded.
// Without a difference there are no operations.
func (t *Tree) Diff(opts ...CommitOption) wire.Txn { return t.diff(opts).txn }

// plan is a transaction and what the Tree must know of it afterwards.
type plan struct {
	txn wire.Txn
	// guards has, for each precondition, what it is about.
	guards []guard
	// touched are the providers, still there, whose generation the answer
	// tells: those changed, which were guarded, and those created.
	touched []string
	after   *forest // the state that the transaction makes
}

type guard struct {
	uuid   string
	name   string // as it was loaded; for a new provider, its own
	reason ConflictReason
}

// differ builds a plan.
type differ struct {
	old, now    *forest
	generations map[string]uint64
	options     commitOptions

	plan    plan
	wanted  map[string]bool // names that are taken by a rename or a new provider
	changed map[string]bool // providers whose generation is guarded
}

func (t *Tree) diff(opts []CommitOption) *plan {
	d := &differ{old: t.loaded, now: t.now, generations: t.generations, wanted: map[string]bool{}, changed: map[string]bool{}}
	for _, o := range opts {
		o(&d.options)
	}
	d.plan.txn.Ops = []wire.Op{}
	d.plan.after = t.now.clone()

	var renamed, moved, created []*record
	for _, r := range d.now.all() {
		old, had := d.old.records[r.uuid]
		switch {
		case !had:
			created = append(created, r)
			d.wanted[r.name] = true
			continue
		case old == r:
			continue
		}
		if old.name != r.name {
			renamed = append(renamed, r)
			d.wanted[r.name] = true
		}
		if old.parent != r.parent {
			moved = append(moved, r)
		}
	}
	whole, parted := d.removed()

	// Whole subtrees go first: that frees their names and needs nothing. A
	// provider that goes while descendants stay has to wait for their moves;
	// if its name is wanted, it gives it up before.
	d.createTerms()
	d.remove(whole)
	for _, r := range parted {
		if d.wanted[r.name] {
			d.op(wire.Op{RenameProvider: &wire.RenameProvider{Provider: r.uuid, Name: d.spareName(r)}})
		}
	}
	// Now every name is free or leads to another rename. With all names in
	// place, new providers can come, parents first; their parents exist,
	// wherever they hang. Then all that is needed for moves is there.
	d.rename(renamed)
	for _, r := range created {
		d.op(wire.Op{CreateProvider: &wire.CreateProvider{UUID: r.uuid, Name: r.name, Parent: r.parent}})
	}
	// From the top down: all above the new parent is in its final place when
	// a provider is moved, so it can't be below the provider.
	for _, r := range moved {
		d.op(wire.Op{MoveProvider: &wire.MoveProvider{Provider: r.uuid, Parent: r.parent}})
		d.changed[r.uuid] = true
	}
	d.remove(parted)
	for _, r := range d.now.all() {
		d.contents(r)
	}
	d.guard(moved, renamed, created)
	return &d.plan
}

func (d *differ) op(op wire.Op) { d.plan.txn.Ops = append(d.plan.txn.Ops, op) }

// removed lists the providers that are gone, children before parents: those
// whose loaded descendants are all gone too, and the others.
func (d *differ) removed() (whole, parted []*record) {
	stays := map[string]bool{} // providers with a descendant that is not gone, or not gone themselves
	for _, r := range slices.Backward(d.old.all()) {
		_, here := d.now.records[r.uuid]
		switch {
		case here:
		case stays[r.uuid]:
			parted = append(parted, r)
		default:
			whole = append(whole, r)
			continue
		}
		stays[r.uuid] = true
		stays[r.parent] = true
	}
	return whole, parted
}

// remove removes each provider alone, although the server could take subtrees
// at once: a child that somebody else has added meanwhile then refuses the
// transaction, where it would else vanish unseen.
func (d *differ) remove(gone []*record) {
	for _, r := range gone {
		d.op(wire.Op{RemoveProvider: &wire.RemoveProvider{Provider: r.uuid}})
		d.changed[r.uuid] = true
	}
}

// rename orders renames so that each name is free when it is taken. A cycle is
// opened by a spare name.
func (d *differ) rename(renamed []*record) {
	holders := map[string]*record{} // by the name given up
	for _, r := range renamed {
		holders[d.old.records[r.uuid].name] = r
		d.changed[r.uuid] = true
	}
	done := map[*record]bool{}
	for _, r := range renamed {
		// Follow whoever is in the way, up to a free name or back to r.
		var chain []*record
		for at := r; at != nil && !done[at]; at = holders[at.name] {
			done[at] = true
			chain = append(chain, at)
		}
		if len(chain) > 0 && holders[chain[len(chain)-1].name] == r {
			d.op(wire.Op{RenameProvider: &wire.RenameProvider{Provider: r.uuid, Name: d.spareName(r)}})
		}
		for _, at := range slices.Backward(chain) {
			d.op(wire.Op{RenameProvider: &wire.RenameProvider{Provider: at.uuid, Name: at.name}})
		}
	}
}

// spareName is a name that nobody has, before or after.
func (d *differ) spareName(r *record) string {
	name := "renaming-" + r.uuid
	for d.old.uuids[name] != "" || d.now.uuids[name] != "" {
		name += "-"
	}
	return name
}

// contents changes what a provider has, by the difference only.
func (d *differ) contents(r *record) {
	old, had := d.old.records[r.uuid]
	if !had {
		old = &record{}
	} else if old == r {
		return
	}
	before := len(d.plan.txn.Ops)
	gone := without(slices.Sorted(maps.Keys(old.inventories)), slices.Sorted(maps.Keys(r.inventories)))
	if len(gone) > 0 {
		d.op(wire.Op{RemoveInventories: &wire.RemoveInventories{Provider: r.uuid, Classes: gone}})
	}
	put := map[string]wire.Inventory{}
	for class, i := range r.inventories {
		if was, ok := old.inventories[class]; !ok || was != i {
			put[class] = i
		}
	}
	if len(put) > 0 {
		d.op(wire.Op{PutInventories: &wire.ChangeInventories{Provider: r.uuid, Inventories: put}})
	}
	if gone := without(old.traits, r.traits); len(gone) > 0 {
		d.op(wire.Op{RemoveTraits: &wire.ChangeTraits{Provider: r.uuid, Traits: gone}})
	}
	if added := without(r.traits, old.traits); len(added) > 0 {
		d.op(wire.Op{AddTraits: &wire.ChangeTraits{Provider: r.uuid, Traits: added}})
	}
	if gone := without(old.aggregates, r.aggregates); len(gone) > 0 {
		d.op(wire.Op{RemoveAggregates: &wire.ChangeAggregates{Provider: r.uuid, Aggregates: gone}})
	}
	if added := without(r.aggregates, old.aggregates); len(added) > 0 {
		d.op(wire.Op{AddAggregates: &wire.ChangeAggregates{Provider: r.uuid, Aggregates: added}})
	}
	d.devices(old, r)
	if had && len(d.plan.txn.Ops) > before {
		d.changed[r.uuid] = true
	}
}

func (d *differ) devices(old, r *record) {
	gone, added := devices{}, devices{}
	for key := range old.devices {
		if _, ok := r.devices[key]; !ok {
			gone[key] = ""
		}
	}
	for key, metadata := range r.devices {
		if was, ok := old.devices[key]; !ok || was != metadata {
			added[key] = metadata
		}
	}
	if len(gone) > 0 {
		d.op(wire.Op{RemoveResources: &wire.ChangeResources{Provider: r.uuid, Resources: gone.wire()}})
	}
	if len(added) > 0 {
		d.op(wire.Op{AddResources: &wire.ChangeResources{Provider: r.uuid, Resources: added.wire()}})
	}
}

// createTerms creates the custom classes and traits that providers have now
// and none of the loaded ones had.
func (d *differ) createTerms() {
	if !d.options.createMissing {
		return
	}
	classes, traits := customTerms(d.now)
	knownClasses, knownTraits := customTerms(d.old)
	for _, name := range without(classes, knownClasses) {
		d.op(wire.Op{CreateResourceClass: &wire.ResourceClassName{Name: name}})
	}
	for _, name := range without(traits, knownTraits) {
		d.op(wire.Op{CreateTrait: &wire.TraitName{Name: name}})
	}
}

// customTerms lists the custom classes and traits in use, sorted.
func customTerms(f *forest) (classes, traits []string) {
	inUse, having := map[string]bool{}, map[string]bool{}
	for _, r := range f.records {
		for class := range r.inventories {
			inUse[class] = true
		}
		for d := range r.devices {
			inUse[d.class] = true
		}
		for _, trait := range r.traits {
			having[trait] = true
		}
	}
	standard := func(name string, _ bool) bool { return !strings.HasPrefix(name, customPrefix) }
	maps.DeleteFunc(inUse, standard)
	maps.DeleteFunc(having, standard)
	return slices.Sorted(maps.Keys(inUse)), slices.Sorted(maps.Keys(having))
}
