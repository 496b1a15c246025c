package migrate

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/treenode/treenode/transport/wire"
)

// Difference is one thing that is not the same on both sides.
type Difference struct {
	// Kind is resource_class, trait, provider or consumer.
	Kind string `json:"kind"`
	// ID is the UUID, or the name of a class or trait.
	ID string `json:"id"`
	// Name is the provider's.
	Name string `json:"name,omitempty"`
	// Field is what differs; empty where one side has none of it at all.
	Field string `json:"field,omitempty"`
	// Source and Target say what each side has; empty for nothing.
	Source string `json:"source"`
	Target string `json:"target"`
}

// there stands for something that one side has and the other has not.
const there = "present"

// The kinds of Difference.
const (
	kindClass    = "resource_class"
	kindTrait    = "trait"
	kindProvider = "provider"
	kindConsumer = "consumer"
)

// CompareOptions choose what Compare looks at.
type CompareOptions struct {
	// Extra allows the target to have what the source has not.
	Extra bool
	// Generations compares those of providers and consumers too: two services
	// that came to the same contents by different ways differ in them.
	Generations bool
	// Behind compares them too, and allows the target to be ahead: whoever remembers
	// a generation of the source is told of a conflict then, and reads again. One
	// that is behind will once be what somebody remembers, of other contents.
	Behind bool
	// Usages compares what the services themselves say is claimed.
	Usages bool
	// Resources compares named devices, which Placement does not have.
	Resources bool
}

// Compare lists what differs between a source and a target, in a fixed order.
// Both are arranged. The order of lists does not count, that of a consumer's
// allocations included.
func Compare(source, target *Contents, o CompareOptions) []Difference {
	c := &comparison{options: o}
	compareNames(c, kindClass, source.ResourceClasses, target.ResourceClasses)
	compareNames(c, kindTrait, source.Traits, target.Traits)
	compareAll(c, kindProvider, source.Providers, target.Providers,
		func(p Provider) (string, string) { return p.UUID, p.Name }, c.provider)
	compareAll(c, kindConsumer, source.Consumers, target.Consumers,
		func(p Consumer) (string, string) { return p.UUID, "" }, c.consumer)
	return c.found
}

type comparison struct {
	options CompareOptions
	found   []Difference
	about   Difference // kind, id and name of what is compared now
}

// differ notes a difference of a field of what is compared now.
func (c *comparison) differ(field, source, target string) {
	d := c.about
	d.Field, d.Source, d.Target = field, source, target
	c.found = append(c.found, d)
}

// field compares two values as they are shown.
func (c *comparison) field(name string, source, target any) {
	if s, t := shown(source), shown(target); s != t {
		c.differ(name, s, t)
	}
}

func shown(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, _ := json.Marshal(v) // numbers, strings and structs of them
	return string(b)
}

func (c *comparison) absent(kind, id, name string, inSource bool) {
	if !inSource && c.options.Extra {
		return
	}
	c.about = Difference{Kind: kind, ID: id, Name: name}
	if inSource {
		c.differ("", there, "")
	} else {
		c.differ("", "", there)
	}
}

func compareNames(c *comparison, kind string, source, target []string) {
	same := func(a string) (string, string) { return a, "" }
	compareAll(c, kind, source, target, same, func(string, string) {})
}

// compareAll finds what one side has only, and compares what both have.
func compareAll[T any](c *comparison, kind string, source, target []T, id func(T) (id, name string), both func(source, target T)) {
	have := make(map[string]T, len(target))
	for _, t := range target {
		key, _ := id(t)
		have[key] = t
	}
	for _, s := range source {
		key, name := id(s)
		t, ok := have[key]
		if !ok {
			c.absent(kind, key, name, true)
			continue
		}
		delete(have, key)
		c.about = Difference{Kind: kind, ID: key, Name: name}
		both(s, t)
	}
	for _, key := range slices.Sorted(maps.Keys(have)) {
		_, name := id(have[key])
		c.absent(kind, key, name, false)
	}
}

func (c *comparison) generation(source, target uint64) {
	if c.options.Generations || c.options.Behind && target < source {
		c.field("generation", source, target)
	}
}

func (c *comparison) provider(s, t Provider) {
	c.field("name", s.Name, t.Name)
	c.field("parent", s.Parent, t.Parent)
	c.generation(s.Generation, t.Generation)
	eachKey(s.Inventories, t.Inventories, func(class string, s, t *Inventory) {
		switch {
		case s == nil:
			c.differ("inventories."+class, "", shown(t))
		case t == nil:
			c.differ("inventories."+class, shown(s), "")
		default:
			c.field("inventories."+class+".total", s.Total, t.Total)
			c.field("inventories."+class+".reserved", s.Reserved, t.Reserved)
			c.field("inventories."+class+".min_unit", s.MinUnit, t.MinUnit)
			c.field("inventories."+class+".max_unit", s.MaxUnit, t.MaxUnit)
			c.field("inventories."+class+".step_size", s.StepSize, t.StepSize)
			c.field("inventories."+class+".allocation_ratio", s.AllocationRatio, t.AllocationRatio)
		}
	})
	c.sets("traits", s.Traits, t.Traits)
	c.sets("aggregates", s.Aggregates, t.Aggregates)
	if c.options.Usages {
		eachKey(s.Used, t.Used, func(class string, s, t *int64) { c.field("used."+class, or0(s), or0(t)) })
	}
	if c.options.Resources {
		eachKey(s.Resources, t.Resources, func(class string, s, t *[]wire.Device) { c.field("resources."+class, s, t) })
	}
}

// sets notes each name that only one of two sets has.
func (c *comparison) sets(field string, source, target []string) {
	for _, name := range source {
		if !slices.Contains(target, name) {
			c.differ(field, name, "")
		}
	}
	for _, name := range target {
		if !slices.Contains(source, name) {
			c.differ(field, "", name)
		}
	}
}

func (c *comparison) consumer(s, t Consumer) {
	c.field("project", s.Project, t.Project)
	c.field("user", s.User, t.User)
	c.field("type", s.Type, t.Type)
	c.generation(s.Generation, t.Generation)
	eachKey(byProvider(s.Allocations), byProvider(t.Allocations), func(provider string, s, t *map[string]int64) {
		eachKey(orEmpty(s), orEmpty(t), func(class string, s, t *int64) {
			c.field("allocations."+provider+"."+class, or0(s), or0(t))
		})
	})
}

func byProvider(allocations []wire.Allocation) map[string]map[string]int64 {
	all := make(map[string]map[string]int64, len(allocations))
	for _, a := range allocations {
		all[a.Provider] = a.Resources
	}
	return all
}

func or0(n *int64) int64 {
	if n == nil {
		return 0
	}
	return *n
}

func orEmpty(m *map[string]int64) map[string]int64 {
	if m == nil {
		return nil
	}
	return *m
}

// eachKey visits the keys of two maps in order; nil stands for none.
func eachKey[K cmp.Ordered, V any](a, b map[K]V, visit func(key K, a, b *V)) {
	keys := slices.Collect(maps.Keys(a))
	for k := range b {
		if _, ok := a[k]; !ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		var of [2]*V
		for i, m := range []map[K]V{a, b} {
			if v, ok := m[k]; ok {
				of[i] = &v
			}
		}
		visit(k, of[0], of[1])
	}
}
