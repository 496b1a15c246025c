package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// failure is an attempt that did not succeed, and what follows from it.
type failure struct {
	err      *wire.Error
	status   int
	endpoint string
	cause    error

	after time.Duration // not to come back before; 0 where nobody said

	applied   bool // the request may have been executed
	final     bool // more attempts can't change the answer
	decides   bool // a final answer that also holds for earlier attempts
	elsewhere bool // another endpoint may do better, at once
	hopeless  bool // unless another endpoint does better, waiting won't help
}

// text is the failure in one line.
func (f *failure) text() string {
	s := f.err.Error()
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s + " from " + f.endpoint
}

var errAttemptTimeout = errors.New("the endpoint took too long to answer")

// attempt asks one endpoint once. On success it has filled answer, and returns
// no failure. Next is the leader's endpoint if the answer named another one
// that may be asked.
func (c *Client) attempt(ctx context.Context, e *endpoint, r request, answer any) (f *failure, next *endpoint) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(c.attemptTimeout, func() { cancel(errAttemptTimeout) })
	defer timer.Stop()

	sent := &sending{}
	h, err := c.newHTTPRequest(sent.trace(ctx), e, r)
	if err != nil {
		return &failure{
			err:      &wire.Error{Kind: wire.Internal, Code: wire.CodeInternal, Message: "the request can't be made"},
			endpoint: e.url, cause: err, final: true,
		}, nil
	}
	if err := c.authorised(h, e.url); err != nil {
		return c.tokenless(e, err), nil
	}
	resp, err := c.http.Do(h)
	if err != nil {
		return c.unanswered(ctx, e, r, sent.possible(), err), nil
	}
	defer resp.Body.Close() //nolint:errcheck // all that is wanted of it was read
	going := func() { timer.Reset(c.attemptTimeout) }
	if r.stream != nil && resp.StatusCode/100 == 2 {
		if err := r.stream(progressReader{resp.Body, going}); err != nil {
			return c.brokenOff(ctx, e, resp, err), nil
		}
		c.observeAnswer(resp.Header, nil)
		c.endpoints.answered(e, resp.Header.Get(wire.HeaderLeader), time.Now())
		return nil, nil
	}
	body, err := readAnswer(resp.Body, going)
	switch {
	case errors.Is(err, errAnswerTooLarge):
		return &failure{
			err:    &wire.Error{Kind: wire.Rejected, Code: wire.CodeTooLarge, Message: err.Error() + "; ask for less at a time"},
			status: resp.StatusCode, endpoint: e.url, final: true, applied: r.effect != reads,
		}, nil
	case err != nil:
		return c.unanswered(ctx, e, r, true, err), nil
	}
	leader := resp.Header.Get(wire.HeaderLeader)
	if resp.StatusCode/100 == 2 {
		if answer != nil {
			// What an earlier attempt may have left would be merged.
			reflect.ValueOf(answer).Elem().SetZero()
			if text, plain := answer.(*[]byte); plain {
				*text = body
			} else if err := json.Unmarshal(body, answer); err != nil {
				f := c.unanswered(ctx, e, r, true, err)
				f.status, f.hopeless = resp.StatusCode, true
				f.err.Message = "the answer is not the JSON expected"
				if r.effect == reads {
					f.err.Kind, f.err.Code = wire.Internal, wire.CodeInternal
				}
				return f, nil
			}
		}
		c.observeAnswer(resp.Header, answer)
		c.endpoints.answered(e, leader, time.Now())
		return nil, nil
	}
	f = c.refused(e, r, resp, body)
	c.observeAnswer(resp.Header, nil)
	if f.err.Leader != "" {
		leader = f.err.Leader
	}
	switch {
	case f.final, f.err.Code == wire.CodeBusy, f.err.Code == wire.CodeRateLimited:
		next = c.endpoints.answered(e, leader, time.Now())
	case f.hopeless:
		c.endpoints.failed(e, time.Now())
	default:
		next = c.endpoints.hinted(e, leader, time.Now())
	}
	return f, next
}

