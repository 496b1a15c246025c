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
	if err := ctx.Err(); err != nil {
		return nil, n.unsent(addr, err)
	}
	if n.isClosed() {
		return nil, n.unsent(addr, ErrClosed)
	}
	q := n.pool.enter(addr)
	defer n.pool.leave(q)
	if err := n.wait(ctx, q.turns); err != nil {
		return nil, n.unsent(addr, err)
	}
	defer q.turns.leave()
	who := cluster.AnswererOf(ctx)
	if who == nil || n.config.PeerName == nil {
		who = &cluster.Answerer{}
	}
	c, err := n.connect(ctx, q, who.Want)
	if err != nil {
		return nil, err
	}
	who.Name = c.PeerName()
	header := requestHeader{verb: verb, bodyLen: uint32(len(body))} //nolint:gosec // checked above
	if deadline, ok := ctx.Deadline(); ok {
		// Rounded up: 0 means none.
		header.timeout = time.Until(deadline) + time.Microsecond - 1
		if header.timeout < time.Microsecond {
			n.keep(q, c)
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
			n.keep(q, c)
		}
		return answer, err
	default:
		c.abort()
		return nil, &cluster.CallError{Addr: addr, Sent: true, Err: n.because(ctx, err)}
	}
}

// wait takes a place as soon as there is one.
func (n *Net) wait(ctx context.Context, p places) error {
	if p.take() {
		return nil
	}
	select {
	case p <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.ctx.Done():
		return ErrClosed
	}
}

// connect returns an idle connection or a new one, to the node that is wanted
// where one is. Few are opened at a time: in a burst of calls, most get one that
// has just become idle.
func (n *Net) connect(ctx context.Context, q *peer, want string) (*callConn, error) {
	if c := n.idle(q, want); c != nil {
		return c, nil
	}
	for !q.dials.take() {
		select {
		case c := <-q.handed:
			if n.usable(c) && c.isOf(want) {
				return c, nil
			}
			c.abort()
			continue
		case q.dials <- struct{}{}:
		case <-ctx.Done():
			return nil, n.unsent(q.addr, ctx.Err())
		case <-n.ctx.Done():
			return nil, n.unsent(q.addr, ErrClosed)
		}
		break
	}
	defer q.dials.leave()
	if c := n.idle(q, want); c != nil { // it may have become idle while nobody waited
		return c, nil
	}
	dialing, cancel := n.withHandshakeTimeout(ctx)
	defer cancel()
	l, err := n.dial(dialing, q.addr, "", want, kindCall)
	if err != nil {
		return nil, err
	}
	return &callConn{link: l, r: bufio.NewReaderSize(l, callBufferLen)}, nil
}

// idle returns an idle connection that is still good, or nil.
func (n *Net) idle(q *peer, want string) *callConn {
	for c := n.pool.get(q); c != nil; c = n.pool.get(q) {
		if n.usable(c) && c.isOf(want) {
			return c
		}
		c.abort()
	}
	return nil
}

// keep puts a connection back for the next call.
func (n *Net) keep(q *peer, c *callConn) {
	c.idleSince = time.Now()
	if n.isClosed() || c.clusterID != *n.clusterID.Load() || !n.pool.put(q, c) {
		c.abort()
	}
}

// usable reports whether an idle connection is still good.
func (n *Net) usable(c *callConn) bool {
	return c.clusterID == *n.clusterID.Load() &&
		time.Since(c.idleSince) < n.limits.CallIdleTimeout &&
		c.r.Buffered() == 0 && quiet(c.raw)
}

// isOf reports whether the other side has proved to be the node that is wanted.
func (c *callConn) isOf(want string) bool { return want == "" || c.PeerName() == want }

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
