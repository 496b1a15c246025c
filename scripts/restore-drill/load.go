package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// acknowledged is a write that the cluster has said is done.
type acknowledged struct {
	provider, consumer string // one of them
	index              uint64
}

// load writes until it is stopped: each writer makes hosts and claims of them.
type load struct {
	c       *client.Client
	writes  atomic.Int64
	mu      sync.Mutex
	done    []acknowledged
	newest  uint64
	stopped chan struct{}
	wait    sync.WaitGroup
}

const writers = 4

func startLoad(c *client.Client) *load {
	l := &load{c: c, stopped: make(chan struct{})}
	for w := range writers {
		l.wait.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-l.stopped:
					return
				default:
				}
				l.write(fmt.Sprintf("host-%d-%d", w, n))
			}
		})
	}
	return l
}

// write makes a host with inventory, and a claim of it. What is not acknowledged
// does not count, whatever became of it.
func (l *load) write(host string) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	r, err := l.c.CreateProvider(ctx, wire.CreateProvider{Name: host})
	if err != nil {
		return
	}
	l.note(acknowledged{provider: host, index: r.Index})
	if _, err := l.c.SetInventories(ctx, host, map[string]wire.Inventory{"VCPU": {Total: 8}}); err != nil {
		return
	}
	consumer := uuid.NewString()
	r, err = l.c.Claim(ctx, wire.ConsumerClaim{UUID: consumer, Project: "p", User: "u", Type: "INSTANCE",
		Allocations: []wire.Allocation{{Provider: host, Resources: map[string]int64{"VCPU": 2}}}})
	if err == nil {
		l.note(acknowledged{consumer: consumer, index: r.Index})
	}
}

func (l *load) note(a acknowledged) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = append(l.done, a)
	l.newest = max(l.newest, a.index)
	l.writes.Add(1)
}

// until waits for so many acknowledged writes in all, and returns the newest index.
func (l *load) until(ctx context.Context, writes int64) (uint64, error) {
	for l.writes.Load() < writes {
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d writes were acknowledged: %w", l.writes.Load(), writes, ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest, nil
}

// stop ends the writers and returns what was acknowledged.
func (l *load) stop() []acknowledged {
	close(l.stopped)
	l.wait.Wait()
	return l.done
}
