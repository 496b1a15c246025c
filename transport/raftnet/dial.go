package raftnet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/treenode/treenode/cluster"
)

var errHandshakeTimeout = errors.New("the handshake took too long")

// dial opens a connection and does the dialer's part of the handshake. A stream
// names the server that it is meant for. A peer that has to prove who it is must be
// the node that is wanted, where one is. The context must end. The error is
// a *cluster.PeerError if the peer refused, otherwise a *cluster.CallError that was
// not sent.
func (n *Net) dial(ctx context.Context, addr, server, want string, k kind) (*link, error) {
	// Go turns Nagle's algorithm off on every TCP connection by itself.
	dialer := net.Dialer{KeepAliveConfig: keepAliveConfig()}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, n.unsent(addr, n.because(ctx, err))
	}
	l := n.track(conn)
	if l == nil {
		return nil, n.unsent(addr, ErrClosed)
	}
	stop := context.AfterFunc(ctx, l.abort)
	err = n.introduce(ctx, l, addr, server, want, k)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		n.counters.connected.Add(1)
		return l, nil
	}
	l.abort()
	var refused *cluster.PeerError
	if errors.As(err, &refused) {
		return nil, refused
	}
	return nil, n.unsent(addr, n.because(ctx, err))
}

// introduce says who dials and for whom, and hears whether that is welcome.
func (n *Net) introduce(ctx context.Context, l *link, addr, server, want string, k kind) error {
	if n.config.ClientTLS != nil {
		secured, err := n.secure(ctx, l.raw, addr)
		if err == nil {
			err = n.secured(l, secured, want)
		}
		if err != nil {
			return err
		}
	}
	id := *n.clusterID.Load()
	l.greeted(k, id)
	if _, err := l.Write(appendPreamble(nil, preamble{kind: k, clusterID: id, server: server[:min(len(server), serverIDLenMax)]})); err != nil {
		return err
	}
	if err := readWelcome(l); err != nil {
		return err
	}
	if k == kindRaft && *n.clusterID.Load() != id {
		return errors.New("this node has changed its cluster")
	}
	return nil
}

func (n *Net) secure(ctx context.Context, conn net.Conn, addr string) (*tls.Conn, error) {
	config := n.config.ClientTLS
	if config.ServerName == "" {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return nil, err
		}
		config = config.Clone()
		config.ServerName = host
	}
	secured := tls.Client(conn, config)
	return secured, secured.HandshakeContext(ctx)
}

func (n *Net) unsent(addr string, err error) error {
	return &cluster.CallError{Addr: addr, Err: err}
}

// because adds to err the end of the context, or of the port, if that is what
// lies behind it.
func (n *Net) because(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if n.isClosed() {
		cause = ErrClosed
	}
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w (%w)", cause, err)
}

// withHandshakeTimeout bounds a context that may have no end.
func (n *Net) withHandshakeTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(ctx, n.limits.HandshakeTimeout, errHandshakeTimeout)
	stop := context.AfterFunc(n.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}
