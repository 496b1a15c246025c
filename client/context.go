package client

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

// settings are what the With functions below put into a context.
type settings struct {
	requestID   string
	consistency wire.Consistency
	minIndex    uint64
	endpoint    string
}

type settingsKey struct{}

func settingsOf(ctx context.Context) settings {
	s, _ := ctx.Value(settingsKey{}).(settings)
	return s
}

func with(ctx context.Context, change func(*settings)) context.Context {
	s := settingsOf(ctx)
	change(&s)
	return context.WithValue(ctx, settingsKey{}, s)
}

// WithRequestID makes the mutation called with the context use that request
// id: a UUID version 7, such as the one of an *Error of kind unknown. It names
// one mutation: the cluster refuses the id under another body
// (wire.CodeRequestIDReused).
//
// When the call ends as not applied, that speaks of its own attempts: what an
// earlier call under the same id did stays as unknown as it was.
func WithRequestID(ctx context.Context, id string) context.Context {
	return with(ctx, func(s *settings) { s.requestID = id })
}

// WithConsistency makes reads called with the context use that consistency.
func WithConsistency(ctx context.Context, level wire.Consistency) context.Context {
	return with(ctx, func(s *settings) { s.consistency = level })
}

// WithMinIndex makes session reads called with the context show at least that
// log index, even if this client has not seen it yet: for causality between
// clients, hand on Client.Index.
func WithMinIndex(ctx context.Context, index uint64) context.Context {
	return with(ctx, func(s *settings) { s.minIndex = index })
}

// WithEndpoint sends every attempt of calls with the context to one endpoint,
// in the forms of New, whether New was given it or not: to ask a certain node
// for its Digest or its view of the Cluster.
func WithEndpoint(ctx context.Context, endpoint string) context.Context {
	return with(ctx, func(s *settings) { s.endpoint = endpoint })
}

// NewRequestID makes a request id for WithRequestID. The error is that of the
// system's source of randomness.
func NewRequestID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", &Error{WireError: &wire.Error{
			Kind: wire.NotApplied, Code: wire.CodeNotReady, Message: "no randomness for a request id",
		}, cause: err}
	}
	return id.String(), nil
}

// requestIDFor is the context's request id, or a new one. Given reports which.
func requestIDFor(s settings) (id string, given bool, err error) {
	if s.requestID == "" {
		id, err = NewRequestID()
		return id, false, err
	}
	parsed, ok := canonicalUUID(s.requestID)
	if !ok || uuid.MustParse(parsed).Version() != 7 {
		return "", true, refuse(wire.CodeInvalid, "request_id", "request id %q is not a UUID of version 7", s.requestID)
	}
	return parsed, true, nil
}

func checkConsistency(level wire.Consistency) *Error {
	switch level {
	case wire.Stale, wire.Session, wire.Linearizable:
		return nil
	}
	return refuse(wire.CodeInvalid, wire.ParamConsistency, "consistency %q is not one of %s, %s, %s", level, wire.Stale, wire.Session, wire.Linearizable)
}

// bound gives the context the client's timeout if it has no deadline.
func (c *Client) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has || c.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// pause waits for d or the end of the context, and reports whether it was d.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
