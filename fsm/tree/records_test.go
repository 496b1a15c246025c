package tree

import (
	"iter"
	"slices"
	"strings"
	"testing"
)

// records are the content of a state, to be changed and built again.
type records struct {
	meta      Meta
	classes   []TermRecord
	traits    []TermRecord
	providers []ProviderRecord
	consumers []ConsumerRecord
}

func recordsOf(s *State) *records {
	r := &records{
		meta: s.Meta(), classes: slices.Collect(s.ClassRecords()), traits: slices.Collect(s.TraitRecords()),
	}
	for p := range s.ProviderRecords() {
		p.Inventories, p.Devices = slices.Clone(p.Inventories), slices.Clone(p.Devices)
		p.Traits, p.Aggregates = slices.Clone(p.Traits), slices.Clone(p.Aggregates)
		r.providers = append(r.providers, p)
	}
	for c := range s.ConsumerRecords() {
		c.Allocations = slices.Clone(c.Allocations)
		r.consumers = append(r.consumers, c)
	}
	return r
}

func (r *records) build() (*State, error) {
	b := NewBuilder(r.meta)
	for _, c := range r.classes {
		b.AddClass(c)
	}
	for _, t := range r.traits {
		b.AddTrait(t)
	}
	for _, p := range r.providers {
		b.AddProvider(p)
	}
	for _, c := range r.consumers {
		b.AddConsumer(c)
	}
	return b.Build()
}

func TestRecordsRoundTrip(t *testing.T) {
	for name, s := range map[string]*State{
		"new":    New(),
		"sample": sample(t),
		"without the first numbers": grow(t, sample(t), Release{[]UUID{num(guest), num(tunnel)}},
			RemoveProvider{ByName("host"), true}, RemoveResourceClass{"CUSTOM_PORT"}, RemoveTrait{"CUSTOM_RACK"}),
	} {
		t.Run(name, func(t *testing.T) {
			r := recordsOf(s)
			back, err := r.build()
			if err != nil {
				t.Fatal(err)
			}
			if err := back.Check(); err != nil {
				t.Error(err)
			}
			if got, want := dump(back), dump(s); got != want {
				t.Errorf("back from records:\n%s\nwant:\n%s", got, want)
			}
			// It goes on like the original, and shares nothing with the records.
			for _, p := range r.providers {
				clear(p.Inventories)
				clear(p.Traits)
				clear(p.Aggregates)
				clear(p.Devices)
			}
			for _, c := range r.consumers {
				clear(c.Allocations)
			}
			more := []Op{create(50, "more", ""), CreateTrait{"CUSTOM_MORE"}, CreateResourceClass{"CUSTOM_MORE"}}
			if got, want := dump(grow(t, back, more...)), dump(grow(t, s, more...)); got != want {
				t.Errorf("after one more transaction:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(*records)
		want string
	}{
		{"a wrong root", func(r *records) { r.providers[3].Root = 5 }, "root"},
		{"a wrong parent", func(r *records) { r.providers[3].Parent = 77 }, "hang below a root"},
		{"a ring", func(r *records) { r.providers[1].Parent = 4 }, "hang below a root"},
		{"a number twice", func(r *records) { r.providers[4].Number = 4 }, "twice"},
		{"a record twice", func(r *records) { r.providers = append(r.providers, r.providers[2]) }, "twice"},
		{"a record twice in a ring", func(r *records) {
			again := r.providers[0]
			again.Parent = 2
			r.providers = append(r.providers, again)
		}, "twice"},
		{"number 0", func(r *records) { r.providers[4].Number = 0 }, "has number 0"},
		{"a number over the next", func(r *records) { r.providers[4].Number = 6 }, "next is 6"},
		{"a UUID twice", func(r *records) { r.providers[4].UUID = r.providers[0].UUID }, "UUID"},
		{"no UUID", func(r *records) { r.providers[4].UUID = UUID{} }, "no UUID"},
		{"a name twice", func(r *records) { r.providers[4].Name = "host" }, "name"},
		{"a bad name", func(r *records) { r.providers[4].Name = "\x00" }, "name"},
		{"usage that is too high", func(r *records) { r.providers[1].Inventories[0].Used++ }, "consumers hold 3"},
		{"a consumer missing", func(r *records) { r.consumers = r.consumers[1:] }, "as used"},
		{"a consumer twice", func(r *records) { r.consumers = append(r.consumers, r.consumers[0]) }, "twice"},
		{"providers out of order", func(r *records) { r.providers[3], r.providers[4] = r.providers[4], r.providers[3] }, "behind a greater one"},
		{"consumers out of order", func(r *records) { slices.Reverse(r.consumers) }, "behind a greater one"},
		{"a consumer with nothing", func(r *records) { r.consumers[0].Allocations = nil }, "holds nothing"},
		{"an allocation of nobody", func(r *records) { r.consumers[0].Allocations[0].Provider = 77 }, "as used"},
		{"an allocation of an unknown class", func(r *records) {
			r.consumers[0].Allocations = append(r.consumers[0].Allocations, AllocationRecord{2, 5000, 1})
		}, "no inventory"},
		{"an unknown class", func(r *records) { r.providers[1].Inventories[0].Class = 5000 }, "unknown class"},
		{"a class missing", func(r *records) { r.classes = slices.DeleteFunc(r.classes, named("CUSTOM_PORT")) }, "unknown class"},
		{"a class twice", func(r *records) { r.classes = append(r.classes, r.classes[0]) }, "twice"},
		{"a class number twice", func(r *records) { r.classes = append(r.classes, TermRecord{Number: 0, Name: "CUSTOM_X"}) }, "twice"},
		{"a class name twice", func(r *records) { r.classes = append(r.classes, TermRecord{Number: 900, Name: "VCPU"}) }, "twice"},
		{"a trait missing", func(r *records) { r.traits = slices.DeleteFunc(r.traits, named("CUSTOM_RACK")) }, "unknown trait"},
		{"a trait twice", func(r *records) { r.traits = append(r.traits, r.traits[0]) }, "twice"},
		{"a trait over the next", func(r *records) { r.meta.NextTrait = firstCustom + 1 }, "next number"},
		{"next class 0", func(r *records) {
			r.meta.NextClass = 0
		}, "next"},
		{"traits out of order", func(r *records) { slices.Reverse(r.providers[0].Traits) }, "out of order"},
		{"a total of 2^32 more", func(r *records) { r.providers[0].Inventories[0].Total += 1 << 32 }, "total"},
		{"a step of 2^32 more", func(r *records) { r.providers[0].Inventories[0].StepSize += 1 << 32 }, "step_size"},
		{"a bad ratio", func(r *records) { r.providers[0].Inventories[0].Ratio = 1 << 63 }, "allocation_ratio"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := recordsOf(sample(t))
			c.harm(r)
			s, err := r.build()
			if err == nil || s != nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Build: %v, want %q", err, c.want)
			}
		})
	}
}

func named(name string) func(TermRecord) bool {
	return func(r TermRecord) bool { return r.Name == name }
}

func TestRecordsCanBeLeftEarly(t *testing.T) {
	s := sample(t)
	for name, n := range map[string]int{
		"classes": taken(s.ClassRecords()), "traits": taken(s.TraitRecords()),
		"providers": taken(s.ProviderRecords()), "consumers": taken(s.ConsumerRecords()),
	} {
		equal(t, name, n, 1)
	}
}

// taken counts what a loop sees that ends after the first.
func taken[T any](all iter.Seq[T]) (n int) {
	for range all {
		n++
		break
	}
	return n
}
