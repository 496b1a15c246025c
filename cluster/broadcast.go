package cluster

import "sync"

// broadcast tells any number of waiters that something changed.
type broadcast struct {
	mu sync.Mutex
	c  chan struct{}
}

// Wait returns a channel that the next Broadcast closes. Take it before
// looking at what may change.
func (b *broadcast) Wait() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c == nil {
		b.c = make(chan struct{})
	}
	return b.c
}

// Broadcast wakes everyone who waits.
func (b *broadcast) Broadcast() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.c != nil {
		close(b.c)
		b.c = nil
	}
}
