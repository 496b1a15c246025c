package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// handshakeTimeout bounds a client's TLS handshake.
	handshakeTimeout = 10 * time.Second
	// refusalInterval is how long refused handshakes are only counted after one was
	// logged: a port scan must not fill the log.
	refusalInterval = 10 * time.Second
)

// tlsListener speaks TLS on the connections of another listener. The handshake is
// the connection's first read, so that one that is slow holds up nobody else.
//
// Connections are not *tls.Conn: what package bareanswer puts around them would
// hide that from net/http anyway. So net/http neither speaks HTTP/2, which is
// wanted (see certs.API), nor sets Request.TLS, which withTLS does in its place.
type tlsListener struct {
	net.Listener
	config   *tls.Config
	timeout  time.Duration
	refusals *refusals
}

// Accept implements net.Listener.
func (l *tlsListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &tlsConn{Conn: tls.Server(c, l.config), raw: c, listener: l}, nil
}

type tlsConn struct {
	*tls.Conn
	raw      net.Conn
	listener *tlsListener
	once     sync.Once
	refused  bool // the handshake failed; set by once
}

// Read implements net.Conn.
func (c *tlsConn) Read(p []byte) (int, error) {
	c.once.Do(c.shakeHands)
	if c.refused {
		return 0, io.EOF // which net/http leaves without an answer
	}
	return c.Conn.Read(p)
}

// sayHTTPS is for people who forgot a letter.
const sayHTTPS = "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis port speaks HTTPS.\n"

func (c *tlsConn) shakeHands() {
	ctx, cancel := context.WithTimeout(context.Background(), c.listener.timeout)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err == nil {
		return
	}
	c.refused = true
	var record tls.RecordHeaderError
	if errors.As(err, &record) && record.Conn != nil && looksLikeHTTP(record.RecordHeader[:]) &&
		c.raw.SetWriteDeadline(time.Now().Add(c.listener.timeout)) == nil {
		_, _ = io.WriteString(c.raw, sayHTTPS) // if it gets through, fine
	}
	if !errors.Is(err, io.EOF) { // one that closes without a word is a probe
		c.listener.refusals.say(c.RemoteAddr(), err)
	}
}

func looksLikeHTTP(head []byte) bool {
	for _, method := range []string{"GET /", "HEAD ", "POST ", "PUT /", "DELET", "PATCH", "OPTIO"} {
		if strings.HasPrefix(string(head), method) {
			return true
		}
	}
	return false
}

// refusals logs refused handshakes, one at a time.
type refusals struct {
	log hclog.Logger

	mu     sync.Mutex
	next   time.Time
	silent int
}

func (r *refusals) say(from net.Addr, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.next) {
		r.silent++
		return
	}
	// The text may have a stranger's words in it.
	args := []any{"from", from.String(), "reason", fmt.Sprintf("%.300q", err.Error())}
	if r.silent > 0 {
		args = append(args, "not_logged_before", r.silent)
	}
	r.next, r.silent = now.Add(refusalInterval), 0
	r.log.Warn("TLS connection refused", args...)
}

type tlsStateKey struct{}

// tlsState finds a connection's state of TLS, once it has one.
type tlsState struct {
	conn *tlsConn
	once sync.Once
	tls.ConnectionState
}

// ofConnection is for http.Server.ConnContext.
func ofConnection(ctx context.Context, c net.Conn) context.Context {
	for c != nil {
		if secured, ok := c.(*tlsConn); ok {
			return context.WithValue(ctx, tlsStateKey{}, &tlsState{conn: secured})
		}
		around, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = around.NetConn()
	}
	return ctx
}

// withTLS sets Request.TLS, as net/http does where it sees the connection.
func withTLS(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := r.Context().Value(tlsStateKey{}).(*tlsState); ok {
			s.once.Do(func() { s.ConnectionState = s.conn.ConnectionState() })
			r.TLS = &s.ConnectionState
		}
		h.ServeHTTP(w, r)
	})
}
