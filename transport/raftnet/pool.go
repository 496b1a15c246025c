package raftnet

import (
	"sync"
	"time"
)

// pool keeps the idle connections to peers and bounds the calls to each.
type pool struct {
	limits Limits
	mu     sync.Mutex
	peers  map[string]*peer
}

// peer is what the pool knows of one address. It is forgotten when there is
// neither a call nor a connection.
type peer struct {
	turns places
	calls int         // that have entered or wait for their turn
	idle  []*callConn // the last one was used last
}

// enter notes a call and returns the channel that it has to take its turn on.
// leave must follow, or giveUp if the turn did not come.
func (p *pool) enter(addr string) chan<- struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[addr]
	if q == nil {
		q = &peer{turns: newPlaces(p.limits.CallsPerPeerMax)}
		p.peers[addr] = q
	}
	q.calls++
	return q.turns
}

func (p *pool) leave(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peers[addr].turns.leave()
	p.gone(addr)
}

func (p *pool) giveUp(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone(addr)
}

func (p *pool) gone(addr string) {
	q := p.peers[addr]
	q.calls--
	if q.calls == 0 && len(q.idle) == 0 {
		delete(p.peers, addr)
	}
}

// get returns the idle connection that was used last, or nil.
func (p *pool) get(addr string) *callConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[addr]
	if len(q.idle) == 0 {
		return nil
	}
	c := q.idle[len(q.idle)-1]
	q.idle[len(q.idle)-1] = nil
	q.idle = q.idle[:len(q.idle)-1]
	return c
}

// put keeps a connection and reports whether there was room for it. A call to
// addr must be under way.
func (p *pool) put(addr string, c *callConn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[addr]
	if len(q.idle) >= p.limits.IdleConnsPerPeerMax {
		return false
	}
	q.idle = append(q.idle, c)
	return true
}

// dropIdle takes all idle connections out of the pool.
func (p *pool) dropIdle() []*callConn {
	return p.take(func(*callConn) bool { return true })
}

// take takes the idle connections that are picked out of the pool.
func (p *pool) take(pick func(*callConn) bool) (taken []*callConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for addr, q := range p.peers {
		kept := q.idle[:0]
		for _, c := range q.idle {
			if pick(c) {
				taken = append(taken, c)
			} else {
				kept = append(kept, c)
			}
		}
		clear(q.idle[len(kept):])
		q.idle = kept
		if q.calls == 0 && len(q.idle) == 0 {
			delete(p.peers, addr)
		}
	}
	return taken
}

func closeAll(conns []*callConn) {
	for _, c := range conns {
		c.abort()
	}
}

// reap closes connections that have been idle for too long or were closed by
// the peer, until the port is closed.
func (n *Net) reap() {
	defer n.running.Done()
	tick := time.NewTicker(max(n.limits.CallIdleTimeout/4, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-tick.C:
			closeAll(n.pool.take(func(c *callConn) bool { return !n.usable(c) }))
		}
	}
}
