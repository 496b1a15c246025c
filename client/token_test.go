package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

// tokened is a server that answers each request in turn, and keeps their tokens.
func tokened(t *testing.T, answers ...func(http.ResponseWriter)) (url string, tokens func() []string) {
	t.Helper()
	seen := make(chan string, 100)
	n := atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Get("X-Auth-Token")
		if i := int(n.Add(1)) - 1; i < len(answers) {
			answers[i](w)
			return
		}
		_, _ = w.Write([]byte(`{"names": []}`))
	}))
	t.Cleanup(s.Close)
	return s.URL, func() (all []string) {
		for len(seen) > 0 {
			all = append(all, <-seen)
		}
		return all
	}
}

func refusing(code wire.Code, headers ...string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(wire.StatusOf(code))
		_, _ = w.Write([]byte(`{"error": {"kind": "` + string(wire.KindOf(code)) + `", "code": "` + string(code) + `", "message": "m"}}`))
	}
}

func TestTokenIsSent(t *testing.T) {
	url, tokens := tokened(t)
	c, err := New([]string{url}, WithToken("tn_a_b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Traits(t.Context()); err != nil {
		t.Error(err)
	}
	n := 0
	c, err = New([]string{url}, WithTokenSource(func(context.Context) (string, error) {
		n++
		return strings.Repeat("x", n), nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := c.Traits(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := strings.Join(tokens(), " "); got != "tn_a_b x xx" {
		t.Errorf("tokens %q", got)
	}
}

// A token does not leave this machine unencrypted, unless that is wanted; nor does
// it follow a redirect.
func TestTokenStays(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"http://10.0.0.1:8778": false, "https://10.0.0.1:8778": true, "http://127.0.0.2:1": true, "http://localhost:1": true,
		"http://[::1]:1": true, "http://localhost.example:1": false,
	} {
		_, err := New([]string{endpoint}, WithToken("secret-token"))
		if (err == nil) != want || err != nil && (CodeOf(err) != wire.CodeInvalid || strings.Contains(err.Error(), "secret-token")) {
			t.Errorf("%s: %v", endpoint, err)
		}
		if _, err := New([]string{endpoint}, WithTokenOverHTTP(), WithToken("secret-token")); err != nil {
			t.Errorf("%s, though it is wanted: %v", endpoint, err)
		}
	}
	if _, err := New([]string{"http://127.0.0.1:1"}, WithToken("a\nb")); CodeOf(err) != wire.CodeInvalid {
		t.Errorf("a newline: %v", err)
	}
	thief, stolen := tokened(t)
	url, _ := tokened(t, func(w http.ResponseWriter) {
		w.Header().Set("Location", thief)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c, err := New([]string{url}, WithToken("secret-token"), WithHTTPClient(&http.Client{}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Traits(t.Context()); err != nil && strings.Contains(err.Error(), "secret-token") {
		t.Errorf("the error tells the token: %v", err)
	}
	if got := stolen(); len(got) > 0 {
		t.Errorf("redirected with %q", got)
	}
	// A leader at an address that must not have the token is not asked.
	url, _ = tokened(t, refusing(wire.CodeNoLeader, wire.HeaderLeader, "http://192.0.2.1:1"))
	if c, err = New([]string{url}, WithToken("secret-token"), WithTimeout(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Traits(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnknownCallers(t *testing.T) {
	for _, code := range []wire.Code{wire.CodeUnauthenticated, wire.CodeForbidden} {
		url, tokens := tokened(t, refusing(code))
		c, err := New([]string{url}, WithToken("t"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Traits(t.Context()); CodeOf(err) != code || !IsRejected(err) || len(tokens()) != 1 {
			t.Errorf("%s: %v", code, err)
		}
	}
	c, err := New([]string{"http://127.0.0.1:1"}, WithTimeout(time.Millisecond),
		WithTokenSource(func(context.Context) (string, error) { return "", errors.New("no luck") }))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Traits(t.Context()); CodeOf(err) != wire.CodeAuthUnavailable || !IsNotApplied(err) {
		t.Errorf("no token: %v", err)
	}
}

// Who asks too often comes back when the answer says, and not before.
func TestRateLimited(t *testing.T) {
	url, tokens := tokened(t, refusing(wire.CodeRateLimited, "Retry-After", "1"))
	c, err := New([]string{url}, WithBackoff(time.Millisecond, 2*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := c.Traits(t.Context()); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d < time.Second || len(tokens()) != 2 {
		t.Errorf("again after %v", d)
	}
}
