package client

import (
	"crypto/tls"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// Client talks to one cluster. Make one with New and share it: all methods may
// be called concurrently. Every error is, or wraps, an *Error.
type Client struct {
	endpoints   *endpoints
	http        *http.Client
	httpGiven   bool
	tls         *tls.Config
	timeout     time.Duration
	backoffMin  time.Duration
	backoffMax  time.Duration
	consistency wire.Consistency
	userAgent   string

	token         TokenSource // nil for none
	tokenOverHTTP bool

	attemptTimeout time.Duration

	index atomic.Uint64
}

// New makes a client of the cluster that the endpoints belong to. Each is
// "host:port" (http, or https with WithTLS) or a URL "http(s)://host:port",
// with a path before /v1 if need be. It sends nothing yet. The error, of kind
// rejected, names what is wrong with an endpoint or option.
func New(endpoints []string, opts ...Option) (*Client, error) {
	c := &Client{
		timeout:        timeoutDefault,
		attemptTimeout: attemptTimeoutDefault,
		backoffMin:     backoffMinDefault,
		backoffMax:     backoffMaxDefault,
		consistency:    wire.Linearizable,
		userAgent:      userAgentDefault,
	}
	for _, o := range opts {
		if err := o(c); err != nil {
			return nil, err
		}
	}
	switch {
	case c.http != nil && c.tls != nil:
		return nil, refuse(wire.CodeInvalid, "tls", "a TLS configuration and an HTTP client were given: configure TLS in the HTTP client")
	case len(endpoints) == 0:
		return nil, refuse(wire.CodeInvalid, "endpoints", "at least one endpoint is needed")
	}
	urls := make([]string, len(endpoints))
	for i, s := range endpoints {
		u, err := parseEndpoint(s, c.scheme())
		if err != nil {
			err.Field = indexed("endpoints", i)
			return nil, err
		}
		if !c.mayHaveToken(u) {
			err := refuseToken(u)
			err.Field = indexed("endpoints", i)
			return nil, err
		}
		urls[i] = u
	}
	c.endpoints = newEndpoints(urls)
	if c.http == nil {
		c.http = newHTTPClient(c.tls)
	}
	c.http = c.keepTokens(c.http)
	return c, nil
}

// scheme is that of endpoints that name none.
func (c *Client) scheme() string {
	if c.tls != nil {
		return "https"
	}
	return "http"
}

// Close closes idle connections, unless the HTTP client came from
// WithHTTPClient. The client may be used on; it then connects anew.
func (c *Client) Close() {
	if !c.httpGiven {
		c.http.CloseIdleConnections()
	}
}

// Index is the highest log index seen in an answer: what session reads show at
// least.
func (c *Client) Index() uint64 { return c.index.Load() }

// Endpoints lists the URLs that may be asked, the preferred one first: those
// given to New and those that nodes named as leader.
func (c *Client) Endpoints() []string { return c.endpoints.urls() }

// observe remembers the index if it is the highest.
func (c *Client) observe(index uint64) {
	for {
		old := c.index.Load()
		if index <= old || c.index.CompareAndSwap(old, index) {
			return
		}
	}
}
