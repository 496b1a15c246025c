package persistent

import "slices"

const (
	// nodeMax is how many elements a leaf, or children an inner node, has at
	// most. Each write copies a leaf; small ones make for longer paths.
	nodeMax = 32
	// nodeSmall is below which a deletion looks for a sibling to merge with.
	nodeSmall = nodeMax / 4
	// room is in what steps a node's memory grows. Nodes are copied far more
	// often than they grow, so what is kept beyond their length is little.
	room = 4
)

// Edit marks the nodes that belong to one writer, who may change them in place
// until it hands its Map out. Each writer has one of its own and drops it then.
type Edit struct {
	_ byte // so that no two have one address
}

// Item is an element as it lies in a node. The value comes first because one
// without a size takes no room there.
type Item[K, V any] struct {
	Value V
	Key   K
}

// Search returns the index of the first element that is not below the key, and
// whether that is the key. It is handed whole nodes, so that comparing can be
// compiled for the type of the key.
type Search[K, V any] func(items []Item[K, V], key K) (int, bool)

// Map is a sorted map. The zero value is not usable; see New.
type Map[K, V any] struct {
	search Search[K, V]
	root   *node[K, V]
	len    int
}

// node is a leaf where it has no kids. In an inner node, kid i has the keys
// from items[i-1] on and below items[i]; its items have no values.
type node[K, V any] struct {
	edit  *Edit
	items []Item[K, V]
	kids  []*node[K, V]
}

// New returns an empty map of what search orders.
func New[K, V any](search Search[K, V]) Map[K, V] { return Map[K, V]{search: search} }

// Len is the number of elements.
func (m *Map[K, V]) Len() int { return m.len }

// Get returns the value of the key.
func (m *Map[K, V]) Get(k K) (V, bool) {
	n := m.root
	if n == nil {
		return *new(V), false
	}
	for n.kids != nil {
		n = n.kids[m.kid(n, k)]
	}
	if i, ok := m.search(n.items, k); ok {
		return n.items[i].Value, true
	}
	return *new(V), false
}

// kid is the index of the inner node's kid that the key belongs to.
func (m *Map[K, V]) kid(n *node[K, V], k K) int {
	i, ok := m.search(n.items, k)
	if ok {
		i++
	}
	return i
}

// Min returns the first element.
func (m *Map[K, V]) Min() (Item[K, V], bool) {
	n := m.root
	if n == nil {
		return Item[K, V]{}, false
	}
	for n.kids != nil {
		n = n.kids[0]
	}
	return n.items[0], true
}

// Ascend calls f for every element from the key on, in order, until f returns
// false.
func (m *Map[K, V]) Ascend(from K, f func(K, V) bool) {
	if m.root != nil {
		m.ascend(m.root, from, f)
	}
}

func (m *Map[K, V]) ascend(n *node[K, V], from K, f func(K, V) bool) bool {
	if n.kids == nil {
		i, _ := m.search(n.items, from)
		return each(n.items[i:], f)
	}
	i := m.kid(n, from)
	return m.ascend(n.kids[i], from, f) && all(n.kids[i+1:], f)
}

// All calls f for every element in order, until f returns false.
func (m *Map[K, V]) All(f func(K, V) bool) {
	if m.root != nil {
		all([]*node[K, V]{m.root}, f)
	}
}

func all[K, V any](nodes []*node[K, V], f func(K, V) bool) bool {
	for _, n := range nodes {
		if n.kids == nil && !each(n.items, f) || !all(n.kids, f) {
			return false
		}
	}
	return true
}

func each[K, V any](items []Item[K, V], f func(K, V) bool) bool {
	for i := range items {
		if !f(items[i].Key, items[i].Value) {
			return false
		}
	}
	return true
}

// own returns the node, or a copy of it, that the edit may change.
func (n *node[K, V]) own(e *Edit) *node[K, V] {
	if n.edit == e {
		return n
	}
	return &node[K, V]{edit: e, items: withRoom(n.items), kids: withRoom(n.kids)}
}

// withRoom is a copy with memory for at least one more.
func withRoom[T any](list []T) []T {
	if list == nil {
		return nil
	}
	c := make([]T, len(list), (len(list)+room)/room*room)
	copy(c, list)
	return c
}

func insert[T any](list []T, i int, v T) []T {
	if len(list) == cap(list) {
		list = withRoom(list)
	}
	list = list[:len(list)+1]
	copy(list[i+1:], list[i:])
	list[i] = v
	return list
}

