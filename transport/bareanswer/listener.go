package bareanswer

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headBytesMax = 16 << 10
	// keptBytesMax is the memory for heads that an idle connection keeps.
	keptBytesMax = 1 << 10
	// What a client still sends while it is refused is read for a while: a
	// connection closed over unread bytes loses the answer on its way.
	drainBytesMax = 256 << 10
	drainTimeMax  = 500 * time.Millisecond
)

// Answerer chooses the handler that refuses a request. Nil leaves the bare
// answer.
type Answerer func(r *http.Request) http.Handler

// Install makes a server answer through a; the server has to serve the
// listener that it returns. It is to be called before the server starts, and
// keeps the server's ConnState.
func Install(s *http.Server, l net.Listener, a Answerer) net.Listener {
	before := s.ConnState
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if of, ok := c.(*conn); ok && state == http.StateIdle {
			of.next()
		}
		if before != nil {
			before(c, state)
		}
	}
	return listener{l, a}
}

type listener struct {
	net.Listener
	answerer Answerer
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, answerer: l.answerer, recording: true}, nil
}

// conn remembers the head of the request that is being read.
type conn struct {
	net.Conn
	answerer Answerer

	mu        sync.Mutex // net/http reads in the background while it writes
	head      []byte
	recording bool
	// ahead is a byte of the next request: net/http waits for one while a
	// handler runs, and gets it where the client is quick.
	ahead   []byte
	refused bool
}

// NetConn is the connection below, as with tls.Conn.
func (c *conn) NetConn() net.Conn { return c.Conn }

// next is called once a request is answered and its body is read.
func (c *conn) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.recording = true; cap(c.head) > keptBytesMax {
		c.head = nil
	}
	c.head = c.head[:0]
	c.record(c.ahead)
	c.ahead = c.ahead[:0]
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case n <= 0:
	case c.recording:
		c.record(p[:n])
	case len(p) == 1:
		c.ahead = append(c.ahead[:0], p[0])
	default: // of a body
		c.ahead = c.ahead[:0]
	}
	return n, err
}

func (c *conn) record(p []byte) {
	if len(c.head) == 0 {
		p = bytes.TrimLeft(p, "\r\n") // some clients end a body with a line of its own
	}
	begin := max(0, len(c.head)-3)
	c.head = append(c.head, p...)
	if end := headEnd(c.head[begin:]); end >= 0 {
		c.head, c.recording = c.head[:begin+end], false
	}
	if len(c.head) > headBytesMax {
		c.head, c.recording = nil, false
	}
}

// headEnd is the offset behind the first empty line, -1 for none.
func headEnd(text []byte) int {
	for i := 0; ; {
		at := bytes.IndexByte(text[i:], '\n')
		if at < 0 {
			return -1
		}
		i += at + 1
		switch rest := text[i:]; {
		case bytes.HasPrefix(rest, []byte("\r\n")):
			return i + 2
		case bytes.HasPrefix(rest, []byte("\n")):
			return i + 1
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	if len(p) == len(bare) && string(p) == bare {
		if text := c.answer(); text != nil {
			if _, err := c.Conn.Write(text); err != nil {
				return 0, err
			}
			return len(p), nil
		}
	}
	return c.Conn.Write(p)
}

// Close implements net.Conn.
func (c *conn) Close() error {
	c.mu.Lock()
	drain := c.refused
	c.refused = false
	c.mu.Unlock()
	if drain && c.SetReadDeadline(time.Now().Add(drainTimeMax)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, drainBytesMax) // whatever comes of it, the connection closes
	}
	return c.Conn.Close()
}
