package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func request(headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

func TestNoAuth(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    string
	}{
		{[]string{"X-Auth-Token", "jane:demo"}, "jane demo [] false"},
		{[]string{"X-Auth-Token", "jane"}, "jane jane [] false"},
		{[]string{"X-Auth-Token", "admin"}, "admin admin [admin] false"},
		{[]string{"X-Auth-Token", "admin", "X-Roles", ""}, "admin admin [] false"},
		{[]string{"X-Auth-Token", "jane", "X-Roles", "a, b", "X-Project-Id", "p"}, "jane p [a b] false"},
		{[]string{"X-Auth-Token", "admin", "Openstack-System-Scope", "all"}, "admin  [admin] true"},
	} {
		id, err := NoAuth{}.Authenticate(request(c.headers...))
		if got := fmt.Sprint(id.User, " ", id.Project, " ", id.Roles, " ", id.System); err != nil || got != c.want {
			t.Errorf("%q: %s %v, want %s", c.headers, got, err, c.want)
		}
	}
	if _, err := (NoAuth{}).Authenticate(request()); err == nil {
		t.Error("no token is somebody's")
	}
	if id, err := (NoAuth{Missing: Admin()}).Authenticate(request()); err != nil || !id.HasRole("admin") {
		t.Errorf("%+v %v", id, err)
	}
}

func TestToken(t *testing.T) {
	for want, headers := range map[string][]string{
		"a": {"X-Auth-Token", "a", "Authorization", "Bearer b"}, "b": {"Authorization", "bearer b"},
		"": {"Authorization", "Basic b"}, "c": {"X-Auth-Token", " c "},
	} {
		if got := Token(request(headers...)); got != want {
			t.Errorf("%q: %q, want %q", headers, got, want)
		}
	}
	for token, want := range map[string]bool{
		"gAAAAA-_=": true, "": false, "a b": false, "a\x00": false, "ä": false,
		strings.Repeat("a", tokenBytesMax): true, strings.Repeat("a", tokenBytesMax+1): false,
	} {
		if Plausible(token) != want {
			t.Errorf("%.20q: want %v", token, want)
		}
	}
}

func TestDigests(t *testing.T) {
	a, b := NewDigester(), NewDigester()
	if one, again := a.Of("x"), a.Of("x"); one != again || one == a.Of("y") || one == b.Of("x") {
		t.Error("digests do not tell tokens, or processes, apart")
	}
}

func from(addr string) *http.Request {
	r := request()
	r.RemoteAddr = addr
	return r
}

func TestAttempts(t *testing.T) {
	a := NewAttempts(1, 2)
	at := time.Unix(0, 0)
	a.now = func() time.Time { return at }
	for range 2 {
		if err := a.Begin(from("192.0.2.1:1")); err != nil {
			t.Error(err)
		}
		a.Failed(from("192.0.2.1:2"))
	}
	var told *Error
	if err := a.Begin(from("192.0.2.1:3")); !errors.As(err, &told) || told.Status != 429 || Seconds(told.RetryAfter) != "1" {
		t.Errorf("%v", err)
	}
	if err := a.Begin(from("[::ffff:192.0.2.1]:3")); err == nil {
		t.Error("the same address in another form is another")
	}
	if err := a.Begin(from("192.0.2.2:1")); err != nil {
		t.Error(err)
	}
	at = at.Add(time.Second)
	if err := a.Begin(from("192.0.2.1:1")); err != nil {
		t.Errorf("a second later: %v", err)
	}
	for i := range 3 {
		a.Failed(from(fmt.Sprintf("[2001:db8::%d]:1", i)))
	}
	if err := a.Begin(from("[2001:db8::ffff]:1")); err == nil {
		t.Error("a network's addresses do not count together")
	}
	for i := range remotesMax + 100 {
		a.Failed(from(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)))
	}
	if n := a.remotes.Len(); n > remotesMax {
		t.Errorf("%d addresses are remembered", n)
	}
	var none *Attempts
	none.Failed(request())
	if none.Begin(request()) != nil {
		t.Error("nil bounds something")
	}
}

func TestLimited(t *testing.T) {
	l, err := NewLimited(NoAuth{}, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, 0)
	l.now = func() time.Time { return at }
	ask := func(token string) error {
		_, err := l.Authenticate(request(TokenHeader, token))
		return err
	}
	for range 3 {
		if err := ask("jane:demo"); err != nil {
			t.Error(err)
		}
	}
	var told *Error
	if err := ask("jane:demo"); !errors.As(err, &told) || told.Status != 429 || told.RetryAfter != 500*time.Millisecond {
		t.Errorf("%v", err)
	}
	if ask("jane:other") != nil || ask("john:demo") != nil {
		t.Error("others are held up")
	}
	at = at.Add(500 * time.Millisecond)
	if ask("jane:demo") != nil || ask("jane:demo") == nil {
		t.Error("half a second is good for one request")
	}
	if err := ask(""); !errors.As(err, &told) || told.Status != 401 {
		t.Errorf("%v", err)
	}
	for i := range principalsMax + 100 {
		if err := ask(fmt.Sprint("u", i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := l.principals.Len(); n > principalsMax {
		t.Errorf("%d principals are remembered", n)
	}
}
