package keystone

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/auth/authtest"
)

const (
	user     = "treenode"
	password = "s3cret-of-the-node"
)

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// logged is what the logger got.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type world struct {
	*testing.T
	*authtest.Keystone
	*clock
	*Authenticator
	log *logged
}

func newWorld(t *testing.T, change func(*Config)) *world {
	t.Helper()
	w := &world{T: t, clock: newClock(), log: &logged{}}
	w.Keystone = authtest.New(user, password, w.read)
	t.Cleanup(w.Keystone.Close)
	c := Config{
		AuthURL: w.URL, WWWAuthenticateURI: "https://keystone.example", Username: user, UserDomainName: "Default", Password: password,
		ProjectName: "service", ProjectDomainName: "Default",
	}
	if change != nil {
		change(&c)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	a, err := newAuthenticator(c, auth.NewAttempts(1000, 1000), hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: w.log}), w.read)
	if err != nil {
		t.Fatal(err)
	}
	w.Authenticator = a
	return w
}

func request(token string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/resource_providers", nil)
	r.Header.Set(auth.TokenHeader, token)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// status is 200 for an identity, and else the error's.
func (w *world) status(r *http.Request) int {
	w.Helper()
	_, err := w.Authenticate(r)
	if err == nil {
		return http.StatusOK
	}
	var told *auth.Error
	if !errors.As(err, &told) {
		w.Fatalf("%v is no *auth.Error", err)
	}
	if told.Status == 401 && told.Challenge != `Keystone uri="https://keystone.example"` {
		w.Errorf("the challenge is %q", told.Challenge)
	}
	return told.Status
}

func (w *world) want(what string, r *http.Request, want int) {
	w.Helper()
	if got := w.status(r); got != want {
		w.Errorf("%s: %d, want %d", what, got, want)
	}
}

func (w *world) validations() int {
	n := 0
	for _, asked := range w.Asked() {
		if strings.HasPrefix(asked, "GET ") {
			n++
		}
	}
	return n
}

func TestIdentity(t *testing.T) {
	w := newWorld(t, nil)
	id, err := w.Authenticate(request(w.Issue(authtest.Grant{User: "u", Project: "p", Roles: []string{"reader", "member"}}),
		"X-Roles", "admin", "X-User-Id", "root", "X-Project-Id", "other", "X-Identity-Status", "Confirmed", "Openstack-System-Scope", "all"))
	if err != nil || id.User != "u" || id.Project != "p" || fmt.Sprint(id.Roles) != "[reader member]" || id.System ||
		id.UserDomain != "default" || id.ProjectDomain != "default" || id.Domain != "" || id.Method != "keystone" {
		t.Errorf("%+v %v", id, err)
	}
	id, err = w.Authenticate(request(w.Issue(authtest.Grant{User: "u", System: true, Roles: []string{"admin"}})))
	if err != nil || !id.System || id.Project != "" {
		t.Errorf("%+v %v", id, err)
	}
	id, err = w.Authenticate(request(w.Issue(authtest.Grant{User: "u", Domain: "d", Roles: []string{"admin"}})))
	if err != nil || id.Domain != "d" || id.System {
		t.Errorf("%+v %v", id, err)
	}
	r := request("")
	r.Header.Set("Authorization", "Bearer "+w.Issue(authtest.Grant{User: "u", Project: "p"}))
	w.want("a bearer token", r, 200)
	if asked := w.Asked(); asked[0] != "POST /v3/auth/tokens?nocatalog" || asked[1] != "GET /v3/auth/tokens?nocatalog" {
		t.Errorf("Keystone was asked %q", asked)
	}
}

func TestForgedTokens(t *testing.T) {
	w := newWorld(t, nil)
	other := authtest.New(user, password, w.read)
	defer other.Close()
	for name, token := range map[string]string{
		"none": "", "noauth2's": "admin:admin", "another Keystone's": other.Issue(authtest.Grant{User: "u", Roles: []string{"admin"}}),
		"a giant": strings.Repeat("a", 60_000), "with a newline": "a\nb", "with a blank": "a b", "not ASCII": "tökén",
	} {
		w.want(name, request(token), 401)
	}
	// What can't be a token is not asked about.
	if n := w.validations(); n != 2 {
		t.Errorf("Keystone was asked %d times: %q", n, w.Asked())
	}
}

func TestCacheAndRevocation(t *testing.T) {
	w := newWorld(t, nil)
	token := w.Issue(authtest.Grant{User: "u", Project: "p"})
	for range 3 {
		w.want("a valid token", request(token), 200)
	}
	if n := w.validations(); n != 1 {
		t.Errorf("asked %d times about one token", n)
	}
	w.Revoke(token)
	w.clock.advance(299 * time.Second)
	w.want("revoked, within the cache time", request(token), 200)
	w.clock.advance(2 * time.Second)
	w.want("revoked, after the cache time", request(token), 401)
	w.want("revoked, again", request(token), 401)
	if n := w.validations(); n != 2 {
		t.Errorf("asked %d times about two states", n)
	}
}

func TestNoCache(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TokenCacheTime = -1 })
	token := w.Issue(authtest.Grant{User: "u", Project: "p"})
	w.want("valid", request(token), 200)
	w.Revoke(token)
	w.want("revoked", request(token), 401)
}

