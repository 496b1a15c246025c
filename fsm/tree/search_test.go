package tree

import (
	"iter"
	"slices"
	"testing"
)

// What searches see by number is what queries tell by name: compared on states
// of a random history.
func TestSearchesSeeWhatQueriesTell(t *testing.T) {
	const seed = 5
	t.Logf("seed %d", seed)
	c, s := newChance(seed), New()
	compared := 0
	for i := range 600 {
		next, _, err := s.Apply(now+Time(i), c.txn(s), nil)
		if err != nil {
			continue
		}
		s = next
		for _, after := range []uint32{0, uint32(c.IntN(20))} {
			for _, name := range s.ResourceClasses() {
				number, _ := s.ClassNumber(name)
				compared += sameIndex(t, s.IndexOfClass(number), s.ProvidersWithClass(name, after), after)
			}
			for _, name := range []string{sharingTrait, "HW_NUMA_ROOT", "CUSTOM_A", "CUSTOM_B"} {
				if number, ok := s.TraitNumber(name); ok {
					compared += sameIndex(t, s.IndexOfTrait(number), s.ProvidersWithTrait(name, after), after)
				}
			}
			for n := 499; n < 505; n++ {
				compared += sameIndex(t, s.IndexOfAggregate(num(n)), s.ProvidersInAggregate(num(n), after), after)
			}
			compared += sameIndex(t, s.IndexOfRoots(), s.Roots(after), after)
		}
		for p := range s.Providers(0) {
			sameProvider(t, s, p)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if compared < 1000 {
		t.Errorf("only %d entries were compared", compared)
	}
}

func sameIndex(t *testing.T, x Index, want iter.Seq[Provider], after uint32) int {
	t.Helper()
	var got, numbers []uint32
	x.Each(after, func(n uint32) bool { got = append(got, n); return true })
	for p := range want {
		numbers = append(numbers, p.Number())
	}
	equal(t, "index", got, numbers)
	if after == 0 {
		equal(t, "length of the index", x.Len(), len(numbers))
	}
	first := 0
	x.Each(after, func(uint32) bool { first++; return false })
	equal(t, "seen by a walk that ends at once", first, min(len(numbers), 1))
	return len(got)
}

func sameProvider(t *testing.T, s *State, p Provider) {
	t.Helper()
	back, ok := s.ByNumber(p.Number())
	if !ok || back != p {
		t.Errorf("provider %d is not found by its number", p.Number())
	}
	equal(t, "root", p.RootNumber(), p.Root().Number())
	above := uint32(0)
	if parent, ok := p.Parent(); ok {
		above = parent.Number()
	}
	equal(t, "parent", p.ParentNumber(), above)
	below := p.AppendSubtree([]Provider{p})
	equal(t, "subtree", len(below)-1, len(p.Subtree()))
	for _, q := range p.Subtree() {
		if !slices.Contains(below[1:], q) {
			t.Errorf("provider %d is missing below %d", q.Number(), p.Number())
		}
	}
	for _, name := range s.Traits()[370:] {
		number, _ := s.TraitNumber(name)
		equal(t, name, p.HasTraitNumber(number), p.HasTrait(name))
	}
	var aggregates []UUID
	p.EachAggregate(func(a UUID) bool { aggregates = append(aggregates, a); return true })
	equal(t, "aggregates", aggregates, p.Aggregates())
	for _, i := range p.Inventories() {
		number, _ := s.ClassNumber(i.Class)
		room, ok := p.RoomOf(number)
		want := Room{i.MinUnit, i.MaxUnit, i.StepSize, i.Capacity() - i.Used}
		if !ok || room != want {
			t.Errorf("room of %s is %v, want %v", i.Class, room, want)
		}
	}
	equal(t, "index of one", s.IndexOfOne(p).Len(), 1)
	sameIndex(t, s.IndexOfOne(p), func(yield func(Provider) bool) { yield(p) }, 0)
}

// What fits is what a claim gets.
func TestRoomFitsWhatCanBeClaimed(t *testing.T) {
	s := grow(t, sample(t), setInventories("host", inv("VCPU", 1)), take(absent, of("host", "VCPU", 1)), setInventories("host", inv("VCPU", 2, reserved(2))))
	for _, c := range []struct{ provider, class string }{
		{"numa0", "VCPU"}, {"nic", "SRIOV_NET_VF"}, {"storage", "DISK_GB"}, {"host", "VCPU"},
	} {
		number, _ := s.ClassNumber(c.class)
		room, _ := provide(t, s, c.provider).RoomOf(number)
		for amount := int64(1); amount < 1100; amount++ {
			_, _, err := s.Apply(now, Txn{Ops: []Op{take(absent+1, of(c.provider, c.class, amount))}}, nil)
			if room.Fits(amount) != (err == nil) {
				t.Errorf("%d of %s on %s: fits is %v, a claim: %s", amount, c.class, c.provider, room.Fits(amount), describe(err))
			}
		}
	}
	if _, ok := provide(t, s, "host").RoomOf(12345); ok {
		t.Error("room of an unknown class")
	}
	if (Index{}).Len() != 0 {
		t.Error("the zero index is not empty")
	}
	(Index{}).Each(0, func(uint32) bool { t.Error("the zero index has an entry"); return false })
	if _, ok := s.ByNumber(999); ok {
		t.Error("found a provider by an unknown number")
	}
}
