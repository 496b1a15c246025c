package cluster

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// acceptors are the accepting half of a transport whose streams have names: what
// comes over a stream counts only if it says that it is from the node that has
// proved itself there. Raft's transport does not tell which stream a message came
// by, so each peer has a transport of its own to come in by, for as long as it
// has a stream open.
//
// It is the stream layer of the transport that dials, and takes its Accept for
// itself.
type acceptors struct {
	raft.StreamLayer
	timeout time.Duration
	log     hclog.Logger
	rpcs    chan raft.RPC // to Raft
	done    chan struct{}
	closing sync.Once

	mu    sync.Mutex
	peers map[string]*acceptor // by node id
}

// acceptor is the stream layer by which one peer comes in.
type acceptor struct {
	all     *acceptors
	name    string
	streams int // open; under all.mu
	arrived chan net.Conn
	done    chan struct{}
	closing sync.Once
	inner   *raft.NetworkTransport
}

func newAcceptors(layer raft.StreamLayer, timeout time.Duration, log hclog.Logger) *acceptors {
	return &acceptors{
		StreamLayer: layer, timeout: timeout, log: log, rpcs: make(chan raft.RPC),
		done: make(chan struct{}), peers: map[string]*acceptor{},
	}
}

// Accept implements net.Listener. It returns only when the layer is closed, or
// fails: every stream goes to its peer's acceptor.
func (a *acceptors) Accept() (net.Conn, error) {
	for {
		conn, err := a.StreamLayer.Accept()
		if err != nil {
			return nil, err
		}
		named, ok := conn.(NamedStream)
		if !ok {
			return nil, errors.Join(errors.New("a stream without a name was accepted"), conn.Close())
		}
		p := a.enter(named.PeerName())
		select {
		case p.arrived <- &namedConn{Conn: conn, peer: p}:
		case <-a.done:
			return nil, errors.Join(net.ErrClosed, conn.Close())
		}
	}
}

// enter counts a stream, and makes its peer's transport if it has none.
func (a *acceptors) enter(name string) *acceptor {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.peers[name]
	if p == nil {
		p = &acceptor{all: a, name: name, arrived: make(chan net.Conn), done: make(chan struct{})}
		p.inner = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: p, Timeout: a.timeout, Logger: a.log})
		a.peers[name] = p
		go p.pass()
	}
	p.streams++
	return p
}

// leave counts a stream that has closed; the last one takes the transport along.
func (p *acceptor) leave() {
	p.all.mu.Lock()
	p.streams--
	last := p.streams == 0
	if last {
		delete(p.all.peers, p.name)
	}
	p.all.mu.Unlock()
	if last {
		_ = p.inner.Close() // never fails
	}
}

// Close implements net.Listener.
func (a *acceptors) Close() error {
	a.closing.Do(func() { close(a.done) })
	err := a.StreamLayer.Close()
	a.mu.Lock()
	var open []*acceptor
	for _, p := range a.peers {
		open = append(open, p)
	}
	a.mu.Unlock()
	for _, p := range open {
		_ = p.inner.Close() // never fails
	}
	return err
}

// pass hands on to Raft what is from the peer, until the peer's transport closes.
func (p *acceptor) pass() {
	for {
		var rpc raft.RPC
		select {
		case rpc = <-p.inner.Consumer():
		case <-p.done:
			return
		}
		if sender := senderOf(rpc); sender != p.name {
			p.all.log.Warn("a peer's message was refused: it claims to be another's", "peer", p.name, "claimed", sender)
			rpc.Respond(nil, errors.New("node "+p.name+" may not speak for node "+sender))
			continue
		}
		select {
		case p.all.rpcs <- rpc:
		case <-p.done:
			return
		case <-p.all.done:
			return
		}
	}
}

// senderOf is the node that a message says it is from; empty if it says nothing.
func senderOf(rpc raft.RPC) string {
	with, ok := rpc.Command.(raft.WithRPCHeader)
	if !ok {
		return ""
	}
	return nodeIDOf(string(with.GetRPCHeader().ID))
}

// Accept implements net.Listener.
func (p *acceptor) Accept() (net.Conn, error) {
	select {
	case conn := <-p.arrived:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *acceptor) Close() error {
	p.closing.Do(func() { close(p.done) })
	return nil
}

// Addr implements net.Listener.
func (p *acceptor) Addr() net.Addr { return p.all.Addr() }

// Dial implements raft.StreamLayer. Nothing is ever dialed by it.
func (p *acceptor) Dial(raft.ServerAddress, time.Duration) (net.Conn, error) {
	return nil, net.ErrClosed
}

// namedConn leaves its acceptor when it is closed.
type namedConn struct {
	net.Conn
	peer *acceptor
	once sync.Once
}

// Close implements net.Conn.
func (c *namedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.peer.leave)
	return err
}
