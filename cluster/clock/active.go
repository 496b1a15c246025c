//go:build failpoints

package clock

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/cluster/failpoint"
)

// wrong is a clock that was set to another time and has run at a rate of its
// own since.
type wrong struct {
	since  time.Time
	offset time.Duration
	rate   float64
}

var current atomic.Pointer[wrong]

func init() { failpoint.Watch("TREENODE_CLOCK_FILE", set) }

// set takes three words: the time in RFC 3339 from which on the clock is wrong,
// by how much it is ahead then, and its seconds in a second. None sets it right.
func set(text string) error {
	if text == "" {
		current.Store(nil)
		return nil
	}
	var since, offset string
	w := &wrong{}
	if _, err := fmt.Sscan(text, &since, &offset, &w.rate); err != nil {
		return fmt.Errorf("clock: %q is not of the form TIME OFFSET RATE: %w", text, err)
	}
	var err error
	if w.since, err = time.Parse(time.RFC3339Nano, since); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	if w.offset, err = time.ParseDuration(offset); err != nil {
		return fmt.Errorf("clock: %w", err)
	}
	current.Store(w)
	return nil
}

// Now returns the time of the node's clock.
func Now() time.Time {
	now := time.Now()
	if w := current.Load(); w != nil {
		return w.at(now)
	}
	return now
}

// at is what the clock shows at a true time.
func (w *wrong) at(now time.Time) time.Time {
	passed := now.Sub(w.since)
	return w.since.Add(w.offset + time.Duration(float64(passed)*w.rate))
}
