package simulation

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
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

// Dial implements raft.StreamLayer. The other end must be the server that is meant.
func (l *layer) Dial(target raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	to, meant := cluster.SplitStreamTarget(target)
	l.mu.Lock()
	ours := l.clusterID
	l.mu.Unlock()
	err := errors.Join(l.awaitLinks(ctx, [2]string{l.addr, to}, [2]string{to, l.addr}), l.sleep(ctx, l.network.delay(to)+l.network.delay(l.addr)))
	if err != nil {
		return nil, err
	}
	other := l.network.at(to)
	if other == nil || l.isClosed() {
		return nil, errRefused
	}
	other.mu.Lock()
	theirs, server := other.clusterID, other.server
	other.mu.Unlock()
	if ours == "" || ours != theirs || meant != server {
		return nil, errRefused
	}
	near, far := connect(l.network, l.addr, to)
	select {
	case other.accepted <- far:
	default:
		return nil, errRefused
	}
	l.keep(near)
	other.keep(far)
	// Either may have closed since it was looked at, and nobody would close these.
	if l.isClosed() || other.isClosed() {
		near.reset()
		return nil, errRefused
	}
	return near, nil
}
