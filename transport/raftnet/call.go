package raftnet

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"

	"github.com/treenode/treenode/cluster"
)

// callConn is a connection that this node makes calls on, one at a time.
type callConn struct {
	*link
	r         *bufio.Reader
	buf       []byte
	sequence  uint32
	idleSince time.Time
}

// callBufferLen is how much of a message is copied to have it in one write,
// and read at a time.
const callBufferLen = 8 << 10

// Call implements cluster.Network. A body over cluster.CallBytesMax is
// a *cluster.PeerError of code PeerTooLarge without being sent.
func (n *Net) Call(ctx context.Context, addr string, verb cluster.Verb, body []byte) ([]byte, error) {
	if len(body) > cluster.CallBytesMax {
		return nil, refusal(cluster.PeerTooLarge, "a call of %d bytes is over the limit of %d", len(body), cluster.CallBytesMax)
	}
	if err := n.enter(ctx, addr); err != nil {
		return nil, n.unsent(addr, err)
	}
	defer n.pool.leave(addr)
	c, err := n.connect(ctx, addr)
	if err != nil {
		return nil, err
	}
	header := requestHeader{verb: verb, bodyLen: uint32(len(body))} //nolint:gosec // checked above
	if deadline, ok := ctx.Deadline(); ok {
		// Rounded up: 0 means none.
		header.timeout = time.Until(deadline) + time.Microsecond - 1
		if header.timeout < time.Microsecond {
			n.keep(addr, c)
			return nil, n.unsent(addr, context.DeadlineExceeded)
		}
	}
	n.counters.made.Add(1)
	stop := context.AfterFunc(ctx, c.abort)
	answer, err := c.exchange(header, body)
	reusable := stop()
	var refused *cluster.PeerError
	switch {
	case err == nil, errors.As(err, &refused):
		if reusable {
			n.keep(addr, c)
		}
		return answer, err
	default:
		c.abort()
		return nil, &cluster.CallError{Addr: addr, Sent: true, Err: n.because(ctx, err)}
	}
}

// enter waits for the call's turn.
func (n *Net) enter(ctx context.Context, addr string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if n.isClosed() {
		return ErrClosed
	}
	turn := n.pool.enter(addr)
	select {
	case turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		n.pool.giveUp(addr)
		return ctx.Err()
	case <-n.ctx.Done():
		n.pool.giveUp(addr)
		return ErrClosed
	}
}

// connect returns an idle connection or a new one.
func (n *Net) connect(ctx context.Context, addr string) (*callConn, error) {
	for c := n.pool.get(addr); c != nil; c = n.pool.get(addr) {
		if n.usable(c) {
			return c, nil
		}
		c.abort()
	}
	dialing, cancel := n.withHandshakeTimeout(ctx)
	defer cancel()
	l, err := n.dial(dialing, addr, kindCall)
	if err != nil {
		return nil, err
	}
	return &callConn{link: l, r: bufio.NewReaderSize(l, callBufferLen)}, nil
}

// keep puts a connection back for the next call.
func (n *Net) keep(addr string, c *callConn) {
	c.idleSince = time.Now()
	if n.isClosed() || c.clusterID != *n.clusterID.Load() || !n.pool.put(addr, c) {
		c.abort()
	}
}

// usable reports whether an idle connection is still good.
func (n *Net) usable(c *callConn) bool {
	return c.clusterID == *n.clusterID.Load() &&
		time.Since(c.idleSince) < n.limits.CallIdleTimeout &&
		c.r.Buffered() == 0 && quiet(c.raw)
}

// exchange sends a request and reads the answer.
func (c *callConn) exchange(h requestHeader, body []byte) ([]byte, error) {
	c.sequence++
	h.sequence = c.sequence
	c.buf = appendRequestHeader(c.buf[:0], h)
	if err := c.send(body); err != nil {
		return nil, err
	}
	return readAnswer(c.r, c.sequence)
}

// send writes c.buf and body, in one write if they are small.
func (c *callConn) send(body []byte) error {
	var err error
	c.buf, err = writeMessage(c.link, c.buf, body)
	return err
}

// writeMessage writes a header and a body. It returns the header's buffer,
// which may have grown to take a small body.
func writeMessage(l *link, header, body []byte) ([]byte, error) {
	if len(header)+len(body) <= callBufferLen {
		header = append(header, body...)
		_, err := l.Write(header)
		return header, err
	}
	both := net.Buffers{header, body}
	_, err := both.WriteTo(l.Conn)
	return header, err
}
