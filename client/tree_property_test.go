package client

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "seed of the random tests; 0 takes one from the clock")
	stepsFlag = flag.Int("steps", 1500, "steps of the random tests")
)

func random(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) //nolint:gosec // any number will do
	}
	t.Logf("seed %d: go test -run %s -seed %d", seed, t.Name(), seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// world draws operations over a few names, so that they meet each other.
type world struct {
	r     *rand.Rand
	uuids []string // ever given to a provider
	tree  *Tree    // the one that is changed
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (w *world) name() string { return fmt.Sprintf("p%d", w.r.IntN(14)) }

// ref is a name or UUID; sometimes of nobody.
func (w *world) ref() string {
	if here := w.tree.now.all(); len(here) > 0 && w.r.IntN(5) > 0 {
		r := pick(w.r, here...)
		return pick(w.r, r.name, r.uuid)
	}
	if len(w.uuids) > 0 && w.r.IntN(3) == 0 {
		return pick(w.r, w.uuids...)
	}
	return w.name()
}

func (w *world) refOrNone() string {
	if w.r.IntN(4) == 0 {
		return ""
	}
	return w.ref()
}

func (w *world) newUUID() string {
	var b [16]byte
	for i := range b {
		b[i] = byte(w.r.Uint32())
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	u := uuid.UUID(b).String()
	w.uuids = append(w.uuids, u)
	return u
}

func (w *world) inventories() map[string]wire.Inventory {
	all := map[string]wire.Inventory{}
	for range w.r.IntN(3) {
		class := pick(w.r, "VCPU", "MEMORY_MB", "CUSTOM_A")
		i := wire.Inventory{Total: w.r.Int64N(3)}
		if w.r.IntN(2) == 0 {
			i.Total, i.Reserved, i.StepSize, i.AllocationRatio = 8, w.r.Int64N(10), w.r.Int64N(2), pick(w.r, 0, 1, 1.5)
		}
		all[class] = i
	}
	return all
}

func (w *world) some(from ...string) []string {
	found := []string{}
	for range w.r.IntN(3) {
		found = append(found, pick(w.r, from...))
	}
	return found
}

func (w *world) traits() []string {
	return w.some("HW_CPU_X86_AVX", "CUSTOM_T", "MISC_SHARES_VIA_AGGREGATE")
}

func (w *world) aggregates() []string { return w.some(aggregate, consumer, consumer2) }

func (w *world) resources() map[string][]wire.Device {
	all := map[string][]wire.Device{}
	for range w.r.IntN(3) {
		class := pick(w.r, "CUSTOM_A", "PCPU")
		all[class] = append(all[class], wire.Device{Identifier: pick(w.r, "0", "1"), Metadata: pick(w.r, "", "m")})
	}
	return all
}

func (w *world) populate() []wire.PopulateProvider {
	var all []wire.PopulateProvider
	for range 1 + w.r.IntN(4) {
		p := wire.PopulateProvider{Name: w.name(), Parent: w.refOrNone()}
		switch {
		case len(w.uuids) > 0 && w.r.IntN(2) == 0:
			p.UUID = pick(w.r, w.uuids...)
		default: // never none: the two sides would make different ones
			p.UUID = w.newUUID()
		}
		if w.r.IntN(2) == 0 {
			p.Inventories = w.inventories()
		}
		if w.r.IntN(2) == 0 {
			p.Traits = w.traits()
		}
		if w.r.IntN(2) == 0 {
			p.Aggregates = w.aggregates()
		}
		if w.r.IntN(2) == 0 {
			p.Resources = w.resources()
		}
		all = append(all, p)
	}
	return all
}

// change draws an operation: as a Tree does it, and as the server does it.
func (w *world) change() (local func(*Tree) error, op wire.Op) {
	p := w.ref()
	switch w.r.IntN(17) {
	case 0, 1, 2:
		c := wire.CreateProvider{UUID: w.newUUID(), Name: w.name(), Parent: w.refOrNone()}
		if w.r.IntN(8) == 0 {
			c.UUID = pick(w.r, w.uuids...) // perhaps one that is there, or was
		}
		return func(t *Tree) error { _, err := t.Create(c); return err }, wire.Op{CreateProvider: &c}
	case 3:
		return func(t *Tree) error { return t.Remove(p) }, wire.Op{RemoveProvider: &wire.RemoveProvider{Provider: p, Subtree: true}}
	case 4, 5:
		o := wire.RenameProvider{Provider: p, Name: w.name()}
		return func(t *Tree) error { return t.Rename(p, o.Name) }, wire.Op{RenameProvider: &o}
	case 6, 7:
		o := wire.MoveProvider{Provider: p, Parent: w.refOrNone()}
		return func(t *Tree) error { return t.Move(p, o.Parent) }, wire.Op{MoveProvider: &o}
	case 8:
		o := wire.Populate{Providers: w.populate()}
		return func(t *Tree) error { return t.Populate(o.Providers...) }, wire.Op{Populate: &o}
	}
	return w.contents(p)
}

func (w *world) contents(p string) (local func(*Tree) error, op wire.Op) {
	inventories := &wire.ChangeInventories{Provider: p, Inventories: w.inventories()}
	traits := &wire.ChangeTraits{Provider: p, Traits: w.traits()}
	aggregates := &wire.ChangeAggregates{Provider: p, Aggregates: w.aggregates()}
	resources := &wire.ChangeResources{Provider: p, Resources: w.resources()}
	switch w.r.IntN(12) {
	case 0:
		return func(t *Tree) error { return t.SetInventory(p, inventories.Inventories) }, wire.Op{SetInventories: inventories}
	case 1:
		inventories.Inventories["VCPU"] = wire.Inventory{Total: 4} // the server takes no empty put
		return func(t *Tree) error { return t.PutInventory(p, inventories.Inventories) }, wire.Op{PutInventories: inventories}
	case 2:
		classes := slices.Sorted(maps.Keys(map[string]bool{"VCPU": true, pick(w.r, "VCPU", "CUSTOM_A"): true}))
		return func(t *Tree) error { return t.RemoveInventory(p, classes...) },
			wire.Op{RemoveInventories: &wire.RemoveInventories{Provider: p, Classes: classes}}
	case 3:
		return func(t *Tree) error { return t.SetTraits(p, traits.Traits...) }, wire.Op{SetTraits: traits}
	case 4:
		return func(t *Tree) error { return t.AddTraits(p, traits.Traits...) }, wire.Op{AddTraits: traits}
	case 5:
		return func(t *Tree) error { return t.RemoveTraits(p, traits.Traits...) }, wire.Op{RemoveTraits: traits}
	case 6:
		return func(t *Tree) error { return t.SetAggregates(p, aggregates.Aggregates...) }, wire.Op{SetAggregates: aggregates}
	case 7:
		return func(t *Tree) error { return t.AddAggregates(p, aggregates.Aggregates...) }, wire.Op{AddAggregates: aggregates}
	case 8:
		return func(t *Tree) error { return t.RemoveAggregates(p, aggregates.Aggregates...) }, wire.Op{RemoveAggregates: aggregates}
	case 9:
		return func(t *Tree) error { return t.SetResources(p, resources.Resources) }, wire.Op{SetResources: resources}
	case 10:
		return func(t *Tree) error { return t.AddResources(p, resources.Resources) }, wire.Op{AddResources: resources}
	default:
		return func(t *Tree) error { return t.RemoveResources(p, resources.Resources) }, wire.Op{RemoveResources: resources}
	}
}

// snapshot is everything a Tree has, but generations, and checks that what
// follows from the records agrees with them.
func snapshot(t testing.TB, tree *Tree) map[string]ProviderData {
	t.Helper()
	all := map[string]ProviderData{}
	place := map[string]int{}
	for i, u := range must(tree.UUIDs(""))(t) {
		d := must(tree.Data(u))(t)
		if byName := must(tree.Data(d.Name))(t); byName.UUID != u {
			t.Fatalf("%s is found by the name of %s", byName.UUID, u)
		}
		if above, has := place[d.Parent]; d.Parent != "" && (!has && tree.Exists(d.Parent) || above >= i && has) {
			t.Fatalf("%s comes before its parent", d.Name)
		}
		place[u] = i
		d.Generation = 0
		all[u] = d
	}
	if len(place) != len(tree.now.records) || len(tree.now.uuids) != len(tree.now.records) {
		t.Fatalf("%d listed, %d records, %d names", len(place), len(tree.now.records), len(tree.now.uuids))
	}
	for key, list := range tree.now.children {
		if len(list) == 0 {
			t.Fatalf("an empty list of children under %q", key)
		}
	}
	return all
}

// stored is what a cluster has, in the form of snapshot.
func stored(t testing.TB, c *Client) map[string]ProviderData {
	t.Helper()
	all := map[string]ProviderData{}
	for p, err := range c.Providers(t.Context(), ProviderFilter{}) {
		ok(t, err)
		r := recordOf(p)
		all[r.uuid] = ProviderData{
			UUID: r.uuid, Name: r.name, Parent: r.parent, Root: p.Root, Inventories: r.inventories,
			Traits: r.traits, Aggregates: r.aggregates, Resources: r.devices.wire(),
		}
	}
	return all
}

// same fails unless two snapshots are equal; empty lists are like none.
func same(t testing.TB, what string, got, want map[string]ProviderData) {
	t.Helper()
	for _, all := range []map[string]ProviderData{got, want} {
		for u, d := range all {
			if len(d.Traits) == 0 {
				d.Traits = nil
			}
			if len(d.Aggregates) == 0 {
				d.Aggregates = nil
			}
			all[u] = d
		}
	}
	for u := range want {
		if !reflect.DeepEqual(got[u], want[u]) {
			t.Fatalf("%s: provider %s:\n got %+v\nwant %+v", what, u, got[u], want[u])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d providers, want %d", what, len(got), len(want))
	}
}

func vocabulary(t testing.TB, c *Client) {
	t.Helper()
	must(c.CreateResourceClass(t.Context(), "CUSTOM_A"))(t)
	must(c.CreateTrait(t.Context(), "CUSTOM_T"))(t)
}

// Every local operation does what the server's operation does, or is refused
// with the same code and changes nothing. The difference that Diff finds makes
// the cluster equal to the Tree, and it is no larger than it has to be.
func TestTreeIsAsTheServer(t *testing.T) {
	w := &world{r: random(t)}
	committed, a := start(t, 1)
	mirrored, b := start(t, 1)
	vocabulary(t, a)
	vocabulary(t, b)
	tree := NewTree(a)
	w.tree = tree
	commits, refusals, largest := 0, 0, 0
	for step := range *stepsFlag {
		change, op := w.change()
		before := snapshot(t, tree)
		err := change(tree)
		_, mirrorErr := b.Txn(t.Context(), wire.Txn{Ops: []wire.Op{op}})
		if CodeOf(err) != CodeOf(mirrorErr) {
			t.Fatalf("step %d: %s: local %v, server %v", step, describe(op), err, mirrorErr)
		}
		if err != nil {
			refusals++
			same(t, fmt.Sprintf("step %d: after the refusal of %s", step, describe(op)), snapshot(t, tree), before)
		} else {
			same(t, fmt.Sprintf("step %d: after %s", step, describe(op)), snapshot(t, tree), stored(t, b))
		}
		if w.r.IntN(12) != 0 {
			continue
		}
		txn := tree.Diff()
		generations := generationsOf(t, a)
		if _, err := tree.Commit(t.Context()); err != nil {
			t.Fatalf("step %d: commit of %s: %v", step, describeAll(txn), err)
		}
		commits++
		largest = max(largest, len(txn.Ops))
		same(t, fmt.Sprintf("step %d: after the commit of %s", step, describeAll(txn)), stored(t, a), snapshot(t, tree))
		if left := tree.Diff(); len(left.Ops)+len(left.Preconditions) != 0 {
			t.Fatalf("step %d: left after commit: %s", step, describeAll(left))
		}
		untouched(t, tree, txn, generations, generationsOf(t, a))
	}
	ok(t, committed.state().Check())
	ok(t, mirrored.state().Check())
	t.Logf("%d commits of up to %d operations, %d refusals", commits, largest, refusals)
	if *stepsFlag >= 1000 && (commits < 20 || largest < 5 || refusals < 20) {
		t.Error("the random operations are too tame to show anything")
	}
}

func generationsOf(t testing.TB, c *Client) map[string]uint64 {
	all := map[string]uint64{}
	for p, err := range c.Providers(t.Context(), ProviderFilter{}) {
		ok(t, err)
		all[p.UUID] = p.Generation
	}
	return all
}

// untouched checks that the Tree knows all generations, and that those changed
// are only those of providers that the transaction guards or creates.
func untouched(t testing.TB, tree *Tree, txn wire.Txn, before, after map[string]uint64) {
	t.Helper()
	guarded := map[string]bool{}
	for _, c := range txn.Preconditions {
		if c.ProviderGeneration != nil {
			guarded[c.ProviderGeneration.Provider] = true
		}
		if c.ProviderAbsent != nil {
			guarded[*c.ProviderAbsent] = true
		}
	}
	for u, g := range after {
		if told := must(tree.Data(u))(t).Generation; told != g {
			t.Fatalf("generation of %s is %d, the tree says %d", u, g, told)
		}
		if before[u] != g && !guarded[u] {
			t.Fatalf("generation of %s went from %d to %d unguarded", u, before[u], g)
		}
	}
}

func describe(op wire.Op) string {
	b, err := encode(op)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func describeAll(txn wire.Txn) string {
	b, err := encode(txn)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// A Tree may be committed while others write. What is refused changes nothing,
// and a fresh Tree then works; no change of anybody is lost.
func TestTreeAmongOthers(t *testing.T) {
	w := &world{r: random(t)}
	cluster, c := start(t, 1)
	vocabulary(t, c)
	seed := NewTree(c)
	for i := range 10 {
		must(seed.Create(wire.CreateProvider{UUID: w.newUUID(), Name: fmt.Sprintf("p%d", i), Parent: parentOf(i)}))(t)
	}
	must(seed.Commit(t.Context()))(t)
	conflicts, commits := 0, 0
	for step := range *stepsFlag / 4 {
		tree := NewTree(c)
		for p, err := range c.Roots(t.Context()) {
			ok(t, err)
			ok(t, tree.Load(t.Context(), p.UUID))
		}
		w.tree = tree
		for range 3 {
			change, _ := w.change()
			_ = change(tree) // refused or not: both are tested elsewhere
		}
		changed := guardedBy(tree.Diff())
		var touched []string // by somebody else
		if w.r.IntN(2) == 0 {
			target := w.ref()
			if ours := slices.Sorted(maps.Keys(changed)); len(ours) > 0 && w.r.IntN(2) == 0 {
				target = pick(w.r, ours...)
			}
			_, op := w.contents(target)
			if result, err := c.Txn(t.Context(), wire.Txn{Ops: []wire.Op{op}}); err == nil {
				for _, g := range result.Providers {
					touched = append(touched, g.UUID)
				}
			}
		}
		clash := false
		for u, g := range generationsOf(t, c) {
			clash = clash || changed[u] && g != tree.generations[u]
		}
		want, before := snapshot(t, tree), stored(t, c)
		_, err := tree.Commit(t.Context())
		switch {
		case err == nil:
			commits++
			if clash {
				t.Fatalf("step %d: committed over a change of %v by somebody else", step, touched)
			}
			got := stored(t, c)
			for _, u := range touched { // ours and theirs stand side by side
				if _, here := want[u]; here && !changed[u] {
					same(t, fmt.Sprint("step ", step), map[string]ProviderData{u: parts(got[u])}, map[string]ProviderData{u: parts(before[u])})
				}
				delete(want, u)
				delete(got, u)
			}
			same(t, fmt.Sprint("step ", step), got, want)
		case CodeOf(err) == wire.CodeConflict:
			conflicts++
			if !clash {
				t.Fatalf("step %d: %v, although nobody else changed anything of ours", step, err)
			}
			same(t, fmt.Sprintf("step %d: after %v", step, err), stored(t, c), before)
		default:
			t.Fatalf("step %d: %v", step, err)
		}
	}
	ok(t, cluster.state().Check())
	t.Logf("%d commits, %d conflicts", commits, conflicts)
	if *stepsFlag >= 1000 && (commits < 20 || conflicts < 5) {
		t.Error("the random operations are too tame to show anything")
	}
}

func parentOf(i int) string {
	if i%4 == 0 {
		return ""
	}
	return fmt.Sprintf("p%d", i-1)
}

// parts is what a provider has, without its place: the transaction may have
// moved what is above it.
func parts(d ProviderData) ProviderData {
	d.Root = ""
	return d
}

func guardedBy(txn wire.Txn) map[string]bool {
	all := map[string]bool{}
	for _, c := range txn.Preconditions {
		if c.ProviderGeneration != nil {
			all[c.ProviderGeneration.Provider] = true
		}
	}
	return all
}
