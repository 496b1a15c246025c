package simulation

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	histories = flag.Int("simulation.histories", 6, "how many histories are simulated")
	seed      = flag.Uint64("simulation.seed", 0, "the seed of the first one; the next has the next. 0 draws one from the time")
)

// sums is what histories were made of.
type sums struct {
	histories, elections, terms    int
	rivals                         int
	writes, retried, reads         int
	calls, lost, duplicated, reset int
	virtual                        time.Duration
	faults                         map[string]int
}

func (s *sums) add(o sums) {
	s.histories += o.histories
	s.elections += o.elections
	s.terms += o.terms
	s.rivals += o.rivals
	s.writes += o.writes
	s.retried += o.retried
	s.reads += o.reads
	s.calls += o.calls
	s.lost += o.lost
	s.duplicated += o.duplicated
	s.reset += o.reset
	s.virtual += o.virtual
	if s.faults == nil {
		s.faults = map[string]int{}
	}
	for name, n := range o.faults {
		s.faults[name] += n
	}
}

// TestHistories simulates as many histories as the flags ask for, and prints
// what they were made of.
func TestHistories(t *testing.T) {
	first, began := *seed, time.Now()
	if first == 0 {
		first = uint64(began.UnixNano()) //nolint:gosec // any number does
	}
	t.Logf("seeds from %d", first)
	var mu sync.Mutex
	var all sums
	t.Run("seed", func(t *testing.T) {
		for i := range uint64(*histories) { //nolint:gosec // as many as the flag says
			seed := first + i
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				dir := directory(t)
				var one sums
				synctest.Test(t, func(t *testing.T) { one = newHistory(t, seed, dir).run() })
				if t.Failed() {
					t.Logf("once more: go test ./cluster/simulation -simulation.histories=1 -simulation.seed=%d", seed)
				}
				mu.Lock()
				defer mu.Unlock()
				all.add(one)
			})
		}
	})
	took := time.Since(began)
	t.Logf("%d histories in %v: %v of virtual time (%.0f in each second), %d leaders elected in %d terms, %d times two at once",
		all.histories, took.Round(time.Millisecond), all.virtual.Round(time.Second), all.virtual.Seconds()/took.Seconds(), all.elections, all.terms, all.rivals)
	t.Logf("%d writes (%d tried more than once), %d reads; %d calls, %d lost, %d duplicated; %d streams reset",
		all.writes, all.retried, all.reads, all.calls, all.lost, all.duplicated, all.reset)
	for _, name := range slices.Sorted(maps.Keys(all.faults)) {
		t.Logf("%4d times: %s", all.faults[name], name)
	}
	if all.elections <= all.histories || all.writes == 0 || all.reads == 0 {
		t.Error("next to nothing happened")
	}
}