func (c *Client) newHTTPRequest(ctx context.Context, e *endpoint, r request) (*http.Request, error) {
	u := e.url + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	h, err := http.NewRequestWithContext(ctx, r.method, u, body)
	if err != nil {
		return nil, err
	}
	h.Header.Set("Accept", "application/json")
	if c.userAgent != "" {
		h.Header.Set("User-Agent", c.userAgent)
	}
	if r.body != nil {
		h.Header.Set("Content-Type", "application/json")
	}
	if r.requestID != "" {
		h.Header.Set(wire.HeaderRequestID, r.requestID)
	}
	return h, nil
}

// tokenless is an attempt without a token to send, or to an endpoint that must not
// have it: nothing was sent.
func (c *Client) tokenless(e *endpoint, err error) *failure {
	f := &failure{endpoint: e.url, cause: err}
	if refused, ok := errors.AsType[*Error](err); ok { // a discovered endpoint
		c.endpoints.failed(e, time.Now())
		f.err, f.cause, f.elsewhere, f.hopeless = refused.WireError, nil, true, true
		return f
	}
	f.err = &wire.Error{Kind: wire.NotApplied, Code: wire.CodeAuthUnavailable, Message: "there is no token"}
	return f
}

// sending finds out whether a request may have left.
type sending struct{ asked, connected atomic.Bool }

func (s *sending) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { s.asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { s.connected.Store(true) },
	})
}

// possible is false only where the transport asked for a connection and got
// none. One that does not tell may have sent anything.
func (s *sending) possible() bool { return s.connected.Load() || !s.asked.Load() }

// unanswered is an attempt that got no whole answer. The endpoint rests for
// it, unless it was the caller who gave up.
func (c *Client) unanswered(ctx context.Context, e *endpoint, r request, sent bool, err error) *failure {
	if !errors.Is(context.Cause(ctx), context.Canceled) {
		c.endpoints.failed(e, time.Now())
	}
	code := wire.CodeNotReady
	if cause := context.Cause(ctx); errors.Is(cause, errAttemptTimeout) {
		err = cause
	} else if cause != nil {
		code = wire.CodeDeadline
	}
	f := &failure{endpoint: e.url, cause: err, elsewhere: true}
	if sent && r.effect != reads {
		f.applied = true
		f.err = &wire.Error{Kind: wire.Unknown, Code: wire.CodeOutcomeUnknown, Message: "no answer"}
		return f
	}
	f.err = &wire.Error{Kind: wire.NotApplied, Code: code, Message: "no answer"}
	return f
}

// brokenOff is an attempt of which a part of the answer was handed on: another
// one would begin anew.
func (c *Client) brokenOff(ctx context.Context, e *endpoint, resp *http.Response, err error) *failure {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return &failure{
		err:    &wire.Error{Kind: wire.NotApplied, Code: wire.CodeNotReady, Message: "the answer broke off"},
		status: resp.StatusCode, endpoint: e.url, cause: err, final: true,
	}
}

// refused is an attempt that was answered with an error.
func (c *Client) refused(e *endpoint, r request, resp *http.Response, body []byte) *failure {
	f := &failure{status: resp.StatusCode, endpoint: e.url}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 && f.status == http.StatusTooManyRequests {
		f.after = min(time.Duration(s)*time.Second, retryAfterMax)
	}
	var answer wire.ErrorBody
	if json.Unmarshal(body, &answer) != nil || answer.Error == nil || answer.Error.Kind == "" {
		return f.foreign(r, body)
	}
	f.err = answer.Error
	switch f.err.Kind {
	case wire.Rejected:
		f.final, f.decides = true, decides(f.err.Code)
	case wire.NotApplied:
	case wire.Unknown:
		f.applied = r.effect != reads
	default: // Internal, and what a newer server might say
		f.err.Kind = wire.Internal
		f.applied = r.effect != reads
		f.elsewhere, f.hopeless = true, true
	}
	return f
}

