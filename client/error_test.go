package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

// Every code of the wire comes out as its kind, however it is wrapped.
func TestKinds(t *testing.T) {
	is := map[wire.Kind][2]func(error) bool{
		wire.Rejected:   {IsRejected, func(err error) bool { e, _ := errors.AsType[*Error](err); return e.IsRejected() }},
		wire.NotApplied: {IsNotApplied, func(err error) bool { e, _ := errors.AsType[*Error](err); return e.IsNotApplied() }},
		wire.Unknown:    {IsUnknown, func(err error) bool { e, _ := errors.AsType[*Error](err); return e.IsUnknown() }},
		wire.Internal:   {IsInternal, func(err error) bool { e, _ := errors.AsType[*Error](err); return e.IsInternal() }},
	}
	for _, code := range wire.Codes() {
		err := fmt.Errorf("wrapped: %w", &ConflictError{err: refuse(code, "field", "said so")})
		if CodeOf(err) != code || KindOf(err) != wire.KindOf(code) {
			t.Errorf("%s is read as %s (%s)", code, CodeOf(err), KindOf(err))
		}
		for kind, predicates := range is {
			for _, p := range predicates {
				if p(err) != (kind == wire.KindOf(code)) {
					t.Errorf("%s is taken for %s", code, kind)
				}
			}
		}
	}
	for _, err := range []error{nil, errors.New("x")} {
		if KindOf(err) != "" || CodeOf(err) != "" || IsRejected(err) || IsUnknown(err) {
			t.Errorf("%v has a kind", err)
		}
	}
}

func TestErrorText(t *testing.T) {
	err := &Error{WireError: &wire.Error{Kind: wire.NotApplied, Code: wire.CodeBusy, Message: "a queue is full"}, Attempts: 3, Endpoint: "http://a:1", cause: errors.New("the end")}
	for _, part := range []string{"busy", "not_applied", "a queue is full", "3 attempts", "http://a:1", "the end"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
}

// A redirect comes from something that is no treenode, and is not followed.
func TestRedirect(t *testing.T) {
	cluster, c := start(t, 1)
	n := cluster.nodes[0]
	n.failAlways(func(_ *fakeNode, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	_, err := c.CreateProvider(t.Context(), root("a"))
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
	if all := n.requests(); len(all) != 1 {
		t.Errorf("requests %v", all)
	}
}

// Answers of proxies say as much as their status does.
func TestStrangers(t *testing.T) {
	for status, code := range map[int]wire.Code{
		http.StatusForbidden:             wire.CodeInvalid,
		http.StatusNotFound:              wire.CodeNotFound,
		http.StatusMethodNotAllowed:      wire.CodeMethodNotAllowed,
		http.StatusRequestEntityTooLarge: wire.CodeTooLarge,
	} {
		cluster, c := start(t, 2)
		for _, n := range cluster.nodes {
			n.failAlways(stranger(status, "<html>no</html>"))
		}
		_, err := c.CreateProvider(t.Context(), root("a"))
		e := wantError(t, err, wire.Rejected, code)
		if e.Attempts != 2 || e.Status != status || !strings.Contains(err.Error(), "<html>") {
			t.Errorf("%v after %d attempts: want both endpoints asked", err, e.Attempts)
		}
		// One that works is enough.
		cluster.nodes[1].failAlways(nil)
		must(c.CreateProvider(t.Context(), root("a")))(t)
	}
}
