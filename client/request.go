package client

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// effect says what sending a request twice does, and with it what may be
// retried.
type effect int

const (
	reads  effect = iota // nothing: always retried
	once                 // nothing more, by its request id: always retried
	varies               // anything: retried only while it did not happen
)

// request is one call before it is sent.
type request struct {
	effect effect
	method string
	path   string // escaped, from /v1 on
	query  url.Values
	body   []byte // JSON; nil for none

	// stream, where not nil, takes the body of a successful answer instead of
	// decoding it.
	stream func(io.Reader) error

	requestID string
	// retried is true when an earlier call may have sent the request id.
	retried bool
}

// path joins the escaped segments below /v1. An empty one is the caller's
// mistake and must be refused before.
func path(segments ...string) string {
	var s strings.Builder
	s.WriteString("/v1")
	for _, segment := range segments {
		s.WriteByte('/')
		switch segment {
		case ".", "..": // servers and proxies would resolve these
			s.WriteString(strings.ReplaceAll(segment, ".", "%2E"))
		default:
			s.WriteString(url.PathEscape(segment))
		}
	}
	return s.String()
}

func indexed(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// need refuses an empty argument that would make another route of the path.
func need(field, value string) error {
	if value == "" {
		return refuse(wire.CodeInvalid, field, "%s is needed", field)
	}
	return nil
}

// get reads a route into answer at the context's consistency.
func (c *Client) get(ctx context.Context, route string, query url.Values, answer any) error {
	return c.read(ctx, request{method: http.MethodGet, path: route, query: query}, answer)
}

func (c *Client) read(ctx context.Context, r request, answer any) error {
	if err := c.atLevel(ctx, &r); err != nil {
		return err
	}
	return c.send(ctx, r, answer)
}

// atLevel makes a request a read at the context's consistency.
func (c *Client) atLevel(ctx context.Context, r *request) error {
	s := settingsOf(ctx)
	level := s.consistency
	if level == "" {
		level = c.consistency
	} else if err := checkConsistency(level); err != nil {
		return err
	}
	if r.query == nil {
		r.query = url.Values{}
	}
	r.query.Set(wire.ParamConsistency, string(level))
	if level == wire.Session {
		r.query.Set(wire.ParamIndex, strconv.FormatUint(max(c.Index(), s.minIndex), 10))
	}
	r.effect = reads
	return nil
}

// mutate sends a mutation under the context's request id or a new one.
func (c *Client) mutate(ctx context.Context, method, route string, query url.Values, body any) (wire.Result, error) {
	var result wire.Result
	id, given, err := requestIDFor(settingsOf(ctx))
	if err != nil {
		return result, err
	}
	b, err := encode(body)
	if err != nil {
		return result, err
	}
	err = c.send(ctx, request{
		effect: once, method: method, path: route, query: query, body: b, requestID: id, retried: given,
	}, &result)
	if err != nil {
		return wire.Result{}, err
	}
	return result, nil
}

// calling is a call on its way: what its attempts have shown so far.
type calling struct {
	c        *Client
	request  request
	pinned   *endpoint
	tried    map[*endpoint]bool // in this pass over the endpoints
	attempts int
	pauses   int
	// uncertain is true once an attempt could have been applied.
	uncertain bool
	// hopeless is true while every endpoint of this pass answered in a way
	// that time does not heal.
	hopeless bool
	last     *failure
}

// send makes attempts until one settles the matter or the context ends.
func (c *Client) send(ctx context.Context, r request, answer any) error {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	return c.sendUntil(ctx, r, answer)
}

// sendUntil is send with no other bound than the context's.
func (c *Client) sendUntil(ctx context.Context, r request, answer any) error {
	k := &calling{c: c, request: r, tried: map[*endpoint]bool{}, hopeless: true}
	if given := settingsOf(ctx).endpoint; given != "" {
		u, err := parseEndpoint(given, c.scheme())
		if err != nil {
			return err
		}
		k.pinned = &endpoint{url: u}
	}
	for ctx.Err() == nil {
		e := k.pick()
		k.attempts++
		k.tried[e] = true
		f, next := c.attempt(ctx, e, r, answer)
		if f == nil {
			return nil
		}
		if k.last == nil || f.status != 0 || ctx.Err() == nil {
			k.last = f // an attempt that was only cut short tells less than the one before
		}
		if f.applied {
			k.uncertain = true
		}
		if err := k.settled(f); err != nil {
			return err
		}
		if !k.again(ctx, next) {
			break
		}
	}
	return k.ended(context.Cause(ctx))
}

func (k *calling) pick() *endpoint {
	if k.pinned != nil {
		return k.pinned
	}
	now := time.Now()
	e := k.c.endpoints.pick(k.tried, now)
	if e == nil {
		clear(k.tried)
		k.hopeless = true
		e = k.c.endpoints.pick(k.tried, now)
	}
	return e
}

// settled returns the call's error if its last attempt leaves nothing to try.
func (k *calling) settled(f *failure) error {
	switch {
	case k.request.effect == varies && k.uncertain:
		return k.unknown(f.cause)
	case f.final && k.uncertain && !f.decides:
		return k.unknown(f.cause)
	case f.final && f.err.Code == wire.CodeRequestIDExpired && k.request.retried:
		return k.unknown(f.cause)
	case f.final:
		return k.fail(f.err, f.cause)
	}
	if !f.hopeless {
		k.hopeless = false
	}
	if k.hopeless && !k.uncertain && k.passed() {
		return k.fail(f.err, f.cause)
	}
	return nil
}

// passed reports whether every endpoint was tried in this pass.
func (k *calling) passed() bool {
	return k.pinned != nil || k.c.endpoints.pick(k.tried, time.Now()) == nil
}

// again waits until the next attempt is due, and reports false if the context
// ended before. Another endpoint is asked at once when this one could not be,
// or named the leader; where a node had nothing better to say than to wait, or
// all endpoints were tried, there is a pause.
func (k *calling) again(ctx context.Context, next *endpoint) bool {
	if k.pinned == nil && (next != nil && !k.tried[next] || k.last.elsewhere && !k.passed()) {
		return true
	}
	d := k.c.backoffMax
	if k.pauses < 30 {
		d = min(k.c.backoffMin<<k.pauses, k.c.backoffMax)
	}
	k.pauses++
	d -= rand.N(d/2 + 1) //nolint:gosec // spreads callers; nobody gains by guessing it
	return pause(ctx, max(d, k.last.after))
}

// ended is the error of a call whose context ended.
func (k *calling) ended(cause error) error {
	if k.uncertain {
		return k.unknown(cause)
	}
	e := &wire.Error{Kind: wire.NotApplied, Code: wire.CodeDeadline, Message: "the context ended before the request could be sent"}
	if f := k.last; f != nil {
		e.Message = "the context ended; the last attempt: " + f.text()
		if f.err.Kind == wire.NotApplied {
			e.Code, e.Leader = f.err.Code, f.err.Leader
		}
	}
	e.RequestID = k.request.requestID
	return k.fail(e, cause)
}

// unknown is the error of a call that may have happened.
func (k *calling) unknown(cause error) error {
	e := &wire.Error{Kind: wire.Unknown, Code: wire.CodeOutcomeUnknown, RequestID: k.request.requestID}
	retry := "retry with the same request id"
	if k.request.effect == varies {
		retry = "ask for the members before trying again"
	}
	e.Message = fmt.Sprintf("the request may have been executed; %s", retry)
	if k.last != nil {
		e.Message += "; the last attempt: " + k.last.text()
	}
	return k.fail(e, cause)
}

func (k *calling) fail(e *wire.Error, cause error) error {
	err := &Error{WireError: e, Attempts: k.attempts, cause: cause}
	if k.last != nil {
		err.Status, err.Endpoint = k.last.status, k.last.endpoint
	}
	return err
}
