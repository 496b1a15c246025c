package candidates

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// packing solves problems with amounts that differ, as in filling boxes with
// parts of many sizes. It remembers, for every number of slots decided and
// every set of rooms left, whether the rest can be met; like places whose
// contents were swapped count as one case. Before it tries, it asks bounds
// that each look at one class, or at the isolation, alone.
type packing struct {
	*problem
	slots    []int32
	visitors [][]int32
	at       []int32   // by slot
	rooms    [][]int64 // by place and class, what is left
	busy     []bool    // by place, whether an isolated slot is there
	like     []uint32  // by place, equal for places that are interchangeable
	last     []int     // by place, the last position that can come by
	demands  [][]demand
	known    map[string]bool
	key      []byte
	parts    [][]byte
}

// demand is what the slots from a position on need of a class.
type demand struct{ sum, least int64 }

// knownMax bounds the memory of a packing; past it, cases are worked out anew.
const knownMax = 1 << 17

func newPacking(b *problem) *packing {
	p := &packing{problem: b, visitors: b.visitors(), known: make(map[string]bool)}
	places := len(p.site.places)
	p.at = make([]int32, len(b.domains))
	p.rooms = make([][]int64, places)
	p.busy = make([]bool, places)
	for at := range p.rooms {
		p.rooms[at] = slices.Clone(b.site.places[at].rooms)
	}
	p.sort()
	p.findLike()
	return p
}

// sort puts the slots in order of size, the largest first: what fits hardest
// fails soonest. A size is the part that a slot has of all that is asked for.
func (p *packing) sort() {
	plan := p.site.plan
	totals := make([]int64, len(plan.classes))
	for i := range plan.slots {
		for _, n := range plan.slots[i].needs {
			totals[n.class] += n.amount
		}
	}
	sizes := make([]int64, len(plan.slots))
	p.slots = make([]int32, len(plan.slots))
	for i := range plan.slots {
		p.slots[i] = int32(i)
		for _, n := range plan.slots[i].needs {
			sizes[i] += n.amount << 20 / totals[n.class]
		}
	}
	slices.SortStableFunc(p.slots, func(a, b int32) int {
		return cmp.Or(cmp.Compare(sizes[b], sizes[a]), cmp.Compare(len(p.domains[a]), len(p.domains[b])))
	})
	p.last = make([]int, len(p.rooms))
	p.demands = make([][]demand, len(p.slots)+1)
	p.demands[len(p.slots)] = make([]demand, len(plan.classes))
	for k := len(p.slots) - 1; k >= 0; k-- {
		s := p.slots[k]
		p.demands[k] = slices.Clone(p.demands[k+1])
		for _, n := range plan.slots[s].needs {
			d := &p.demands[k][n.class]
			d.sum += n.amount
			if d.least == 0 || n.amount < d.least {
				d.least = n.amount
			}
		}
		for _, at := range p.domains[s] {
			p.last[at] = max(p.last[at], k)
		}
	}
}

// findLike numbers the places: those with equal rooms that the same slots can
// go to have one number.
func (p *packing) findLike() {
	numbers := make(map[string]uint32)
	p.like = make([]uint32, len(p.rooms))
	for at := range p.rooms {
		key := p.appendRooms(nil, 0, int32(at))
		for _, s := range p.visitors[at] {
			key = binary.BigEndian.AppendUint32(key, uint32(s)) //nolint:gosec // a number of a slot
		}
		n, ok := numbers[string(key)]
		if !ok {
			n = uint32(len(numbers)) //nolint:gosec // few places
			numbers[string(key)] = n
		}
		p.like[at] = n
	}
}

// appendRooms appends what is left at a place, as far as it matters to the
// slots from that position on.
func (p *packing) appendRooms(to []byte, position int, at int32) []byte {
	for c, room := range p.rooms[at] {
		d := p.demands[position][c]
		if d.sum == 0 || room < d.least {
			room = 0
		}
		to = binary.BigEndian.AppendUint64(to, uint64(min(room, d.sum))) //nolint:gosec // not negative
	}
	if p.busy[at] {
		return append(to, 1)
	}
	return append(to, 0)
}

func (p *packing) order() []int32 { return p.slots }

func (p *packing) solvable() bool { return p.feasible(0) }

func (p *packing) fits(s, at int32) bool {
	slot := &p.site.plan.slots[s]
	if slot.suffixed && p.busy[at] {
		return false
	}
	for _, n := range slot.needs {
		if p.rooms[at][n.class] < n.amount {
			return false
		}
	}
	return true
}

func (p *packing) put(s, at int32) {
	slot := &p.site.plan.slots[s]
	p.at[s] = at
	p.busy[at] = p.busy[at] || slot.suffixed && p.site.plan.isolate
	for _, n := range slot.needs {
		p.rooms[at][n.class] -= n.amount
	}
}

func (p *packing) drop(s int32) {
	slot := &p.site.plan.slots[s]
	at := p.at[s]
	if slot.suffixed {
		p.busy[at] = false
	}
	for _, n := range slot.needs {
		p.rooms[at][n.class] += n.amount
	}
}

