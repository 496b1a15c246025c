package raftnet

import (
	"crypto/x509"
	"net"
	"sync"
)

// link is a connection that Close knows of. As a net.Conn it is the TLS
// connection if there is TLS.
type link struct {
	net.Conn
	raw  net.Conn
	n    *Net
	once sync.Once

	// Set during the handshake; under n.mu, because others may look.
	place     places // that this link takes; may be nil
	kind      kind
	clusterID string // the dialer's
	// peer is the node id that the other side has proved, chain what with. They
	// are empty where no proof is asked for.
	peer  string
	chain []*x509.Certificate
}

// track makes a link of a connection. It returns nil and closes the connection
// if the port is closed.
func (n *Net) track(conn net.Conn) *link {
	l := &link{Conn: conn, raw: conn, n: n}
	n.mu.Lock()
	closed := n.closed
	if !closed {
		n.links[l] = struct{}{}
	}
	n.mu.Unlock()
	if closed {
		conn.Close() //nolint:errcheck // nothing was sent over it
		return nil
	}
	return l
}

// greeted notes what the handshake said.
func (l *link) greeted(k kind, clusterID string) {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.kind, l.clusterID = k, clusterID
}

// PeerName implements cluster.NamedStream.
func (l *link) PeerName() string {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	return l.peer
}

// occupy takes a place for as long as the link is open.
func (l *link) occupy(p places) bool {
	if !p.take() {
		return false
	}
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	if _, open := l.n.links[l]; !open {
		p.leave()
		return false
	}
	l.place = p
	return true
}

// Close closes the connection. What is in flight may be lost; both protocols
// have answers of their own. TLS is not said farewell: that may block, and
// both protocols know where their messages end.
func (l *link) Close() error {
	err := net.ErrClosed
	l.once.Do(func() {
		l.n.mu.Lock()
		delete(l.n.links, l)
		place := l.place
		l.n.mu.Unlock()
		err = l.raw.Close()
		if place != nil {
			place.leave()
		}
	})
	return err
}

// abort is Close for those who only want to be rid of it.
func (l *link) abort() { l.Close() } //nolint:errcheck // there is nobody to tell
