package client

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// Defaults and limits of a Client.
const (
	timeoutDefault        = 30 * time.Second
	attemptTimeoutDefault = 10 * time.Second
	backoffMinDefault     = 50 * time.Millisecond
	backoffMaxDefault     = 2 * time.Second
	userAgentDefault      = "treenode-client-go"

	dialTimeout         = 3 * time.Second
	tlsHandshakeTimeout = 5 * time.Second
	idleTimeout         = 90 * time.Second
	// Enough that 256 concurrent callers keep their connections to a leader.
	idleConnectionsPerHost = 256

	answerBytesMax = 64 << 20
	// retryAfterMax bounds how long an answer can have its sender wait.
	retryAfterMax = time.Minute
)

// Option changes what New makes. The error it gives New names what is wrong.
type Option func(*Client) *Error

// WithHTTPClient sends requests through h instead of a client made for the
// purpose. Its Timeout, if set, bounds each attempt. It should keep enough idle
// connections for its callers, and must not follow redirects to other hosts if
// it adds credentials. It cannot be combined with WithTLS.
func WithHTTPClient(h *http.Client) Option {
	return func(c *Client) *Error {
		if h == nil {
			return refuse(wire.CodeInvalid, "http_client", "the HTTP client is nil")
		}
		c.http, c.httpGiven = h, true
		return nil
	}
}

// WithTLS uses a copy of config for connections, and makes https the scheme of
// endpoints that name none.
func WithTLS(config *tls.Config) Option {
	return func(c *Client) *Error {
		if config == nil {
			return refuse(wire.CodeInvalid, "tls", "the TLS configuration is nil")
		}
		c.tls = config.Clone()
		return nil
	}
}

// WithBackoff sets the bounds of the pause between attempts: it starts at
// least, doubles up to most, and a random half of it is taken off. The default
// is 50 ms to 2 s.
func WithBackoff(least, most time.Duration) Option {
	return func(c *Client) *Error {
		if least <= 0 || most < least {
			return refuse(wire.CodeInvalid, "backoff", "backoff from %v to %v: the least must be above 0, the most not below it", least, most)
		}
		c.backoffMin, c.backoffMax = least, most
		return nil
	}
}

// WithDefaultConsistency sets the consistency of reads whose context has none
// from WithConsistency. The default is wire.Linearizable.
func WithDefaultConsistency(level wire.Consistency) Option {
	return func(c *Client) *Error {
		if err := checkConsistency(level); err != nil {
			return err
		}
		c.consistency = level
		return nil
	}
}

// WithTimeout bounds a call, with all its attempts, whose context has no
// deadline. The default is 30 s; 0 means no bound.
func WithTimeout(d time.Duration) Option {
	return func(c *Client) *Error {
		if d < 0 {
			return refuse(wire.CodeInvalid, "timeout", "timeout %v is negative", d)
		}
		c.timeout = d
		return nil
	}
}

// WithAttemptTimeout bounds the time in which an endpoint must begin, and then
// go on, to answer before another one is tried. The default is 10 s.
func WithAttemptTimeout(d time.Duration) Option {
	return func(c *Client) *Error {
		if d <= 0 {
			return refuse(wire.CodeInvalid, "attempt_timeout", "attempt timeout %v is not above 0", d)
		}
		c.attemptTimeout = d
		return nil
	}
}

// WithUserAgent sets the User-Agent header. The default is
// "treenode-client-go".
func WithUserAgent(agent string) Option {
	return func(c *Client) *Error {
		c.userAgent = agent
		return nil
	}
}

// newHTTPClient is the client used unless WithHTTPClient gives another.
func newHTTPClient(config *tls.Config) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Client{
		Transport: &http.Transport{
			// As everywhere in net/http, loopback is never proxied.
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSClientConfig:     config,
			TLSHandshakeTimeout: tlsHandshakeTimeout,
			MaxIdleConnsPerHost: idleConnectionsPerHost,
			IdleConnTimeout:     idleTimeout,
		},
		// No route redirects: an answer that does comes from something else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
