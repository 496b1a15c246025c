package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pulse counts the acknowledged writes of all writers, and the gaps between them.
type pulse struct {
	mu         sync.Mutex
	round, now string
	last       time.Time
	total      int
	// The longest gap ever, and of this round.
	longest, longestNow time.Duration
	where, whereNow     string
}

func newPulse() *pulse { return &pulse{} }

// begin starts a round and returns how many writes there were before.
func (p *pulse) begin(round string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.round, p.now, p.last, p.longestNow, p.whereNow = round, "begin", time.Now(), 0, ""
	return p.total
}

// end ends a round. Until the next one begins no gap is counted.
func (p *pulse) end() (total int, longest time.Duration, where string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total, p.longestNow, p.whereNow
}

func (p *pulse) step(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = name
}

// beat is an acknowledged write.
func (p *pulse) beat() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.total++
	if p.round == "" { // the writers prepare
		return
	}
	gap := now.Sub(p.last)
	p.last = now
	if gap > p.longestNow {
		p.longestNow, p.whereNow = gap, p.now
	}
	if gap > p.longest {
		p.longest, p.where = gap, p.round+", "+p.now
	}
}

// await returns after so many more writes.
func (p *pulse) await(ctx context.Context, more int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	count := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.total
	}
	from := count()
	return until(ctx, "writes are acknowledged", func(context.Context) error {
		if n := count() - from; n < more {
			return fmt.Errorf("%d of %d", n, more)
		}
		return nil
	})
}
