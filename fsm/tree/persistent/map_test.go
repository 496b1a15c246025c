package persistent

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

var seedFlag = flag.Uint64("seed", 0, "seed of the randomised tests; 0 takes the clock")

func random(t *testing.T) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = uint64(time.Now().UnixNano()) //nolint:gosec // any number does
	}
	t.Logf("-seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func searchInt(items []Item[int, int], k int) (int, bool) {
	i := sort.Search(len(items), func(i int) bool { return items[i].Key >= k })
	return i, i < len(items) && items[i].Key == k
}

// check compares a map with what it should hold and looks at its shape.
func check(t *testing.T, m *Map[int, int], want map[int]int) {
	t.Helper()
	keys := slices.Sorted(maps.Keys(want))
	var have []int
	m.All(func(k, v int) bool {
		if v != want[k] {
			t.Fatalf("%d has %d, want %d", k, v, want[k])
		}
		have = append(have, k)
		return true
	})
	if !slices.Equal(have, keys) || m.Len() != len(keys) {
		t.Fatalf("%d keys (Len %d), want %d", len(have), m.Len(), len(keys))
	}
	for _, k := range keys {
		if v, ok := m.Get(k); !ok || v != want[k] {
			t.Fatalf("Get(%d) = %d, %v, want %d", k, v, ok, want[k])
		}
	}
	first, ok := m.Min()
	if ok != (len(keys) > 0) || ok && first.Key != keys[0] {
		t.Fatalf("Min() = %d, %v", first.Key, ok)
	}
	if m.root != nil {
		shape(t, m.root, 0)
	}
}

// shape returns the depth of a node after looking at every size below it.
func shape(t *testing.T, n *node[int, int], level int) int {
	t.Helper()
	if n.size() == 0 || n.size() > nodeMax {
		t.Fatalf("a node of %d", n.size())
	}
	if n.kids == nil {
		return 0
	}
	if len(n.items) != len(n.kids)-1 || level == 0 && len(n.kids) < 2 {
		t.Fatalf("%d items between %d kids", len(n.items), len(n.kids))
	}
	depth := shape(t, n.kids[0], level+1)
	for _, kid := range n.kids[1:] {
		if shape(t, kid, level+1) != depth {
			t.Fatal("leaves of different depth")
		}
	}
	return depth + 1
}

// Each version of a long history stays as it was.
func TestVersions(t *testing.T) {
	r := random(t)
	for _, keys := range []int{5, 200, 3000, 100_000} {
		t.Run(fmt.Sprint(keys), func(t *testing.T) {
			type version struct {
				m    Map[int, int]
				want map[int]int
			}
			now := version{New(searchInt), map[int]int{}}
			var versions []version
			next := 0
			for range 60 {
				m, want, e := now.m, maps.Clone(now.want), &Edit{}
				deletions, inOrder, block := r.IntN(10), r.IntN(4) == 0, r.IntN(keys)
				for range r.IntN(1 + min(keys, 2000)) {
					k := r.IntN(keys)
					switch r.IntN(3) {
					case 0:
						k = (block + r.IntN(100)) % keys
					case 1:
						if inOrder {
							next++
							k = next % keys
						}
					}
					if r.IntN(10) < deletions {
						m.Delete(e, k)
						delete(want, k)
					} else {
						v := r.Int()
						m.Set(e, k, v)
						want[k] = v
					}
				}
				check(t, &m, want)
				if r.IntN(4) > 0 { // else the version is thrown away
					now = version{m, want}
					versions = append(versions, now)
				}
			}
			for _, v := range versions {
				check(t, &v.m, v.want)
			}
			m, want, e := now.m, maps.Clone(now.want), &Edit{}
			for _, k := range r.Perm(keys) {
				m.Delete(e, k)
				delete(want, k)
				if len(want)%997 == 0 {
					check(t, &m, want)
				}
			}
			if m.root != nil || m.Len() != 0 {
				t.Error("something is left")
			}
			check(t, &now.m, now.want)
		})
	}
}

func TestAscend(t *testing.T) {
	m, e := New(searchInt), &Edit{}
	m.Ascend(0, func(int, int) bool { t.Error("an empty map has an element"); return true })
	if _, ok := m.Get(1); ok {
		t.Error("an empty map has an element")
	}
	const n = 5000
	for i := range n {
		m.Set(e, 2*i, i)
	}
	for from := -3; from < 2*n+3; from++ {
		var have []int
		m.Ascend(from, func(k, _ int) bool {
			have = append(have, k)
			return len(have) < 40
		})
		var want []int
		for k := max(0, from+from&1); k < 2*n && len(want) < 40; k += 2 {
			want = append(want, k)
		}
		if !slices.Equal(have, want) {
			t.Fatalf("from %d: %v, want %v", from, have, want)
		}
	}
}

// Keys that come in order fill the leaves, whoever writes them.
func TestOrderFillsLeaves(t *testing.T) {
	m := New(searchInt)
	const n = 100 * nodeMax
	for i := range n {
		m.Set(&Edit{}, i, i)
	}
	leaves := 0
	var count func(*node[int, int])
	count = func(n *node[int, int]) {
		if n.kids == nil {
			leaves++
		}
		for _, kid := range n.kids {
			count(kid)
		}
	}
	count(m.root)
	if leaves != n/nodeMax {
		t.Errorf("%d leaves of %d for %d keys", leaves, nodeMax, n)
	}
}

// An edit copies what is on its paths, once.
func TestEditCopiesOnce(t *testing.T) {
	m, e := New(searchInt), &Edit{}
	for i := range 10_000 {
		m.Set(e, i, i)
	}
	if n := testing.AllocsPerRun(10, func() {
		m.Set(e, 5, 7)
		m.Set(e, 9000, 7)
	}); n != 0 {
		t.Errorf("%v allocations in nodes of the edit's own", n)
	}
	old := m.root
	m.Set(&Edit{}, 5, 8)
	if m.root == old || m.root.kids[1] != old.kids[1] {
		t.Error("more or less than the path was copied")
	}
}
