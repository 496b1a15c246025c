package raftnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
)

func TestTurns(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c", func(c *Config) { c.Limits.CallsPerPeerMax = 2 })
	b := listen(t, "c")
	started, release := make(chan struct{}), make(chan struct{})
	var most, now atomic.Int64
	b.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		started <- struct{}{}
		<-release
		return nil, nil
	}))
	var callers sync.WaitGroup
	for range 6 {
		callers.Go(func() {
			if _, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, nil); err != nil {
				t.Error(err)
			}
		})
	}
	take(t, started)
	take(t, started)
	// Both places are taken: one more is not sent before its context ends.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := a.Call(ctx, b.Addr(), cluster.VerbForward, nil)
	if failed := wantCallError(t, err, false); !errors.Is(failed, context.DeadlineExceeded) {
		t.Error(err)
	}
	for range 4 {
		release <- struct{}{}
		take(t, started)
	}
	close(release)
	callers.Wait()
	if most.Load() != 2 {
		t.Errorf("%d calls at a time", most.Load())
	}
	if s := a.Stats(); s.CallsMade != 6 || s.Dialed != 2 {
		t.Errorf("%+v", s)
	}
}

func TestIdleConnections(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		a := listen(t, "c", secure, func(c *Config) { c.Limits.CallIdleTimeout = 30 * time.Millisecond })
		b := listen(t, "c", secure)
		b.Serve(handlerFunc(echo))
		if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the idle connection is closed", func() bool { return b.Stats().CallConns == 0 })
		a.pool.mu.Lock()
		defer a.pool.mu.Unlock()
		if len(a.pool.peers) != 0 {
			t.Errorf("%d addresses are remembered", len(a.pool.peers))
		}
	})
}

// TestAcceptorClosesIdle: a dialer that keeps connections for longer.
func TestAcceptorClosesIdle(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	b := listen(t, "c", func(c *Config) { c.Limits.CallIdleTimeout = 200 * time.Millisecond })
	b.Serve(handlerFunc(echo))
	for round := range uint64(3) {
		if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
			t.Fatal(err)
		}
		if got := a.Stats().Dialed; got != round+1 {
			t.Errorf("round %d: %d connections were dialed", round, got)
		}
		eventually(t, "the idle connection is closed", func() bool { return b.Stats().CallConns == 0 })
	}
}

func TestIdleConnsPerPeer(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c", func(c *Config) { c.Limits.IdleConnsPerPeerMax = 2 })
	b := listen(t, "c")
	started, release := make(chan struct{}), make(chan struct{})
	b.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		started <- struct{}{}
		<-release
		return nil, nil
	}))
	var callers sync.WaitGroup
	for range 5 {
		callers.Go(func() {
			if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
				t.Error(err)
			}
		})
		take(t, started)
	}
	close(release)
	callers.Wait()
	eventually(t, "two connections are left", func() bool { return b.Stats().CallConns == 2 })
}

// TestBurst: calls of a burst wait for each other's connections, and do not
// open one each.
func TestBurst(t *testing.T) {
	noLeaks(t)
	const calls = 300
	a := listen(t, "c", func(c *Config) { c.Limits.DialsPerPeerMax, c.Limits.IdleConnsPerPeerMax = 2, calls })
	b := listen(t, "c")
	// The peer answers the first call only when all the others are waiting.
	var entered sync.WaitGroup
	entered.Add(calls)
	b.Serve(handlerFunc(func(_ context.Context, _ cluster.Verb, body []byte) ([]byte, error) {
		entered.Wait()
		return body, nil
	}))
	var callers sync.WaitGroup
	for i := range calls {
		callers.Go(func() {
			entered.Done()
			body := fmt.Append(nil, i)
			if got, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, body); err != nil || !bytes.Equal(got, body) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	callers.Wait()
	if s := a.Stats(); s.CallsMade != calls || s.Dialed > calls/2 {
		t.Errorf("%+v", s)
	}
	a.pool.mu.Lock()
	defer a.pool.mu.Unlock()
	if q := a.pool.peers[b.Addr()]; q == nil || q.calls != 0 || q.turns.taken() != 0 || q.dials.taken() != 0 || len(q.idle) != int(a.Stats().Dialed) {
		t.Errorf("%+v", q)
	}
}

// TestPeerRestarts: connections to the old process are not used for a call.
func TestPeerRestarts(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		a, b := listen(t, "c", secure), listen(t, "c", secure)
		addr := b.Addr()
		for range 5 {
			b.Serve(handlerFunc(echo))
			if _, err := a.Call(soon(t), addr, cluster.VerbForward, nil); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			b = listen(t, "c", secure, func(c *Config) { c.Listen = addr })
		}
	})
}
