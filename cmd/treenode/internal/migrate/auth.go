package migrate

import (
	"context"
	"errors"
	"net/http"
)

// Authenticator proves to a source who reads. Its methods may be called
// concurrently.
type Authenticator interface {
	// Token is what goes into X-Auth-Token.
	Token(ctx context.Context, h *http.Client) (string, error)
	// Renew forgets a token that was refused, and reports whether another one
	// may be had.
	Renew() bool
	// Endpoint is where the service's Placement API is, if this knows.
	Endpoint(ctx context.Context, h *http.Client) (string, error)
}

// StaticToken is a token that somebody else fetched, or, for a service without
// Keystone, the name of the user (noauth2 knows "admin").
type StaticToken string

// Token implements Authenticator.
func (t StaticToken) Token(context.Context, *http.Client) (string, error) { return string(t), nil }

// Renew implements Authenticator.
func (StaticToken) Renew() bool { return false }

// Endpoint implements Authenticator.
func (StaticToken) Endpoint(context.Context, *http.Client) (string, error) {
	return "", errors.New("where the source is has to be given: only Keystone's catalogue knows")
}
