package fleet

import (
	"fmt"
	"slices"
	"time"
)

// Wire is what the links between nodes do to packets. The zero value leaves
// them alone.
type Wire struct {
	// Nodes are those whose links are meant, in both directions; none for all.
	Nodes []int
	// Pairs are the links meant in one direction, from the first to the second,
	// in place of the Nodes'.
	Pairs [][2]int
	// Delay is added to every packet, more or less by up to Jitter. What one
	// node sends to another keeps its order.
	Delay, Jitter time.Duration
	// Reorder is how many percent of the packets are held back on top of that,
	// by up to HoldBack, while later ones pass.
	Reorder  int
	HoldBack time.Duration
	// Duplicate is how many percent arrive a second time, up to HoldBack later.
	Duplicate int
	// Loss is how many percent never arrive.
	Loss int
	// Rate is the bits per second of a node's link, in each direction, 0 for no
	// bound. Up to Queue bytes wait for it; what comes on top is dropped.
	Rate, Queue int
	// Seed draws which packets, and how much.
	Seed uint64
}

func (w *Wire) none() bool {
	return w.Delay == 0 && w.Jitter == 0 && w.Reorder == 0 && w.Duplicate == 0 && w.Loss == 0 && w.Rate == 0
}

// shapes reports whether packets from one node to another are meant.
func (w *Wire) shapes(from, to int) bool {
	if len(w.Pairs) > 0 {
		return slices.Contains(w.Pairs, [2]int{from, to})
	}
	return len(w.Nodes) == 0 || slices.Contains(w.Nodes, from) || slices.Contains(w.Nodes, to)
}

func (w *Wire) check(nodes int) error {
	for _, percent := range []int{w.Reorder, w.Duplicate, w.Loss} {
		if percent < 0 || percent > 100 {
			return fmt.Errorf("wire: %d is no percentage", percent)
		}
	}
	meant := slices.Clone(w.Nodes)
	for _, pair := range w.Pairs {
		meant = append(meant, pair[:]...)
	}
	for _, n := range meant {
		if n < 0 || n >= nodes {
			return fmt.Errorf("wire: there is no node %d", n)
		}
	}
	switch {
	case w.Delay < 0 || w.Jitter < 0 || w.Jitter > w.Delay:
		return fmt.Errorf("wire: jitter of %v around a delay of %v", w.Jitter, w.Delay)
	case w.HoldBack < 0 || w.Reorder > 0 && w.HoldBack == 0:
		return fmt.Errorf("wire: held back for %v", w.HoldBack)
	case w.Rate < 0 || w.Rate > 0 && w.Queue < packetBytes:
		return fmt.Errorf("wire: %d bits a second, and %d bytes may wait", w.Rate, w.Queue)
	}
	return nil
}

// Traffic counts packets that a Wire got, and what became of them.
type Traffic struct {
	Sent, Delivered, Duplicated, Lost, Dropped int
	// Overtaken were delivered after one that was sent later by the same node
	// to the same node. Second copies do not count.
	Overtaken int
	// Bytes were delivered.
	Bytes int
	// Mean and Longest are the time from sent to delivered.
	Mean, Longest time.Duration
}

func (t Traffic) String() string {
	s := fmt.Sprintf("%d packets, %v each, %v the longest", t.Delivered, t.Mean.Round(time.Millisecond/10), t.Longest.Round(time.Millisecond))
	for _, c := range []struct {
		n    int
		what string
	}{{t.Overtaken, "overtaken"}, {t.Duplicated, "doubled"}, {t.Lost, "lost"}, {t.Dropped, "dropped"}} {
		if c.n > 0 {
			s += fmt.Sprintf(", %d %s", c.n, c.what)
		}
	}
	return s
}
