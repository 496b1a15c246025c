package fleet

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"
)

var begin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// arrival is a packet that arrived, by its place in the order of sending.
type arrival struct {
	sent int
	took time.Duration
}

// carry sends packets of a size from node 0 to node 1 at a distance, and lets
// the clock jump from one event to the next.
func carry(w Wire, packets, size int, every time.Duration) ([]arrival, *schedule) {
	s := newSchedule(w)
	var all []arrival
	take := func(until time.Time) {
		for at, ok := s.next(); ok && !at.After(until); at, ok = s.next() {
			for p, ok := s.arrived(at); ok; p, ok = s.arrived(at) {
				all = append(all, arrival{int(binary.BigEndian.Uint32(p.packet)), at.Sub(p.sent)})
			}
		}
	}
	for i := range packets {
		now := begin.Add(time.Duration(i) * every)
		take(now)
		packet := make([]byte, size)
		binary.BigEndian.PutUint32(packet, uint32(i)) //nolint:gosec // small
		s.send(now, 0, 1, packet)
	}
	take(begin.Add(time.Hour))
	return all, s
}

func inOrder(all []arrival) bool {
	return slices.IsSortedFunc(all, func(a, b arrival) int { return a.sent - b.sent })
}

// Delayed packets keep their order, whatever the jitter.
func TestDelay(t *testing.T) {
	w := Wire{Delay: 100 * time.Millisecond, Jitter: 60 * time.Millisecond, Seed: 1}
	all, s := carry(w, 2000, 100, 5*time.Millisecond)
	if len(all) != 2000 || !inOrder(all) || s.traffic.Overtaken != 0 || s.bytes != 0 {
		t.Fatalf("%d of 2000 arrived, in order: %v, %+v, %d bytes held", len(all), inOrder(all), s.traffic, s.bytes)
	}
	least, most := time.Hour, time.Duration(0)
	for _, a := range all {
		least, most = min(least, a.took), max(most, a.took)
	}
	if least < 40*time.Millisecond || most > 160*time.Millisecond || most-least < 100*time.Millisecond {
		t.Errorf("from %v to %v, want nearly all of 40 to 160 ms", least, most)
	}
	if s.traffic.Longest != most || s.traffic.Mean < 80*time.Millisecond || s.traffic.Mean > 120*time.Millisecond {
		t.Errorf("counted %v", s.traffic)
	}
}

// Packets held back are overtaken, and arrive.
func TestReorder(t *testing.T) {
	w := Wire{Delay: 2 * time.Millisecond, Reorder: 20, HoldBack: 10 * time.Millisecond, Seed: 2}
	all, s := carry(w, 5000, 100, time.Millisecond)
	overtaken, highest := 0, -1
	for _, a := range all {
		if a.sent < highest {
			overtaken++
		}
		highest = max(highest, a.sent)
		if a.took < 2*time.Millisecond || a.took > 12*time.Millisecond {
			t.Fatalf("packet %d took %v", a.sent, a.took)
		}
	}
	// A tenth of those held back are held less than the next one's distance.
	if len(all) != 5000 || s.traffic.Overtaken != overtaken || overtaken < 700 || overtaken > 1000 {
		t.Errorf("%d of 5000 arrived, %d were overtaken, counted %d, want about 900", len(all), overtaken, s.traffic.Overtaken)
	}
}

func TestDuplicateAndLoss(t *testing.T) {
	w := Wire{Duplicate: 5, Loss: 10, HoldBack: 3 * time.Millisecond, Seed: 3}
	all, s := carry(w, 5000, 100, time.Millisecond)
	times := map[int]int{}
	for _, a := range all {
		times[a.sent]++
	}
	twice := 0
	for _, n := range times {
		if n > 2 {
			t.Fatalf("a packet arrived %d times", n)
		}
		twice += n - 1
	}
	c := s.traffic
	if twice != c.Duplicated || 5000-len(times) != c.Lost || c.Delivered != len(all) || c.Sent != 5000 || c.Overtaken != 0 {
		t.Errorf("%d twice, %d never; counted %+v", twice, 5000-len(times), c)
	}
	if c.Duplicated < 150 || c.Duplicated > 300 || c.Lost < 400 || c.Lost > 600 {
		t.Errorf("%d twice and %d never, want about 225 and 500", c.Duplicated, c.Lost)
	}
}

// A link that is offered twice its rate delivers at its rate, and drops what
// finds the queue full.
func TestRate(t *testing.T) {
	w := Wire{Nodes: []int{1}, Rate: 800_000, Queue: 5000}
	all, s := carry(w, 1000, 1000, 5*time.Millisecond) // 1000 bytes take 10 ms
	if got := s.traffic.Dropped; len(all)+got != 1000 || got < 490 || got > 500 {
		t.Errorf("%d arrived and %d were dropped, want about half", len(all), got)
	}
	if !inOrder(all) || s.traffic.Longest > 50*time.Millisecond || s.traffic.Longest < 45*time.Millisecond {
		t.Errorf("in order: %v, the longest took %v, want a full queue, 50 ms", inOrder(all), s.traffic.Longest)
	}
	// Below its rate it is as good as free.
	all, s = carry(w, 1000, 1000, 11*time.Millisecond)
	if len(all) != 1000 || s.traffic.Longest != 10*time.Millisecond {
		t.Errorf("%d of 1000 arrived, the longest took %v, want 10 ms", len(all), s.traffic.Longest)
	}
}

