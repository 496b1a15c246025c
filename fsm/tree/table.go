package tree

import (
	"cmp"
	"sync"

	"github.com/tidwall/btree"

	"github.com/treenode/treenode/fsm/tree/persistent"
)

// copying guards the library's Copy, which renews the mark by which the
// original tells its own nodes from shared ones. Readers never look at that
// mark, so they need no lock; two drafts begun from one state at once would
// otherwise race on it.
var copying sync.Mutex

// table is an ordered map that shares structure with the one it was copied
// from. The zero value is not usable; see newTable. A table of a State is only
// read; a draft's copy is made at its first write.
type table[K cmp.Ordered, V any] struct {
	m     *btree.Map[K, V]
	owned bool
}

func newTable[K cmp.Ordered, V any]() table[K, V] {
	return table[K, V]{m: &btree.Map[K, V]{}}
}

func (t *table[K, V]) get(k K) (V, bool) { return t.m.Get(k) }
func (t *table[K, V]) len() int          { return t.m.Len() }

func (t *table[K, V]) own() {
	if !t.owned {
		copying.Lock()
		t.m = t.m.Copy()
		copying.Unlock()
		t.owned = true
	}
}

func (t *table[K, V]) set(k K, v V) { t.own(); t.m.Set(k, v) }
func (t *table[K, V]) delete(k K)   { t.own(); t.m.Delete(k) }

// load is set where most keys come in order: it looks at the last one first.
func (t *table[K, V]) load(k K, v V) { t.own(); t.m.Load(k, v) }

// ascend calls f for every pair from k on, in order, until f returns false.
func (t *table[K, V]) ascend(k K, f func(K, V) bool) { t.m.Ascend(k, f) }

// set is an ordered set of structs, with the sharing of table.
type set[T any] struct {
	m     *btree.BTreeG[T]
	owned bool
}

func newSet[T any](less func(a, b T) bool) set[T] {
	return set[T]{m: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
}

func (t *set[T]) get(k T) (T, bool) { return t.m.Get(k) }
func (t *set[T]) len() int          { return t.m.Len() }

func (t *set[T]) own() {
	if !t.owned {
		copying.Lock()
		t.m = t.m.Copy()
		copying.Unlock()
		t.owned = true
	}
}

func (t *set[T]) put(v T)    { t.own(); t.m.Set(v) }
func (t *set[T]) delete(v T) { t.own(); t.m.Delete(v) }

// ascend calls f for every element from v on, in order, until f returns false.
func (t *set[T]) ascend(v T, f func(T) bool) { t.m.Ascend(v, f) }

// sorted is what table is, for the tables that claims read and write.
type sorted[K, V any] struct {
	m    persistent.Map[K, V]
	edit *persistent.Edit // nil in a State
}

func newSorted[K, V any](search persistent.Search[K, V]) sorted[K, V] {
	return sorted[K, V]{m: persistent.New(search)}
}

func (t *sorted[K, V]) get(k K) (V, bool) { return t.m.Get(k) }
func (t *sorted[K, V]) len() int          { return t.m.Len() }

func (t *sorted[K, V]) own() {
	if t.edit == nil {
		t.edit = &persistent.Edit{}
	}
}

func (t *sorted[K, V]) set(k K, v V) { t.own(); t.m.Set(t.edit, k, v) }
func (t *sorted[K, V]) delete(k K)   { t.own(); t.m.Delete(t.edit, k) }

// ascend calls f for every pair from k on, in order, until f returns false.
func (t *sorted[K, V]) ascend(k K, f func(K, V) bool) { t.m.Ascend(k, f) }

// SearchUUID is the order of UUIDs, for maps by them. It reads the key once for a whole node.
func SearchUUID[V any](items []persistent.Item[UUID, V], key UUID) (int, bool) {
	high, low := key.halves()
	from, to := 0, len(items)
	for from < to {
		middle := int(uint(from+to) >> 1)
		h, l := items[middle].Key.halves()
		if h < high || h == high && l < low {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, from < len(items) && items[from].Key == key
}

func searchNumber[V any](items []persistent.Item[uint32, V], key uint32) (int, bool) {
	from, to := 0, len(items)
	for from < to {
		middle := int(uint(from+to) >> 1)
		if items[middle].Key < key {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, from < len(items) && items[from].Key == key
}

func searchClaim(items []persistent.Item[claimKey, struct{}], key claimKey) (int, bool) {
	high, low := key.consumer.halves()
	from, to := 0, len(items)
	for from < to {
		middle := int(uint(from+to) >> 1)
		k := &items[middle].Key
		below := k.provider < key.provider
		if k.provider == key.provider {
			h, l := k.consumer.halves()
			below = h < high || h == high && l < low
		}
		if below {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from, from < len(items) && items[from].Key == key
}

// pair is a key of two provider, class or trait numbers: the second ones of
// one first are neighbours.
type pair uint64

func pairOf(a, b uint32) pair { return pair(a)<<32 | pair(b) }
func (p pair) second() uint32 { return uint32(p) } //nolint:gosec // the low half
func (p pair) first() uint32  { return uint32(p >> 32) }

// seconds calls f with the second number of every pair that starts with a, in
// order, until f returns false.
func seconds(t *table[pair, struct{}], a uint32, f func(uint32) bool) {
	t.ascend(pairOf(a, 0), func(p pair, _ struct{}) bool {
		return p.first() == a && f(p.second())
	})
}
