package simulation

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// layer is the stream layer of an endpoint.
type layer struct {
	*endpoint
	closing sync.Once
	done    chan struct{}
}

func (e *endpoint) Raft() raft.StreamLayer { return &layer{endpoint: e, done: make(chan struct{})} }

func (l *layer) Addr() net.Addr { return address(l.addr) }

func (l *layer) Close() error {
	l.closing.Do(func() { close(l.done) })
	return nil
}

func (l *layer) Accept() (net.Conn, error) {
	select {
	case s := <-l.accepted:
		return s, nil
	case <-l.done:
	case <-l.closed:
	}
	return nil, net.ErrClosed
}

// Dial implements raft.StreamLayer. The other end must be the server that the
// configuration has there.
func (l *layer) Dial(addr raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	to := string(addr)
	l.mu.Lock()
	at, ours := l.serverAt, l.clusterID
	l.mu.Unlock()
	meant := at(to)
	err := errors.Join(l.awaitLinks(ctx, [2]string{l.addr, to}, [2]string{to, l.addr}), l.sleep(ctx, l.network.delay(to)+l.network.delay(l.addr)))
	if err != nil {
		return nil, err
	}
	target := l.network.at(to)
	if target == nil || l.isClosed() {
		return nil, errRefused
	}
	target.mu.Lock()
	theirs, server := target.clusterID, target.server
	target.mu.Unlock()
	if ours == "" || ours != theirs || meant != "" && meant != server {
		return nil, errRefused
	}
	near, far := connect(l.network, l.addr, to)
	select {
	case target.accepted <- far:
	default:
		return nil, errRefused
	}
	l.keep(near)
	target.keep(far)
	// Either may have closed since it was looked at, and nobody would close these.
	if l.isClosed() || target.isClosed() {
		near.reset()
		return nil, errRefused
	}
	return near, nil
}
