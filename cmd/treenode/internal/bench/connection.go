package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"time"
)

// connection is one client's way to a target: one request at a time, kept open
// between them while the target allows. net/http's client costs two more
// goroutines for each connection, which on a shared machine the target pays.
type connection struct {
	ctx     context.Context
	target  *Target
	base    *url.URL
	timeout time.Duration

	conn   net.Conn // nil when none is open
	until  time.Time
	closes bool // the target closes without a word; don't keep connections
	reader *bufio.Reader
	common []byte // what the heads of all requests have, behind the path
	sent   []byte // a request, reused
	body   []byte // of an answer, reused
	unhook func() bool
}

func (t *Target) connect(ctx context.Context, client int, timeout time.Duration) *connection {
	base := t.bases[client%len(t.bases)]
	return &connection{
		ctx: ctx, target: t, base: base, timeout: timeout,
		common: []byte(" HTTP/1.1\r\nHost: " + base.Host + "\r\nX-Auth-Token: " + t.Token + "\r\nOpenStack-API-Version: placement " +
			microversion + "\r\nAccept: application/json\r\nUser-Agent: treenode-bench\r\n"),
	}
}

// close drops the connection; the next call makes a new one.
func (c *connection) close() {
	if c.conn != nil {
		c.unhook()
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *connection) open(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(c.ctx, minTime(deadline, time.Now().Add(dialTimeout)))
	defer cancel()
	address := c.base.Host
	if c.base.Port() == "" {
		address = net.JoinHostPort(c.base.Hostname(), map[string]string{"http": "80", "https": "443"}[c.base.Scheme])
	}
	var err error
	var conn net.Conn
	if c.base.Scheme == "https" {
		conn, err = (&tls.Dialer{Config: c.target.TLS}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return err
	}
	c.conn, c.until = conn, time.Time{}
	c.unhook = context.AfterFunc(c.ctx, func() { _ = conn.Close() })
	if c.reader == nil {
		c.reader = bufio.NewReaderSize(conn, 64<<10)
	} else {
		c.reader.Reset(conn)
	}
	return nil
}

// deadlineSlack is the part of the time-out by which a hanging request may
// outlast it.
const deadlineSlack = 8

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// call sends a request and reads the whole answer.
func (c *connection) call(r request) (answer, error) {
	deadline := time.Now().Add(c.timeout)
	kept := c.conn != nil
	a, began, err := c.try(r, deadline)
	if err != nil && kept && !began && !errors.Is(err, os.ErrDeadlineExceeded) && c.ctx.Err() == nil {
		// Closed while it was idle: not kept again, so that this happens once.
		c.closes = true
		a, _, err = c.try(r, deadline)
	}
	switch {
	case err == nil && time.Now().Before(deadline):
		return a, nil
	case err == nil:
		return answer{}, fmt.Errorf("%s: %w", r.method, errTimeout)
	case c.ctx.Err() != nil:
		return answer{}, context.Cause(c.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded):
		return answer{}, fmt.Errorf("%s: %w", r.method, errTimeout)
	default:
		return answer{}, fmt.Errorf("%s: %w", r.method, err)
	}
}

// try does it once; began reports whether an answer had begun.
func (c *connection) try(r request, deadline time.Time) (a answer, began bool, err error) {
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if c.conn == nil {
		if err := c.open(deadline); err != nil {
			return answer{}, false, err
		}
	}
	// A deadline costs more than the rest of a request: one is for many, and
	// ends what hangs. Whether an answer was in time, call tells.
	if c.until.Before(deadline) {
		c.until = deadline.Add(c.timeout / deadlineSlack)
		if err := c.conn.SetDeadline(c.until); err != nil {
			return answer{}, false, err
		}
	}
	if err := c.send(r); err != nil {
		return answer{}, false, err
	}
	if _, err := c.reader.Peek(1); err != nil {
		return answer{}, false, err
	}
	a, closes, err := c.receive(r.method)
	if err != nil {
		return answer{}, true, err
	}
	if closes || c.closes {
		c.close()
	}
	return a, true, nil
}

// send writes the request in one piece.
func (c *connection) send(r request) error {
	b := append(c.sent[:0], r.method...)
	b = append(b, ' ')
	b = append(append(b, c.base.EscapedPath()...), r.path...)
	b = append(b, c.common...)
	if r.body != nil {
		b = append(b, "Content-Type: application/json\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(r.body)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(append(b, "\r\n"...), r.body...)
	c.sent = b
	_, err := c.conn.Write(b)
	return err
}

// want calls and refuses every status but the one wanted.
func (c *connection) want(status int, r request) (answer, error) {
	a, err := c.call(r)
	if err == nil && a.status != status {
		err = statusError(r, a)
	}
	return a, err
}