// A token that ends while it is cached is refused at once.
func TestExpiry(t *testing.T) {
	w := newWorld(t, nil)
	token := w.Issue(authtest.Grant{User: "u", Project: "p", Expires: w.read().Add(time.Minute)})
	service := w.Issue(authtest.Grant{User: "nova", Project: "service", Roles: []string{"service"}})
	member := w.Issue(authtest.Grant{User: "m", Project: "p", Roles: []string{"member"}})
	w.want("valid", request(token), 200)
	w.clock.advance(time.Minute)
	w.want("expired in the cache", request(token), 401)
	w.want("expired, beside a service's", request(token, auth.ServiceTokenHeader, service), 200)
	w.want("expired, beside a member's", request(token, auth.ServiceTokenHeader, member), 401)
	w.want("expired, beside itself", request(token, auth.ServiceTokenHeader, token), 401)
	w.want("expired, beside a forged one", request(token, auth.ServiceTokenHeader, "forged"), 401)
	w.want("expired, alone again", request(token), 401)

	unseen := w.Issue(authtest.Grant{User: "v", Project: "p", Expires: w.read().Add(-time.Minute)})
	w.want("expired before it was seen", request(unseen), 401)
	w.want("the same beside a service's", request(unseen, auth.ServiceTokenHeader, service), 200)
	w.want("the same alone again", request(unseen), 401)
	asked := strings.Join(w.Asked(), "\n")
	if !strings.Contains(asked, "GET /v3/auth/tokens?nocatalog&allow_expired=1") {
		t.Errorf("asked %s", asked)
	}
}

func TestServiceTokens(t *testing.T) {
	for _, required := range []bool{false, true} {
		w := newWorld(t, func(c *Config) { c.ServiceTokenRolesRequired = required })
		token := w.Issue(authtest.Grant{User: "u", Project: "p"})
		service := w.Issue(authtest.Grant{User: "nova", Project: "service", Roles: []string{"service"}})
		member := w.Issue(authtest.Grant{User: "m", Project: "p", Roles: []string{"member"}})
		w.want("beside a service's", request(token, auth.ServiceTokenHeader, service), 200)
		w.want("beside a forged one", request(token, auth.ServiceTokenHeader, "forged"), 401)
		w.want("a service's alone", request("", auth.ServiceTokenHeader, service), 401)
		w.want("beside a member's", request(token, auth.ServiceTokenHeader, member), map[bool]int{false: 200, true: 401}[required])
		id, err := w.Authenticate(request(token, auth.ServiceTokenHeader, service))
		if err != nil || id.User != "u" || len(id.Roles) != 0 {
			t.Errorf("a service's roles count for the user: %+v %v", id, err)
		}
	}
}

func TestAccessRules(t *testing.T) {
	w := newWorld(t, nil)
	token := w.Issue(authtest.Grant{User: "u", Project: "p", AccessRules: []authtest.AccessRule{
		{Service: "placement", Method: "GET", Path: "/resource_providers"},
		{Service: "compute", Method: "GET", Path: "/traits"},
		{Service: "placement", Method: "PUT", Path: "/allocations/{id}"},
	}})
	service := w.Issue(authtest.Grant{User: "nova", Project: "service", Roles: []string{"service"}})
	member := w.Issue(authtest.Grant{User: "m", Project: "p", Roles: []string{"member"}})
	none := w.Issue(authtest.Grant{User: "u", Project: "p", AccessRules: []authtest.AccessRule{}})
	for _, c := range []struct {
		token, method, path, service string
		want                         int
	}{
		{token, "GET", "/resource_providers", "", 200},
		{token, "POST", "/resource_providers", "", 401},
		{token, "HEAD", "/resource_providers", "", 401},
		{token, "GET", "/resource_providers/x", "", 401},
		{token, "GET", "/traits", "", 401},
		{token, "PUT", "/allocations/x", "", 200},
		{token, "PUT", "/allocations/x%2Fy", "", 401},
		{token, "GET", "/traits", service, 200},
		{token, "GET", "/traits", member, 401},
		{none, "GET", "/resource_providers", "", 401},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set(auth.TokenHeader, c.token)
		if c.service != "" {
			r.Header.Set(auth.ServiceTokenHeader, c.service)
		}
		w.want(c.method+" "+c.path, r, c.want)
	}
}

