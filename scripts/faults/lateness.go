package main

import (
	"context"
	"sync"
	"time"
)

// Times of the probe.
const (
	probeInterval = 10 * time.Millisecond
	probeNoted    = 20 * time.Millisecond // what is late by less is not kept
)

// late is one tick of the driver that came too late.
type late struct {
	At int64         `json:"at"` // when it came
	By time.Duration `json:"by_nanos"`
}

// lateness shows how busy the machine was: what the driver's own goroutine
// waited for a processor, a node has waited, too.
type lateness struct {
	now func() int64

	mu    sync.Mutex
	ticks []late
}

// run measures until the context ends.
func (l *lateness) run(ctx context.Context) {
	t := time.NewTimer(probeInterval)
	defer t.Stop()
	for {
		due := time.Now().Add(probeInterval)
		t.Reset(probeInterval)
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if by := time.Since(due); by >= probeNoted {
			l.mu.Lock()
			l.ticks = append(l.ticks, late{l.now(), by})
			l.mu.Unlock()
		}
	}
}

// within is by how much the latest tick came late that was due, or came, in the
// time from begin to end.
func (l *lateness) within(begin, end int64) (worst time.Duration) {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.ticks {
		if t.At >= begin && t.At-t.By.Nanoseconds() <= end {
			worst = max(worst, t.By)
		}
	}
	return worst
}
