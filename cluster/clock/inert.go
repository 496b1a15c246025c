//go:build !failpoints

package clock

import "time"

// Now returns the time of the node's clock.
func Now() time.Time { return time.Now() }
