package tree

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// The tests of this file count steps, which is what a transaction writes, and
// not time.

// star is a root "top" with n children, and a root "other".
func star(t testing.TB, n int) *State {
	t.Helper()
	ops := []Op{create(1, "top", ""), create(2, "other", "")}
	for i := range n {
		ops = append(ops, create(i+3, fmt.Sprint("child", i), "top"))
	}
	return grow(t, New(), ops...)
}

// chain is a root "top" with n descendants, each below the one before, and a
// root "other".
func chain(t testing.TB, n int) *State {
	t.Helper()
	ops := []Op{create(1, "top", ""), create(2, "other", "")}
	above := "top"
	for i := range n {
		name := fmt.Sprint("link", i)
		ops = append(ops, create(i+3, name, above))
		above = name
	}
	return grow(t, New(), ops...)
}

// steps counts what a transaction writes.
func steps(t testing.TB, s *State, ops ...Op) int {
	t.Helper()
	n := 0
	next, _, err := s.Apply(now, Txn{Ops: ops}, func(int, string) error { n++; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Check(); err != nil {
		t.Fatal(err)
	}
	return n
}

const many = 100_000

func TestStepsWithManyChildren(t *testing.T) {
	small, large := star(t, 10), star(t, many)
	for _, op := range []Op{
		create(many+9, "x", "top"), RenameProvider{ByName("top"), "x"}, RenameProvider{ByName("child7"), "x"},
		setInventories("top", inv("VCPU", 8)), ChangeTraits{Add, ByName("top"), []string{"HW_NUMA_ROOT"}},
		MoveProvider{ByName("child7"), ByName("")}, MoveProvider{ByName("child7"), ByName("child8")},
		RemoveProvider{Provider: ByName("child7")}, populate(node(many+9, "x", "top")), populate(known(10, "child7", "top")),
	} {
		if few, lots := steps(t, small, op), steps(t, large, op); few != lots {
			t.Errorf("%s takes %d steps among 10 children, %d among %d", op.Kind(), few, lots, many)
		}
	}
}

// What has to touch each of n providers takes so many steps a provider, no
// matter how many there are and how deep they hang.
func TestStepsOfWholeTrees(t *testing.T) {
	for name, grown := range map[string]func(testing.TB, int) *State{"star": star, "chain": chain} {
		const n = 100
		small, double, large := grown(t, n), grown(t, 2*n), grown(t, many)
		for _, op := range []Op{
			MoveProvider{ByName("top"), ByName("other")},
			RemoveProvider{ByName("top"), true},
			populate(known(1, "top", "other")), // all others go
		} {
			few, lots := steps(t, small, op), steps(t, large, op)
			each := (steps(t, double, op) - few) / n
			if want := few + each*(many-n); lots != want || each == 0 {
				t.Errorf("%s of a %s: %d steps for %d providers, %d for %d: want %d", op.Kind(), name, few, n, lots, many, want)
			}
		}
	}
}

// TestStepsOfPopulate makes, repeats and rearranges chains and stars, given in
// any order.
func TestStepsOfPopulate(t *testing.T) {
	const seed = 11
	t.Logf("seed %d", seed)
	orders := map[string]func([]PopulateProvider){
		"parents first":  func([]PopulateProvider) {},
		"children first": slices.Reverse[[]PopulateProvider],
		"any order": func(list []PopulateProvider) {
			rand.New(rand.NewPCG(seed, 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		},
	}
	// A list of n providers; the parent of the i-th, and its parent later.
	shapes := map[string]func(i int) (parent, later int){
		"star":  func(int) (int, int) { return 0, 0 },
		"chain": func(i int) (int, int) { return i - 1, i - 1 },
		"a chain that is cut in the middle, below its end": func(i int) (int, int) {
			if i == 100 {
				return i - 1, 0
			}
			return i - 1, i - 1
		},
		"a chain that becomes a star": func(i int) (int, int) { return i - 1, 0 },
		"a star that becomes a chain": func(i int) (int, int) { return 0, i - 1 },
	}
	list := func(n int, shape func(int) (int, int), later bool) []PopulateProvider {
		all := make([]PopulateProvider, n)
		for i := range all {
			parent, second := shape(i)
			if later {
				parent = second
			}
			all[i] = known(i+1, fmt.Sprint("p", i), fmt.Sprint("p", parent))
		}
		all[0].Parent = Ref{}
		return all
	}
	for order, sort := range orders {
		for shape, parents := range shapes {
			t.Run(order+"/"+strings.ReplaceAll(shape, " ", "_"), func(t *testing.T) {
				perProvider := func(n int) (first, again, later int) {
					given, second := list(n, parents, false), list(n, parents, true)
					sort(given)
					sort(second)
					s := New()
					first = steps(t, s, Populate{given})
					s = grow(t, s, Populate{given})
					again = steps(t, s, Populate{given})
					return first / n, again, steps(t, s, Populate{second}) / n
				}
				few, again, moved := perProvider(1000)
				lots, againLots, movedLots := perProvider(5000)
				if lots > few || movedLots > moved+1 || few > 10 || moved > 5 {
					t.Errorf("steps a provider: %d of 1000, %d of 5000; to rearrange: %d and %d", few, lots, moved, movedLots)
				}
				if again+againLots != 0 {
					t.Errorf("the same again takes %d and %d steps", again, againLots)
				}
			})
		}
	}
}

// TestLargeLists has one provider, and one consumer, with very much.
func TestLargeLists(t *testing.T) {
	const n = 20_000
	aggregates := make([]UUID, n)
	list := make([]Device, n)
	for i := range n {
		aggregates[i] = num(n - i)
		list[i] = Device{"VGPU", fmt.Sprint(i), ""}
	}
	s := sample(t)
	for _, mode := range []ChangeMode{Add, Set, Add, Remove} {
		half := map[ChangeMode]int{Set: n, Add: n / 2, Remove: n / 2}[mode]
		s = grow(t, s, ChangeAggregates{Mode: mode, Provider: ByName("host"), Aggregates: aggregates[:half]},
			ChangeResources{mode, ByName("host"), list[:half]})
	}
	host := provide(t, s, "host")
	equal(t, "left", []int{len(host.Aggregates()), len(host.Devices())}, []int{n / 2, n / 2})

	s = star(t, n)
	var ops []Op
	var claim []AllocationOf
	for i := range n {
		name := fmt.Sprint("child", i)
		ops = append(ops, setInventories(name, inv("VCPU", 1)))
		claim = append(claim, of(name, "VCPU", 1))
	}
	s = grow(t, grow(t, s, ops...), take(guest, claim...))
	s = grow(t, s, take(guest, claim[:n/2]...))
	equal(t, "used", used(t, s, "child0", "VCPU"), 1)
	equal(t, "freed", used(t, s, fmt.Sprint("child", n-1), "VCPU"), 0)
}

// BenchmarkBytesPerProvider reports what a provider takes in memory: one with
// three inventories and twenty traits, as a compute host has. Equal lists of
// traits are not shared between providers.
func BenchmarkBytesPerProvider(b *testing.B) {
	traits := StandardTraits()[100:120]
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before, s := heap(), New()
		for i := 0; i < many; i += 1000 {
			var ops []Op
			for j := i; j < i+1000; j++ {
				name := fmt.Sprint("host", j)
				ops = append(ops, create(j+1, name, ""),
					setInventories(name, inv("VCPU", 64), inv("MEMORY_MB", 1<<18), inv("DISK_GB", 2000)),
					ChangeTraits{Set, ByName(name), traits})
			}
			next, _, err := s.Apply(now, Txn{Ops: ops}, nil)
			if err != nil {
				b.Fatal(err)
			}
			s = next
		}
		b.ReportMetric(float64(heap()-before)/many, "bytes/provider")
		runtime.KeepAlive(s)
	}
}