// Two nodes with a bound each: what one sends the other takes both links. What
// others send each other takes neither.
func TestRateOfLinks(t *testing.T) {
	s := newSchedule(Wire{Nodes: []int{0, 1}, Rate: 80_000, Queue: 5000})
	for _, c := range []struct {
		from, to int
		want     time.Duration
	}{{0, 1, 200 * time.Millisecond}, {2, 1, 300 * time.Millisecond}, {0, 2, 200 * time.Millisecond}, {1, 2, 100 * time.Millisecond}, {2, 3, 0}} {
		due, ok := s.pass(begin, c.from, c.to, 1000)
		if !ok || due.Sub(begin) != c.want {
			t.Errorf("from %d to %d: %v, passed: %v, want %v", c.from, c.to, due.Sub(begin), ok, c.want)
		}
	}
}

// Nothing is held without limit.
func TestHeldBytes(t *testing.T) {
	s := newSchedule(Wire{Delay: time.Hour, Duplicate: 50})
	for range 2 * heldBytes / packetBytes {
		s.send(begin, 0, 1, make([]byte, packetBytes))
	}
	if s.bytes > heldBytes+packetBytes || s.traffic.Dropped == 0 {
		t.Errorf("%d bytes held, %d packets dropped", s.bytes, s.traffic.Dropped)
	}
}

// What is under way when a Wire ends arrives at once, in the order it was sent.
func TestRush(t *testing.T) {
	s := newSchedule(Wire{Delay: time.Minute, Jitter: time.Second, Reorder: 50, HoldBack: time.Minute, Seed: 4})
	for i := range byte(100) {
		s.send(begin, int(i%3), 3, []byte{i})
	}
	s.rush()
	s.send(begin, 0, 3, []byte{100})
	for i := range byte(101) {
		if p, ok := s.arrived(begin); !ok || !bytes.Equal(p.packet, []byte{i}) {
			t.Fatalf("arrival %d: packet %v, %v", i, p.packet, ok)
		}
	}
}

func TestWireSeed(t *testing.T) {
	w := Wire{Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond, Reorder: 20, HoldBack: 10 * time.Millisecond, Duplicate: 5, Loss: 5, Seed: 5}
	first, _ := carry(w, 500, 100, time.Millisecond)
	again, _ := carry(w, 500, 100, time.Millisecond)
	w.Seed++
	other, _ := carry(w, 500, 100, time.Millisecond)
	if !slices.Equal(first, again) || slices.Equal(first, other) {
		t.Error("what happens is not fixed by the seed")
	}
}

// A wire is for all links of some nodes, or for some links in one direction.
func TestShapes(t *testing.T) {
	for _, c := range []struct {
		wire     Wire
		from, to int
		want     bool
	}{
		{Wire{}, 0, 1, true},
		{Wire{Nodes: []int{1}}, 0, 1, true},
		{Wire{Nodes: []int{1}}, 1, 2, true},
		{Wire{Nodes: []int{1}}, 0, 2, false},
		{Wire{Pairs: [][2]int{{1, 0}}}, 1, 0, true},
		{Wire{Pairs: [][2]int{{1, 0}}}, 0, 1, false},
		{Wire{Pairs: [][2]int{{1, 0}}}, 1, 2, false},
	} {
		if got := c.wire.shapes(c.from, c.to); got != c.want {
			t.Errorf("%+v shapes %d to %d: %v", c.wire, c.from, c.to, got)
		}
	}
}

func TestWireCheck(t *testing.T) {
	for _, w := range []Wire{
		{Loss: 101}, {Duplicate: -1}, {Nodes: []int{3}}, {Pairs: [][2]int{{0, 3}}}, {Jitter: 1}, {Delay: -1}, {Reorder: 1}, {Rate: 1000}, {Rate: -1, Queue: packetBytes},
	} {
		if w.check(3) == nil {
			t.Errorf("%+v is taken", w)
		}
	}
	good := Wire{Nodes: []int{2}, Delay: 2, Jitter: 2, Reorder: 100, HoldBack: 1, Duplicate: 100, Loss: 100, Rate: 1, Queue: packetBytes}
	if err := good.check(3); err != nil {
		t.Errorf("%+v: %v", good, err)
	}
	// The zero value needs nothing of a fleet that can't shape.
	l := &loopback{reason: "plain"}
	if err := l.shape(Wire{}); err != nil {
		t.Error(err)
	}
	if err := l.shape(good); err == nil || err.Error() != "no faults of kind wires: plain" {
		t.Errorf("a loopback fleet shapes: %v", err)
	}
}
