package tree

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// TestCheckDetects breaks one thing at a time in a good state. Provider 1 is
// host, 2 is numa0, 3 numa1, 4 nic, 5 storage, as in the sample.
func TestCheckDetects(t *testing.T) {
	port, rack := uint32(firstCustom), uint32(firstCustom) // the first custom class and trait
	edit := func(number uint32, f func(*provider)) func(*State) {
		return func(s *State) {
			p := *s.record(number)
			p.inventories, p.devices = slices.Clone(p.inventories), slices.Clone(p.devices)
			p.traits, p.aggregates = slices.Clone(p.traits), slices.Clone(p.aggregates)
			f(&p)
			s.providers.set(number, &p)
		}
	}
	holder := func(f func(*consumer)) func(*State) {
		return func(s *State) {
			old, _ := s.consumer(num(guest))
			c := *old
			c.allocations = slices.Clone(c.allocations)
			f(&c)
			s.consumers.set(num(guest), &c)
		}
	}
	for _, c := range []struct {
		name string
		harm func(*State)
		want string
	}{
		{"class name missing", func(s *State) { s.classes.byName.delete("CUSTOM_FREE") }, "class numbers but"},
		{"class name to another", func(s *State) { s.classes.byName.set("CUSTOM_FREE", port) }, "not found by its name"},
		{"class without a name", func(s *State) {
			s.classes.byNumber.set(port+1, term{})
			s.classes.byName.delete("CUSTOM_FREE")
			s.classes.byName.set("", port+1)
		}, "has no name"},
		{"class over the next number", func(s *State) { s.classes.next = port }, "not below the next number"},
		{"trait name missing", func(s *State) { s.traits.byName.delete("CUSTOM_FREE") }, "trait numbers but"},
		{"trait over the next number", func(s *State) { s.traits.next = rack }, "not below the next number"},
		{"next trait among the standard ones", func(s *State) { s.traits.next = 7 }, "next trait number 7"},

		{"number of another", edit(2, func(p *provider) { p.number = 3 }), "has number 3"},
		{"number not below the next", func(s *State) { s.nextProvider = 5 }, "next is 5"},
		{"bad name", edit(2, func(p *provider) { p.name = "" }), "a name is needed"},
		{"zero UUID", func(s *State) {
			edit(2, func(p *provider) { p.uuid = UUID{} })(s)
			s.byUUID.delete(num(2))
			s.byUUID.set(UUID{}, 2)
		}, "no UUID"},
		{"other UUID", edit(2, func(p *provider) { p.uuid = num(99) }), "not found by its UUID"},
		{"other name", edit(2, func(p *provider) { p.name = "other" }), "not found by its name"},
		{"other parent", edit(2, func(p *provider) { p.parent = 3 }), "not among the children of 3"},
		{"other root", edit(4, func(p *provider) { p.root = 5 }), "has root 5, not 1"},
		{"a ring", func(s *State) {
			edit(2, func(p *provider) { p.parent = 4 })(s)
			s.children.delete(pairOf(1, 2))
			s.children.set(pairOf(4, 2), struct{}{})
		}, "hang below a root"},
		{"a child of nobody", func(s *State) {
			edit(2, func(p *provider) { p.parent = 77 })(s)
			s.children.delete(pairOf(1, 2))
			s.children.set(pairOf(77, 2), struct{}{})
		}, "hang below a root"},
		{"a provider missing", func(s *State) { s.providers.delete(3) }, "entries, the records"},

		{"uuid index missing", func(s *State) { s.byUUID.delete(num(2)) }, "not found by its UUID"},
		{"uuid index more", func(s *State) { s.byUUID.set(num(99), 2) }, "index uuid has 6 entries"},
		{"name index missing", func(s *State) { s.byName.delete("numa0") }, "not found by its name"},
		{"name index more", func(s *State) { s.byName.set("other", 2) }, "index name has 6 entries"},
		{"children index missing", func(s *State) { s.children.delete(pairOf(1, 2)) }, "not among the children"},
		{"children index more", func(s *State) { s.children.set(pairOf(5, 3), struct{}{}) }, "index children has 6 entries"},
		{"children index with a ring", func(s *State) { s.children.set(pairOf(4, 1), struct{}{}) }, "index children has 6 entries"},
		{"class index missing", func(s *State) { s.byClass.delete(pairOf(0, 2)) }, "not indexed by class"},
		{"class index missing for a device", func(s *State) { s.byClass.delete(pairOf(port, 4)) }, "not indexed by class"},
		{"class index more", func(s *State) { s.byClass.set(pairOf(0, 5), struct{}{}) }, "index class has"},
		{"trait index missing", func(s *State) { s.byTrait.delete(pairOf(rack, 1)) }, "not indexed by trait"},
		{"trait index more", func(s *State) { s.byTrait.set(pairOf(rack, 5), struct{}{}) }, "index trait has"},
		{"aggregate index missing", func(s *State) { s.byAggregate.delete(aggregateKey{num(201), 1}) }, "not indexed by aggregate"},
		{"aggregate index more", func(s *State) { s.byAggregate.put(aggregateKey{num(201), 2}) }, "index aggregate has"},
		{"claim index missing", func(s *State) { s.claims.delete(claimKey{2, num(guest)}) }, "not indexed by provider"},
		{"claim index more", func(s *State) { s.claims.set(claimKey{3, num(guest)}, struct{}{}) }, "claims are indexed"},

		{"inventory of an unknown class", edit(2, func(p *provider) { p.inventories[0].class = 5000 }), "unknown class 5000"},
		{"inventories out of order", edit(2, func(p *provider) { p.inventories = append(p.inventories, p.inventories[0]) }), "inventories out of order"},
		{"bad inventory", edit(2, func(p *provider) { p.inventories[0].stepSize = 0 }), "step_size is 0"},
		{"negative usage", edit(3, func(p *provider) { p.inventories[0].used = -1 }), "uses -1"},
		{"usage of nobody", edit(3, func(p *provider) { p.inventories[0].used = 1 }), "counts 1"},
		{"usage forgotten", edit(2, func(p *provider) { p.inventories[0].used = 2 }), "consumers hold 3"},
		{"device of an unknown class", edit(4, func(p *provider) { p.devices[0].class = 5000 }), "unknown class 5000"},
		{"devices out of order", edit(4, func(p *provider) { slices.Reverse(p.devices) }), "devices out of order"},
		{"device twice", edit(4, func(p *provider) { p.devices[1] = p.devices[0] }), "devices out of order"},
		{"unknown trait", edit(1, func(p *provider) { p.traits[0] = 5000 }), "unknown trait 5000"},
		{"traits out of order", edit(1, func(p *provider) { slices.Reverse(p.traits) }), "traits out of order"},
		{"aggregate twice", edit(1, func(p *provider) { p.aggregates = []UUID{num(201), num(201)} }), "aggregates out of order"},
		{"zero aggregate", func(s *State) {
			edit(1, func(p *provider) { p.aggregates = []UUID{{}, num(201)} })(s)
			s.byAggregate.put(aggregateKey{UUID{}, 1})
		}, "zero aggregate"},

		{"consumer without allocations", holder(func(c *consumer) { c.allocations = nil }), "holds nothing"},
		{"zero consumer", func(s *State) { s.consumers.set(UUID{}, &consumer{allocations: []allocation{{2, 0, 1}}}) }, "no UUID"},
		{"allocation of 0", holder(func(c *consumer) { c.allocations[0].amount = 0 }), "holds 0"},
		{"allocation twice", holder(func(c *consumer) {
			c.allocations[0].amount = 1 // of 2, so that the sum is right
			c.allocations = append(c.allocations, c.allocations[0])
		}), "twice"},
		{"allocation of another amount", holder(func(c *consumer) { c.allocations[0].amount = 1 }), "consumers hold 2"},
		{"allocation of a class without inventory", holder(func(c *consumer) {
			c.allocations = append(c.allocations, allocation{2, 5, 1})
		}), "have no inventory"},
		{"consumer missing", func(s *State) { s.consumers.delete(num(guest)) }, "claims are indexed"},
		{"consumer under another's UUID", func(s *State) {
			c, _ := s.consumer(num(guest))
			s.consumers.delete(num(guest))
			s.consumers.set(num(99), c)
		}, "not indexed by provider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sample(t)
			broken := &State{tables: s.tables, revision: s.revision}
			c.harm(broken)
			checked := make(chan error, 1)
			go func() { checked <- broken.Check() }()
			select {
			case err := <-checked:
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Check: %v, want %q", err, c.want)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("Check does not end")
			}
			if err := s.Check(); err != nil {
				t.Errorf("the good state: %v", err)
			}
		})
	}
}