func TestKeystoneAway(t *testing.T) {
	w := newWorld(t, nil)
	known, unknown := w.Issue(authtest.Grant{User: "u", Project: "p"}), w.Issue(authtest.Grant{User: "v", Project: "p"})
	short := w.Issue(authtest.Grant{User: "w", Project: "p", Expires: w.read().Add(10 * time.Second)})
	w.want("known", request(known), 200)
	w.want("short", request(short), 200)
	w.Before(func(rw http.ResponseWriter, _ *http.Request) bool {
		rw.WriteHeader(http.StatusBadGateway)
		return true
	})
	w.want("known, without Keystone", request(known), 200)
	w.want("unknown, without Keystone", request(unknown), 503)
	w.want("forged, without Keystone", request("forged"), 503)
	w.clock.advance(10 * time.Second)
	w.want("expired, without Keystone", request(short), 401)
	w.clock.advance(300 * time.Second)
	w.want("known, after the cache time", request(known), 503)
	w.Before(nil)
	w.want("unknown, once Keystone is back", request(unknown), 200)
	w.want("known, once Keystone is back", request(known), 200)
	if text := w.log.String(); strings.Count(text, "can't be asked") != 1 || strings.Count(text, "again") != 1 {
		t.Errorf("logged %s", text)
	}
}

// The node logs in again when its own token is rejected, and waits longer each
// time that fails.
func TestOwnToken(t *testing.T) {
	w := newWorld(t, nil)
	issue := func() string { return w.Issue(authtest.Grant{User: "u", Project: "p"}) }
	logins := func() (n int) {
		for _, asked := range w.Asked() {
			if strings.HasPrefix(asked, "POST ") {
				n++
			}
		}
		return n
	}
	w.want("first", request(issue()), 200)
	w.want("second", request(issue()), 200)
	if n := logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
	w.EndSessions()
	w.want("after the node's token was rejected", request(issue()), 200)
	w.clock.advance(time.Hour - 10*time.Second)
	w.want("before the node's token ends", request(issue()), 200)
	if n := logins(); n != 3 {
		t.Errorf("%d logins, want 3", n)
	}
	// Keystone takes no token at all: one more login, then a pause.
	w.Before(func(rw http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			rw.WriteHeader(http.StatusUnauthorized)
			return true
		}
		return false
	})
	for range 5 {
		w.want("while every token is rejected", request(issue()), 503)
	}
	if n := logins(); n != 4 {
		t.Errorf("%d logins, want 4", n)
	}
	w.clock.advance(pauseLeast)
	for range 5 {
		w.want("after the pause", request(issue()), 503)
	}
	if n := logins(); n != 5 {
		t.Errorf("%d logins, want 5", n)
	}
	w.clock.advance(pauseLeast)
	w.want("the pause has doubled", request(issue()), 503)
	if n := logins(); n != 5 {
		t.Errorf("%d logins, want 5", n)
	}
	w.Before(nil)
	w.clock.advance(pauseLeast)
	w.want("once it is over", request(issue()), 200)
}

func TestWrongPassword(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Password = "wr0ng-one" })
	w.want("any token", request(w.Issue(authtest.Grant{User: "u"})), 503)
	if text := w.log.String(); !strings.Contains(text, "log in") || strings.Contains(text, "wr0ng-one") {
		t.Errorf("logged %s", text)
	}
}

// Credentials go to Keystone, not where somebody in its place sends them.
func TestRedirectsAreNotFollowed(t *testing.T) {
	var got atomic.Int64
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer thief.Close()
	for _, method := range []string{"POST", "GET"} {
		w := newWorld(t, nil)
		w.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == method {
				http.Redirect(rw, r, thief.URL, http.StatusTemporaryRedirect)
			}
			return r.Method == method
		})
		w.want("redirected "+method, request(w.Issue(authtest.Grant{User: "u"})), 503)
	}
	if got.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// A flood of tokens that are none takes a bounded place, and leaves those that
// are known alone.
func TestManyBadTokens(t *testing.T) {
	w := newWorld(t, nil)
	good := w.Issue(authtest.Grant{User: "u", Project: "p"})
	w.want("good", request(good), 200)
	before := w.validations()
	for i := range invalidMax + 100 {
		w.invalid.Add(missing{w.digest.Of(fmt.Sprint(i)), false}, w.read())
	}
	for i := range 200 {
		w.want("bad", request(fmt.Sprintf("bad-%d", i)), 401)
	}
	if n := w.invalid.Len(); n > invalidMax {
		t.Errorf("%d bad tokens are kept", n)
	}
	if w.valid.Len() != 1 {
		t.Errorf("%d good tokens are kept", w.valid.Len())
	}
	w.want("good, afterwards", request(good), 200)
	if n := w.validations() - before; n != 200 {
		t.Errorf("asked %d times about 200 tokens", n)
	}
}