// foreign is an error answer that no treenode made: a proxy's, or that of
// another service. One of status 4xx says that the request was not passed on.
func (f *failure) foreign(r request, body []byte) *failure {
	const quotedMax = 200
	quoted := strings.ToValidUTF8(string(body[:min(len(body), quotedMax)]), "?")
	f.elsewhere, f.hopeless = true, true
	f.err = &wire.Error{Message: fmt.Sprintf("status %d without an error of treenode's: %q", f.status, quoted)}
	switch {
	case f.status == http.StatusRequestTimeout, f.status == http.StatusTooManyRequests:
		f.hopeless = false
		f.err.Code = wire.CodeBusy
	case f.status == http.StatusNotFound:
		f.err.Code = wire.CodeNotFound
	case f.status == http.StatusMethodNotAllowed:
		f.err.Code = wire.CodeMethodNotAllowed
	case f.status == http.StatusRequestEntityTooLarge:
		f.err.Code = wire.CodeTooLarge
	case f.status < 500:
		f.err.Code = wire.CodeInvalid
	case r.effect == reads:
		f.hopeless = false
		f.err.Code = wire.CodeNotReady
	default:
		f.hopeless = false
		f.applied = true
		f.err.Code = wire.CodeOutcomeUnknown
	}
	f.err.Kind = wire.KindOf(f.err.Code)
	return f
}

// decides reports whether a refusal is the state machine's, which remembers it
// under the request id: then no earlier attempt with that id was, or will be,
// executed. The others are said before the machine is asked, and say nothing
// about earlier attempts.
func decides(code wire.Code) bool {
	switch code {
	case wire.CodeMalformed, wire.CodeTooLarge, wire.CodeNotFound, wire.CodeMethodNotAllowed, wire.CodeUnsupportedMedia,
		wire.CodeUnauthenticated, wire.CodeForbidden,
		wire.CodeRequestIDExpired, wire.CodeRequestIDInFuture:
		return false
	default:
		return true
	}
}

var errAnswerTooLarge = fmt.Errorf("the answer is larger than %d bytes", answerBytesMax)

// readAnswer reads a whole body, calling progress as it comes.
func readAnswer(body io.Reader, progress func()) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(progressReader{body, progress}, answerBytesMax+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > answerBytesMax:
		return nil, errAnswerTooLarge
	}
	return b, nil
}

type progressReader struct {
	r        io.Reader
	progress func()
}

func (p progressReader) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		p.progress()
	}
	return n, err
}

// observeAnswer remembers the index that an answer shows, from its header or
// its body.
func (c *Client) observeAnswer(h http.Header, answer any) {
	if index, err := strconv.ParseUint(h.Get(wire.HeaderIndex), 10, 64); err == nil {
		c.observe(index)
	}
	switch a := answer.(type) {
	case *wire.Result:
		c.observe(a.Index)
	case *wire.Providers:
		c.observe(a.Index)
	case *wire.ProviderAnswer:
		c.observe(a.Index)
	case *wire.Consumers:
		c.observe(a.Index)
	case *wire.InventoriesAnswer:
		c.observe(a.Index)
	case *wire.TraitsAnswer:
		c.observe(a.Index)
	case *wire.AggregatesAnswer:
		c.observe(a.Index)
	case *wire.ResourcesAnswer:
		c.observe(a.Index)
	case *wire.ConsumerAnswer:
		c.observe(a.Index)
	case *wire.Names:
		c.observe(a.Index)
	case *wire.ChangedAnswer:
		c.observe(a.Index)
	case *wire.SharingAnswer:
		c.observe(a.Index)
	case *wire.Digest:
		c.observe(a.Index)
	}
}
