package fleet

import (
	"container/heap"
	"math/rand/v2"
	"time"
)

const (
	// packetBytes is the longest packet, the MTU of the devices.
	packetBytes = 1500
	// heldBytes is how much is under way at once, on all wires together.
	heldBytes = 8 << 20
)

// parcel is a packet under way.
type parcel struct {
	from, to int
	packet   []byte
	sent     time.Time
	due      time.Time
	number   uint64 // in the order of sending, and of parcels due at one time
	copied   bool
}

// schedule decides when the packets of a Wire arrive. It knows no clock: it is
// told the time, which must not go back, and what it does is fixed by that, by
// the Seed and by what is sent.
type schedule struct {
	wire Wire
	r    *rand.Rand
	held queue
	// bytes are those of the parcels held.
	bytes  int
	number uint64
	pairs  map[[2]int]*pair
	// up and down are when the last packet leaves a node's link.
	up, down map[int]time.Time
	traffic  Traffic
	took     time.Duration // of all that was delivered
}

// pair is what is known of packets from one node to another.
type pair struct {
	// delay is that of packets sent before redraw. Were it drawn for each, most
	// would wait for the slowest of those just before.
	delay   time.Duration
	redraw  time.Time
	last    time.Time // due of the last packet that was not held back
	highest uint64    // number of the latest sent that was delivered
}

func newSchedule(w Wire) *schedule {
	return &schedule{
		wire: w, r: rand.New(rand.NewPCG(w.Seed, 1)), //nolint:gosec // repeatable, not secret
		pairs: map[[2]int]*pair{}, up: map[int]time.Time{}, down: map[int]time.Time{},
	}
}

func (s *schedule) hits(percent int) bool { return percent > 0 && s.r.IntN(100) < percent }

// upTo draws a time from 0 to the most.
func (s *schedule) upTo(most time.Duration) time.Duration {
	return time.Duration(s.r.Int64N(int64(most) + 1))
}

// send takes a packet, which it keeps.
func (s *schedule) send(now time.Time, from, to int, packet []byte) {
	s.traffic.Sent++
	if s.hits(s.wire.Loss) {
		s.traffic.Lost++
		return
	}
	leaves, ok := s.pass(now, from, to, len(packet))
	if !ok || s.bytes+len(packet) > heldBytes {
		s.traffic.Dropped++
		return
	}
	at := s.pairs[[2]int{from, to}]
	if at == nil {
		at = &pair{}
		s.pairs[[2]int{from, to}] = at
	}
	if !now.Before(at.redraw) {
		at.delay = s.wire.Delay - s.wire.Jitter + s.upTo(2*s.wire.Jitter)
		at.redraw = now.Add(2 * s.wire.Jitter)
	}
	due := leaves.Add(at.delay)
	if due.Before(at.last) {
		due = at.last
	}
	if s.hits(s.wire.Reorder) {
		due = due.Add(s.upTo(s.wire.HoldBack))
	} else {
		at.last = due
	}
	p := parcel{from: from, to: to, packet: packet, sent: now, due: due}
	s.hold(p)
	if s.hits(s.wire.Duplicate) {
		s.traffic.Duplicated++
		p.copied, p.due = true, due.Add(s.upTo(s.wire.HoldBack))
		s.hold(p)
	}
}

func (s *schedule) hold(p parcel) {
	s.number++
	p.number = s.number
	s.bytes += len(p.packet)
	heap.Push(&s.held, p)
}

// pass returns when a packet has left the links with a bound that it takes. A
// packet that finds a queue full is dropped.
func (s *schedule) pass(now time.Time, from, to, size int) (time.Time, bool) {
	if s.wire.Rate == 0 {
		return now, true
	}
	at := now
	for _, l := range []struct {
		busy map[int]time.Time
		node int
	}{{s.up, from}, {s.down, to}} {
		if !s.wire.shapes(l.node, l.node) {
			continue
		}
		begin := at
		if busy := l.busy[l.node]; busy.After(at) {
			begin = busy
		}
		if begin.Sub(at) > s.onLink(s.wire.Queue-size) {
			return at, false
		}
		at = begin.Add(s.onLink(size))
		l.busy[l.node] = at
	}
	return at, true
}

// onLink is how long a link is busy with so many bytes.
func (s *schedule) onLink(size int) time.Duration {
	return time.Duration(int64(size) * 8 * int64(time.Second) / int64(s.wire.Rate))
}

// next is when the next packet arrives.
func (s *schedule) next() (time.Time, bool) {
	if len(s.held) == 0 {
		return time.Time{}, false
	}
	return s.held[0].due, true
}

// rush lets all that is under way arrive at once, in the order it was sent, and
// leaves alone what comes after.
func (s *schedule) rush() {
	s.wire = Wire{}
	for _, at := range s.pairs {
		at.last, at.redraw = time.Time{}, time.Time{}
	}
	for i := range s.held {
		s.held[i].due = time.Time{}
	}
	heap.Init(&s.held)
}

// arrived returns a packet that has arrived by now, the earliest first.
func (s *schedule) arrived(now time.Time) (parcel, bool) {
	if due, ok := s.next(); !ok || due.After(now) {
		return parcel{}, false
	}
	p := heap.Pop(&s.held).(parcel) //nolint:errcheck // only parcels are pushed
	s.bytes -= len(p.packet)
	took := now.Sub(p.sent)
	s.took += took
	t := &s.traffic
	t.Delivered++
	t.Bytes += len(p.packet)
	t.Mean, t.Longest = s.took/time.Duration(t.Delivered), max(t.Longest, took)
	if at := s.pairs[[2]int{p.from, p.to}]; !p.copied {
		if p.number < at.highest {
			t.Overtaken++
		}
		at.highest = max(at.highest, p.number)
	}
	return p, true
}

// queue is a heap of parcels: what is due first, or was sent first, is in front.
// It implements heap.Interface.
type queue []parcel

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].number < q[j].number
	}
	return q[i].due.Before(q[j].due)
}

func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

func (q *queue) Push(p any) { *q = append(*q, p.(parcel)) } //nolint:errcheck // only parcels are pushed

func (q *queue) Pop() any {
	last := len(*q) - 1
	p := (*q)[last]
	(*q)[last] = parcel{} // lets go of the packet
	*q = (*q)[:last]
	return p
}
