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
	addr  string
	turns places
	dials places
	// handed passes a connection to a call that waits for one.
	handed chan *callConn

	calls int         // that have entered or wait for their turn; under pool.mu
	idle  []*callConn // the last one was used last; under pool.mu
}

// enter notes a call. It has to take its turn, and to leave.
func (p *pool) enter(addr string) *peer {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.peers[addr]
	if q == nil {
		q = &peer{
			addr: addr, turns: newPlaces(p.limits.CallsPerPeerMax), dials: newPlaces(p.limits.DialsPerPeerMax),
			handed: make(chan *callConn),
		}
		p.peers[addr] = q
	}
	q.calls++
	return q
}

// leave is the end of a call, whether or not its turn came.
func (p *pool) leave(q *peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q.calls--
	p.forget(q)
}

func (p *pool) forget(q *peer) {
	if q.calls == 0 && len(q.idle) == 0 {
		delete(p.peers, q.addr)
	}
}

// get returns the idle connection that was used last, or nil.
func (p *pool) get(q *peer) *callConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(q.idle) == 0 {
		return nil
	}
	c := q.idle[len(q.idle)-1]
	q.idle[len(q.idle)-1] = nil
	q.idle = q.idle[:len(q.idle)-1]
	return c
}

// put keeps a connection and reports whether there was room for it. The call
// must not have left.
func (p *pool) put(q *peer, c *callConn) bool {
	select {
	case q.handed <- c:
		return true
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
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
	for _, q := range p.peers {
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
		p.forget(q)
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
