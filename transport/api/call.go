package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// call is one request on its way through a handler.
type call struct {
	s         *server
	r         *http.Request
	out       *response
	query     url.Values
	bodyBytes []byte
	requestID tree.UUID // of a mutation
	action    string    // by which the request is allowed
}

// serve checks what does not depend on the handler and runs it.
func (c *call) serve(r route) (answer, error) {
	if r.mutates {
		if err := c.takeRequestID(); err != nil {
			return answer{}, err
		}
	}
	if err := c.takeQuery(r); err != nil {
		return answer{}, err
	}
	if err := c.takeBody(r); err != nil {
		return answer{}, err
	}
	return r.serve(c)
}

// takeQuery reads the query, which may only hold parameters of the route: a
// misspelt filter would otherwise silently give everything.
func (c *call) takeQuery(r route) error {
	query, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return reject(wire.CodeInvalid, "", "the query can't be read: %v", err)
	}
	known := r.parameters()
	for name, values := range query {
		switch {
		case !slices.Contains(known, name):
			return reject(wire.CodeInvalid, excerpt(name), "%s %s has no query parameter %q", r.method, r.path, excerpt(name))
		case len(values) > 1 && !slices.Contains(repeatable, name):
			return reject(wire.CodeInvalid, name, "the query parameter is given %d times", len(values))
		case slices.Contains(values, ""):
			return reject(wire.CodeInvalid, name, "the query parameter has no value")
		}
	}
	c.query = query
	return nil
}

// flag reads a query parameter that is true or false.
func (c *call) flag(name string) (bool, error) {
	switch c.query.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, reject(wire.CodeInvalid, name, "true or false is needed, not %q", excerpt(c.query.Get(name)))
}

// pageDefault is how many elements a page has when the caller does not say.
const pageDefault = 1000

// limit reads the query parameter limit.
func (c *call) limit(most int) (int, error) {
	text := c.query.Get("limit")
	if text == "" {
		return min(pageDefault, most), nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, reject(wire.CodeInvalid, "limit", "a whole number from 1 to %d is needed, not %q", most, excerpt(text))
	}
	return n, nil
}

// drainBytesMax is how much of a body over the limit is read and dropped, so
// that its sender is there for the answer and keeps the connection.
const drainBytesMax = 16 << 20

// takeBody reads the body, if the route has one.
func (c *call) takeBody(r route) error {
	if c.r.ContentLength == 0 {
		return nil
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return nil
	}
	if r.body == nil {
		return reject(wire.CodeInvalid, "", "%s %s takes no body", r.method, r.path)
	}
	media, parameters, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	charset := parameters["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return reject(wire.CodeUnsupportedMedia, "", "the body's Content-Type must be application/json, not %q", excerpt(c.r.Header.Get("Content-Type")))
	}
	c.bodyBytes = body
	return nil
}

func (c *call) readBody() ([]byte, error) {
	tooLarge := reject(wire.CodeTooLarge, "", "the body is larger than %d bytes", wire.BodyBytesMax)
	if c.r.ContentLength > drainBytesMax ||
		c.r.ContentLength > wire.BodyBytesMax && c.r.Header.Get("Expect") != "" { // the sender still waits
		return nil, tooLarge
	}
	// A context can't interrupt the reading of a body. Only a writer that is
	// no connection does not take the deadline.
	control := http.NewResponseController(c.out)
	deadline, bounded := c.r.Context().Deadline()
	bounded = bounded && control.SetReadDeadline(deadline) == nil
	body, err := io.ReadAll(io.LimitReader(c.r.Body, wire.BodyBytesMax+1))
	if bounded && err == nil && len(body) <= wire.BodyBytesMax {
		// Only once the whole body is here: net/http reads what is left of one after
		// the answer, and a sender could let it wait for that without end.
		_ = control.SetReadDeadline(time.Time{}) // it has just worked
	}
	if err == nil && len(body) > wire.BodyBytesMax {
		// Whether it comes to an end or not: the answer is the same.
		_, _ = io.CopyN(io.Discard, c.r.Body, drainBytesMax)
		return nil, tooLarge
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, reject(wire.CodeDeadline, "", "the body did not arrive in time")
	case err != nil:
		return nil, malformed("the body broke off: %v", err)
	}
	return body, nil
}

// decode reads the body into a wire struct.
func (c *call) decode(into any) error {
	err := decode(c.bodyBytes, into)
	if err == nil {
		return nil // not a nil *wire.Error
	}
	return err
}

// view waits for a state that is as new as the request demands.
func (c *call) view() (*fsm.View, error) {
	level, index, err := c.consistency()
	if err != nil {
		return nil, err
	}
	view, err := c.s.node.Read(c.r.Context(), level, index)
	if err != nil {
		return nil, err
	}
	c.showIndex(view.Index)
	return view, nil
}

func (c *call) showIndex(index uint64) {
	c.out.Header().Set(wire.HeaderIndex, strconv.FormatUint(index, 10))
}

func (c *call) consistency() (cluster.Level, uint64, error) {
	text := c.query.Get(wire.ParamIndex)
	switch given := wire.Consistency(c.query.Get(wire.ParamConsistency)); given {
	case wire.Session:
		index, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return 0, 0, reject(wire.CodeInvalid, wire.ParamIndex, "consistency=session needs the log index to wait for, not %q", excerpt(text))
		}
		return cluster.Session, index, nil
	case wire.Stale, wire.Linearizable, "":
		if text != "" {
			return 0, 0, reject(wire.CodeInvalid, wire.ParamIndex, "an index goes with consistency=session only")
		}
		if given == wire.Stale {
			return cluster.Stale, 0, nil
		}
		return cluster.Linearizable, 0, nil
	default:
		return 0, 0, reject(wire.CodeInvalid, wire.ParamConsistency, "stale, session or linearizable is needed, not %q", excerpt(string(given)))
	}
}

func stateOf(v *fsm.View) wire.State { return wire.State{Index: v.Index, Revision: v.Tree.Revision()} }
