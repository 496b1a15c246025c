package health

import (
	"sync"
	"time"

	"github.com/treenode/treenode/fsm/tree"
)

const (
	// classesMax bounds the resource classes that have series of their own. Those
	// created first have them, the standard ones before all: which ones these are
	// does not change while a class exists. What is left adds up to "other".
	classesMax = 64
	labelOther = "other"
	// capacityEvery is the least time between two walks over all providers, and
	// capacityShare how many times as long as a walk took.
	capacityEvery = 15 * time.Second
	capacityShare = 100
	// capacityWait is how long a scrape waits for a walk that it has caused: a small
	// state is walked by then.
	capacityWait = 100 * time.Millisecond
)

// classSum is about one resource class of all providers together.
type classSum struct {
	class                    string
	capacity, used, reserved float64
}

// classSums are the newest sums, made beside the scrapes. The zero value with a
// clock is ready.
type classSums struct {
	now func() time.Time

	mu       sync.Mutex
	sums     []classSum
	revision uint64
	asOf     time.Time     // when the state was as summed; zero before the first sums
	took     time.Duration // of the last walk
	walking  chan struct{} // closed when the walk under way ends; nil if there is none
}

// of returns sums and how old they are, false if there are none yet. It has new
// ones made if the state is another one and the last walk was long enough ago.
func (c *classSums) of(s *tree.State) ([]classSum, time.Duration, bool) {
	c.mu.Lock()
	now := c.now()
	switch {
	case !c.asOf.IsZero() && c.revision == s.Revision():
		c.asOf = now
	case c.walking == nil && (c.asOf.IsZero() || now.Sub(c.asOf) >= max(capacityEvery, capacityShare*c.took)):
		c.walking = make(chan struct{})
		go c.walk(s, now)
	}
	walking := c.walking
	c.mu.Unlock()
	if walking != nil {
		wait := time.NewTimer(capacityWait)
		defer wait.Stop()
		select {
		case <-walking:
		case <-wait.C:
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sums, max(0, c.now().Sub(c.asOf)), !c.asOf.IsZero()
}

func (c *classSums) walk(s *tree.State, asOf time.Time) {
	begun := time.Now()
	sums := sumClasses(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sums, c.revision, c.asOf, c.took = sums, s.Revision(), asOf, time.Since(begun)
	close(c.walking)
	c.walking = nil
}

// sumClasses walks all providers.
func sumClasses(s *tree.State) []classSum {
	byNumber := map[uint32]*classSum{}
	for p := range s.ProviderRecords() {
		for _, inv := range p.Inventories {
			sum := byNumber[inv.Class]
			if sum == nil {
				sum = &classSum{}
				byNumber[inv.Class] = sum
			}
			sum.capacity += float64(inv.Capacity())
			sum.used += float64(inv.Used)
			sum.reserved += float64(inv.Reserved)
		}
	}
	var sums []classSum
	other := classSum{class: labelOther}
	for class := range s.ClassRecords() { // by number, the order of creation
		sum := byNumber[class.Number]
		switch {
		case sum == nil:
		case len(sums) < classesMax:
			sum.class = class.Name
			sums = append(sums, *sum)
		default:
			other.capacity += sum.capacity
			other.used += sum.used
			other.reserved += sum.reserved
		}
	}
	if len(byNumber) > len(sums) {
		sums = append(sums, other)
	}
	return sums
}
