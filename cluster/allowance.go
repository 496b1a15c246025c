package cluster

import "sync/atomic"

// allowance bounds the bytes that are held at a time. What was taken has to be given
// back exactly once. Safe for concurrent use.
type allowance struct {
	held atomic.Int64
	most int64
}

// take holds that many bytes more, or reports that it would be too many. Whoever is
// refused may be so for a few bytes that another one takes back at this moment.
func (a *allowance) take(bytes int) bool {
	if a.held.Add(int64(bytes)) > a.most {
		a.give(bytes)
		return false
	}
	return true
}

func (a *allowance) give(bytes int) { a.held.Add(-int64(bytes)) }
