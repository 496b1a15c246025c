package raftnet

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
)

// streamLayer is Raft's part of the port.
type streamLayer struct {
	n        *Net
	accepted chan *link
	done     chan struct{}
	once     sync.Once
}

// deliver waits for Raft to take the stream.
func (s *streamLayer) deliver(l *link) {
	timeout := time.NewTimer(s.n.limits.HandshakeTimeout)
	defer timeout.Stop()
	select {
	case s.accepted <- l:
	case <-s.done:
		l.abort()
	case <-timeout.C:
		l.abort()
		s.n.refused(refusedOther, l, "Raft does not take streams")
	}
}

// Accept implements net.Listener. After Close it returns an error at once.
func (s *streamLayer) Accept() (net.Conn, error) {
	select {
	case l := <-s.accepted:
		return l, nil
	case <-s.done:
		return nil, &net.OpError{Op: "accept", Net: "raft", Addr: s.Addr(), Err: net.ErrClosed}
	}
}

// Close implements net.Listener: it closes Raft's streams, and no more are
// taken. Calls go on.
func (s *streamLayer) Close() error {
	s.stop()
	s.n.closeLinks(func(l *link) bool { return l.kind == kindRaft })
	return nil
}

func (s *streamLayer) stop() { s.once.Do(func() { close(s.done) }) }

func (s *streamLayer) stopped() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// NamesPeers implements cluster.NamesPeers.
func (s *streamLayer) NamesPeers() bool { return s.n.config.PeerName != nil }

// Addr implements net.Listener: the address that peers use.
func (s *streamLayer) Addr() net.Addr { return peerAddr(s.n.addr) }

// Dial implements raft.StreamLayer. The timeout covers connecting and the
// handshake; if it is not positive, Limits.HandshakeTimeout takes its place.
// The error is a *cluster.PeerError if the peer refused, a *cluster.CallError
// if it could not be reached.
func (s *streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	if timeout <= 0 {
		timeout = s.n.limits.HandshakeTimeout
	}
	addr, server := cluster.SplitStreamTarget(address)
	if s.stopped() {
		return nil, s.n.unsent(addr, ErrClosed)
	}
	ctx, cancel := context.WithTimeoutCause(s.n.ctx, timeout, errHandshakeTimeout)
	defer cancel()
	l, err := s.n.dial(ctx, addr, server, cluster.NodeOfServer(server), kindRaft)
	if err != nil {
		return nil, err
	}
	return newRafts(l), nil
}

// peerAddr is an advertised address, which may have a host name.
type peerAddr string

// Network implements net.Addr.
func (peerAddr) Network() string { return "tcp" }

// String implements net.Addr.
func (a peerAddr) String() string { return string(a) }
