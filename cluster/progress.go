package cluster

import (
	"context"
	"sync"
)

// progress lets readers wait until an index is applied.
type progress struct {
	mu      sync.Mutex
	index   uint64
	waiters map[chan struct{}]uint64
}

// reach notes that everything up to index is applied and visible.
func (p *progress) reach(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if index <= p.index {
		return
	}
	p.index = index
	for c, want := range p.waiters {
		if want <= index {
			close(c)
			delete(p.waiters, c)
		}
	}
}

// restart notes that a snapshot replaced everything: what is visible now is
// index, which may be less than before.
func (p *progress) restart(index uint64) {
	p.mu.Lock()
	p.index = 0
	p.mu.Unlock()
	p.reach(index)
}

// wait returns once index is applied, or with the context's error, or when
// stopped closes.
func (p *progress) wait(ctx context.Context, index uint64, stopped <-chan struct{}) error {
	p.mu.Lock()
	if p.index >= index {
		p.mu.Unlock()
		return nil
	}
	c := make(chan struct{})
	if p.waiters == nil {
		p.waiters = make(map[chan struct{}]uint64)
	}
	p.waiters[c] = index
	p.mu.Unlock()
	var err error
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-stopped:
		err = errStopped
	}
	p.mu.Lock()
	delete(p.waiters, c)
	p.mu.Unlock()
	return err
}
