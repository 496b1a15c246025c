package auth

import (
	"net/http"
	"strconv"
	"time"
)

// Authenticator tells who sends a request. It may be called concurrently.
type Authenticator interface {
	// Authenticate returns the identity that the request proves. Every error is,
	// or wraps, an *Error. It reads the request's header, TLS state, method, path
	// and remote address, never its body.
	Authenticate(r *http.Request) (Identity, error)
}

// Error is why a request has no identity, and what its sender is told. The text
// holds nothing of the credentials.
type Error struct {
	// Status is 401 where the request proves no identity, 429 where its sender
	// asks too often, 503 where nobody can tell now.
	Status int
	// Message is for the sender.
	Message string
	// Challenge is the answer's header WWW-Authenticate, empty for none.
	Challenge string
	// RetryAfter, where above 0, is when to come back.
	RetryAfter time.Duration
	// Err is the cause, for the log only.
	Err error
}

// Error implements error.
func (e *Error) Error() string {
	s := http.StatusText(e.Status) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Unauthenticated is the error of a request that proves no identity.
func Unauthenticated(message, challenge string) *Error {
	return &Error{Status: http.StatusUnauthorized, Message: message, Challenge: challenge}
}

// Seconds is a duration as the header Retry-After has it: whole seconds, never
// too few.
func Seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}
