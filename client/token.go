package client

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// headerToken carries the token.
const headerToken = "X-Auth-Token" //nolint:gosec // a name

// TokenSource gives the token of the next request; it may be called concurrently.
// It should keep the token while it is good: it is asked for each attempt.
type TokenSource func(ctx context.Context) (string, error)

// WithToken sends a token with every request, over https or to this machine only;
// see WithTokenOverHTTP.
func WithToken(token string) Option {
	return func(c *Client) *Error {
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return refuse(wire.CodeInvalid, "token", "the token is empty, or holds what no token does")
		}
		c.token = func(context.Context) (string, error) { return token, nil }
		return nil
	}
}

// WithTokenSource is WithToken for tokens that change.
func WithTokenSource(source TokenSource) Option {
	return func(c *Client) *Error {
		if source == nil {
			return refuse(wire.CodeInvalid, "token", "the source of tokens is nil")
		}
		c.token = source
		return nil
	}
}

// WithTokenOverHTTP sends tokens unencrypted to other machines too: whoever is on
// the way can take them.
func WithTokenOverHTTP() Option {
	return func(c *Client) *Error {
		c.tokenOverHTTP = true
		return nil
	}
}

// mayHaveToken reports whether a token may go to an endpoint.
func (c *Client) mayHaveToken(endpoint string) bool {
	if c.token == nil || c.tokenOverHTTP {
		return true
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// refuseToken is the refusal to send a token in the clear.
func refuseToken(endpoint string) *Error {
	return refuse(wire.CodeInvalid, "endpoint", "the token would go to %s unencrypted: use https, or allow it", endpoint)
}

// authorised puts the token into a request.
func (c *Client) authorised(h *http.Request, endpoint string) error {
	if c.token == nil {
		return nil
	}
	if !c.mayHaveToken(endpoint) {
		return refuseToken(endpoint)
	}
	token, err := c.token(h.Context())
	if err != nil {
		return err
	}
	h.Header.Set(headerToken, token)
	return nil
}

// keepTokens is the HTTP client with which no redirect takes a token elsewhere.
func (c *Client) keepTokens(given *http.Client) *http.Client {
	if c.token == nil {
		return given
	}
	kept := *given
	kept.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &kept
}