// Set gives the key a value.
func (m *Map[K, V]) Set(e *Edit, k K, v V) {
	if m.root == nil {
		m.root, m.len = &node[K, V]{edit: e, items: []Item[K, V]{{v, k}}}, 1
		return
	}
	m.root = m.root.own(e)
	if right, from := m.set(e, m.root, Item[K, V]{v, k}); right != nil {
		m.root = &node[K, V]{edit: e, items: []Item[K, V]{{Key: from}}, kids: []*node[K, V]{m.root, right}}
	}
}

// set puts the element below n, which the edit owns. Where n would become too
// large, it returns the second half of it, and that half's first key.
func (m *Map[K, V]) set(e *Edit, n *node[K, V], it Item[K, V]) (right *node[K, V], from K) {
	i, found := m.search(n.items, it.Key)
	if n.kids == nil {
		if found {
			n.items[i].Value = it.Value
			return nil, from
		}
		m.len++
		if len(n.items) < nodeMax {
			n.items = insert(n.items, i, it)
			return nil, from
		}
		right = n.split(e, half(i, len(n.items)))
		if i > len(n.items) || len(right.items) == 0 {
			right.items = insert(right.items, i-len(n.items), it)
		} else {
			n.items = insert(n.items, i, it)
		}
		return right, right.items[0].Key
	}
	if found {
		i++
	}
	kid := n.kids[i].own(e)
	n.kids[i] = kid
	grown, first := m.set(e, kid, it)
	if grown == nil {
		return nil, from
	}
	n.items = insert(n.items, i, Item[K, V]{Key: first})
	n.kids = insert(n.kids, i+1, grown)
	if len(n.kids) <= nodeMax {
		return nil, from
	}
	// The item between the two halves goes up.
	at := half(i+1, len(n.items)) - 1
	from = n.items[at].Key
	right = &node[K, V]{edit: e, items: withRoom(n.items[at+1:]), kids: withRoom(n.kids[at+1:])}
	n.items, n.kids = withRoom(n.items[:at]), withRoom(n.kids[:at+1])
	return right, from
}

// half is where a full node of n elements is split to take one more at i. One
// that grows at its end stays full: keys that come in order fill every node.
func half(i, n int) int {
	if i == n {
		return n
	}
	return n / 2
}

// split takes the elements of a leaf from i on into a new one.
func (n *node[K, V]) split(e *Edit, i int) *node[K, V] {
	right := &node[K, V]{edit: e, items: withRoom(n.items[i:])}
	if i < len(n.items) {
		n.items = withRoom(n.items[:i])
	}
	return right
}

// Delete removes the key if it is there.
func (m *Map[K, V]) Delete(e *Edit, k K) {
	if _, ok := m.Get(k); !ok {
		return
	}
	m.root = m.root.own(e)
	m.delete(e, m.root, k)
	m.len--
	for m.root != nil && m.root.kids != nil && len(m.root.kids) <= 1 {
		if len(m.root.kids) == 0 {
			m.root = nil
			break
		}
		m.root = m.root.kids[0]
	}
	if m.len == 0 {
		m.root = nil
	}
}

// delete removes a key that is there from below n, which the edit owns.
func (m *Map[K, V]) delete(e *Edit, n *node[K, V], k K) {
	if n.kids == nil {
		i, _ := m.search(n.items, k)
		n.items = slices.Delete(n.items, i, i+1)
		return
	}
	i := m.kid(n, k)
	kid := n.kids[i].own(e)
	n.kids[i] = kid
	m.delete(e, kid, k)
	switch {
	case kid.size() == 0:
		n.drop(i)
	case kid.size() >= nodeSmall:
	case i > 0 && n.kids[i-1].size()+kid.size() <= nodeMax:
		n.merge(e, i-1)
	case i+1 < len(n.kids) && n.kids[i+1].size()+kid.size() <= nodeMax:
		n.merge(e, i)
	}
}

// size is the number of a leaf's elements, or of an inner node's kids.
func (n *node[K, V]) size() int {
	if n.kids == nil {
		return len(n.items)
	}
	return len(n.kids)
}

// drop removes kid i, which is empty.
func (n *node[K, V]) drop(i int) {
	n.kids = slices.Delete(n.kids, i, i+1)
	if len(n.items) > 0 {
		at := max(i-1, 0)
		n.items = slices.Delete(n.items, at, at+1)
	}
}

// merge moves what kid i+1 has into kid i.
func (n *node[K, V]) merge(e *Edit, i int) {
	left, right := n.kids[i].own(e), n.kids[i+1]
	if left.kids != nil {
		left.items = append(left.items, n.items[i])
	}
	left.items = append(left.items, right.items...)
	left.kids = append(left.kids, right.kids...)
	n.kids[i] = left
	n.kids = slices.Delete(n.kids, i+1, i+2)
	n.items = slices.Delete(n.items, i, i+1)
}