func (p *packing) decide(position int, at int32) bool {
	s := p.slots[position]
	if !p.fits(s, at) {
		return false
	}
	p.put(s, at)
	if p.feasible(position + 1) {
		return true
	}
	p.drop(s)
	return false
}

func (p *packing) undo(position int) { p.drop(p.slots[position]) }

// feasible reports whether the slots from the position on can all be met.
func (p *packing) feasible(position int) bool {
	if position == len(p.slots) {
		return true
	}
	if !p.work.step() {
		return false
	}
	key := string(p.stateKey(position))
	if known, ok := p.known[key]; ok {
		return known
	}
	found := p.bounded(position) && p.try(position)
	if len(p.known) < knownMax && !p.work.over {
		p.known[key] = found
	}
	return found
}

func (p *packing) try(position int) bool {
	s := p.slots[position]
	var tried [][]byte
	for _, at := range p.domains[s] {
		if !p.fits(s, at) {
			continue
		}
		// What goes for one of several like places goes for the others.
		mark := p.appendPlace(nil, position, at)
		if slices.ContainsFunc(tried, func(t []byte) bool { return bytes.Equal(t, mark) }) {
			continue
		}
		tried = append(tried, mark)
		p.put(s, at)
		found := p.feasible(position + 1)
		p.drop(s)
		if found {
			return true
		}
	}
	return false
}

func (p *packing) appendPlace(to []byte, position int, at int32) []byte {
	return p.appendRooms(binary.BigEndian.AppendUint32(to, p.like[at]), position, at)
}

// stateKey tells apart what can make a difference to the slots from the
// position on. It is valid until the next call.
func (p *packing) stateKey(position int) []byte {
	size := 4 + 8*len(p.site.plan.classes) + 1
	buffer := p.key[:0]
	p.parts = p.parts[:0]
	for at := range p.rooms {
		if p.last[at] >= position && len(p.visitors[at]) > 0 {
			buffer = p.appendPlace(buffer, position, int32(at))
		}
	}
	for i := 0; i < len(buffer); i += size {
		p.parts = append(p.parts, buffer[i:i+size])
	}
	slices.SortFunc(p.parts, bytes.Compare)
	n := len(buffer)
	buffer = slices.Grow(buffer, n+4)
	for i := range p.parts { // growing may have moved what they refer to
		buffer = append(buffer, p.parts[i]...)
	}
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(position)) //nolint:gosec // few slots
	p.key = buffer
	return buffer[n:]
}

// bounded reports whether the slots from the position on could be met as far
// as each class alone and the isolation alone go.
func (p *packing) bounded(position int) bool {
	plan := p.site.plan
	for c, d := range p.demands[position] {
		if d.sum > 0 && !p.boundedClass(position, int32(c)) {
			return false
		}
	}
	if plan.isolate {
		return p.matched(position, func(s int32) bool { return plan.slots[s].suffixed }, func([]int32, int32) int32 { return 1 })
	}
	return p.matched(position, func(int32) bool { return true }, nil)
}

func (p *packing) boundedClass(position int, class int32) bool {
	plan := p.site.plan
	left := p.demands[position][class].sum
	for at := range p.rooms {
		if room := p.rooms[at][class]; p.last[at] >= position && room >= p.demands[position][class].least {
			left -= min(room, left)
		}
	}
	if left > 0 {
		return false
	}
	return p.matched(position,
		func(s int32) bool { return plan.slots[s].amount(class) > 0 },
		func(slots []int32, at int32) int32 {
			amounts := make([]int64, len(slots))
			for i, s := range slots {
				amounts[i] = plan.slots[s].amount(class)
			}
			n, _ := capacity(amounts, p.rooms[at][class])
			return n
		})
}

// matched reports whether the slots wanted can all be placed when a place only
// counts them; room is how many it takes of those that it is given.
func (p *packing) matched(position int, wanted func(s int32) bool, room func(slots []int32, at int32) int32) bool {
	var domains [][]int32
	for _, s := range p.slots[position:] {
		if !wanted(s) {
			continue
		}
		var domain []int32
		for _, at := range p.domains[s] {
			if p.fits(s, at) {
				domain = append(domain, at)
			}
		}
		if len(domain) == 0 {
			return false
		}
		if room != nil {
			domains = append(domains, domain)
		}
	}
	if len(domains) == 0 {
		return true
	}
	b := &problem{site: p.site, domains: domains, work: p.work}
	var chosen []int32 // the slots behind the domains
	for _, s := range p.slots[position:] {
		if wanted(s) {
			chosen = append(chosen, s)
		}
	}
	bins := make([][]bin, len(p.rooms))
	for at, visitors := range b.visitors() {
		slots := make([]int32, len(visitors))
		for i, v := range visitors {
			slots[i] = chosen[v]
		}
		if n := room(slots, int32(at)); int(n) < len(slots) {
			bins[at] = []bin{{slots: visitors, room: n}}
		}
	}
	return newMatching(b, bins).solvable()
}