// While Keystone hangs, one question is asked about each token, a bounded number
// at once, and callers leave when their time is over.
func TestSlowKeystone(t *testing.T) {
	w := newWorld(t, nil)
	var inside, most atomic.Int64
	w.want("log in", request(w.Issue(authtest.Grant{User: "u"})), 200)
	hold := make(chan struct{})
	w.Before(func(http.ResponseWriter, *http.Request) bool {
		n := inside.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			continue
		}
		<-hold
		inside.Add(-1)
		return false
	})
	before := w.validations()
	var same, others sync.WaitGroup
	one := w.Issue(authtest.Grant{User: "u"})
	for range 50 {
		same.Go(func() { w.want("the same token", request(one), 200) })
	}
	for range 3 * flightsMax {
		token := w.Issue(authtest.Grant{User: "u"})
		others.Go(func() { w.want("a token of many", request(token), 200) })
	}
	deadline := time.Now().Add(20 * time.Second)
	for inside.Load() < flightsMax && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	w.want("who has no time", request(w.Issue(authtest.Grant{User: "u"})).WithContext(ctx), 503)
	for range waitMax {
		w.waiting.Add(1)
	}
	w.want("who comes when the queue is full", request(w.Issue(authtest.Grant{User: "u"})), 503)
	w.waiting.Add(-waitMax)
	close(hold)
	same.Wait()
	others.Wait()
	if n := most.Load(); n > flightsMax {
		t.Errorf("%d questions at once", n)
	}
	if n := w.validations() - before; n > 3*flightsMax+2 {
		t.Errorf("%d questions about %d tokens", n, 3*flightsMax+2)
	}
}

// Too many vain attempts of an address end in 429; tokens that are known go on.
func TestAttempts(t *testing.T) {
	w := newWorld(t, nil)
	w.attempts = auth.NewAttempts(0.001, 5)
	good := w.Issue(authtest.Grant{User: "u"})
	w.want("good", request(good), 200)
	for i := range 5 {
		w.want("bad", request(fmt.Sprintf("bad-%d", i)), 401)
	}
	w.want("one too many", request("bad-6"), 429)
	w.want("good, from the same address", request(good), 200)
	w.clock.advance(time.Duration(w.config.TokenCacheTime+1) * time.Second)
	w.want("good, once it has to be asked about again", request(good), 200)
	w.Revoke(good)
	w.clock.advance(time.Duration(w.config.TokenCacheTime+1) * time.Second)
	w.want("revoked, from the same address", request(good), 401)
	w.want("and again", request(good), 401)
	elsewhere := request(w.Issue(authtest.Grant{User: "v"}))
	elsewhere.RemoteAddr = "192.0.2.77:1"
	w.want("from elsewhere", elsewhere, 200)
}

func TestOddAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"no JSON": "<html>", "nothing": "{}", "no user": `{"token": {"expires_at": "2100-01-01T00:00:00Z"}}`,
		"no end": `{"token": {"user": {"id": "u"}}}`, "giant": `{"x": "` + strings.Repeat("x", answerBytesMax) + `"}`,
	} {
		w := newWorld(t, nil)
		w.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodGet {
				_, _ = rw.Write([]byte(body))
			}
			return r.Method == http.MethodGet
		})
		w.want(name, request(w.Issue(authtest.Grant{User: "u"})), 503)
	}
}

// Nothing that is worth stealing reaches the log or an error's text.
func TestSecretsStayHere(t *testing.T) {
	w := newWorld(t, nil)
	token := w.Issue(authtest.Grant{User: "u"})
	texts := func() string {
		s := w.log.String()
		for _, r := range []*http.Request{request(token), request("forged-t0ken"), request(token, auth.ServiceTokenHeader, "f0rged-service")} {
			if _, err := w.Authenticate(r); err != nil {
				s += err.Error()
			}
		}
		return s + fmt.Sprintf("%v %+v %#v %s", w.config, w.config, w.config, w.config.Password)
	}
	all := texts()
	for _, status := range []int{401, 403, 500, 302, 200} {
		w.clock.advance(time.Hour)
		w.Before(func(rw http.ResponseWriter, r *http.Request) bool {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(r.Header.Get("X-Subject-Token")))
			return true
		})
		all += texts()
	}
	w.Keystone.Close()
	w.clock.advance(time.Hour)
	all += texts() + w.log.String()
	for _, secret := range []string{password, token, "forged-t0ken", "f0rged-service", "gAAAA"} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is told: %s", secret, all)
		}
	}
	if !strings.Contains(all, "can't be asked") {
		t.Errorf("nothing was logged: %s", all)
	}
}
