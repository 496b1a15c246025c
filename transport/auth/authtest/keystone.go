package authtest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"time"
)

// Grant is what a token stands for.
type Grant struct {
	User, Project, Domain string // ids
	System                bool
	Roles                 []string
	// Expires is when the token ends; in an hour where it is zero.
	Expires time.Time
	// AccessRules, where not nil, are those of an application credential.
	AccessRules []AccessRule
}

// AccessRule is one rule of an application credential.
type AccessRule struct {
	Service string `json:"service"`
	Method  string `json:"method"`
	Path    string `json:"path"`
}

// Keystone is the service. Its methods may be called concurrently.
type Keystone struct {
	// URL is the auth_url.
	URL string

	server *httptest.Server
	now    func() time.Time

	mu        sync.Mutex
	passwords map[string]string // of services that may look into tokens
	grants    map[string]Grant
	own       map[string]time.Time // tokens of services, and when they end
	before    func(http.ResponseWriter, *http.Request) bool
	asked     []string
}

// New starts a Keystone, with a service user and its password. The clock may be
// nil. Close it after use.
func New(user, password string, now func() time.Time) *Keystone {
	if now == nil {
		now = time.Now
	}
	k := &Keystone{now: now, passwords: map[string]string{user: password}, grants: map[string]Grant{}, own: map[string]time.Time{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/auth/tokens", k.logIn)
	mux.HandleFunc("GET /v3/auth/tokens", k.validate)
	k.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.mu.Lock()
		before := k.before
		k.asked = append(k.asked, r.Method+" "+r.URL.RequestURI())
		k.mu.Unlock()
		if before == nil || !before(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	k.URL = k.server.URL
	return k
}

// Close ends the service.
func (k *Keystone) Close() { k.server.Close() }

// Before runs f before each request; where it returns true it has answered. Nil
// ends that.
func (k *Keystone) Before(f func(http.ResponseWriter, *http.Request) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.before = f
}

// Asked lists the requests so far: method, path and query.
func (k *Keystone) Asked() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.asked...)
}

// Issue gives a token.
func (k *Keystone) Issue(g Grant) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	if g.Expires.IsZero() {
		g.Expires = k.now().Add(time.Hour)
	}
	text := "gAAAA-" + rand.Text()
	k.grants[text] = g
	return text
}

// Revoke ends a token early.
func (k *Keystone) Revoke(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.grants, token)
}

// EndSessions ends the tokens of all services.
func (k *Keystone) EndSessions() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.own)
}

func (k *Keystone) logIn(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Auth struct {
			Identity struct {
				Password struct {
					User struct{ Name, Password string }
				}
			}
		}
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body) != nil {
		http.Error(w, "{}", http.StatusBadRequest)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	user := body.Auth.Identity.Password.User
	if want, ok := k.passwords[user.Name]; !ok || want != user.Password {
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	}
	text := "gAAAA-own-" + rand.Text()
	ends := k.now().Add(time.Hour)
	k.own[text] = ends
	w.Header().Set("X-Subject-Token", text)
	w.WriteHeader(http.StatusCreated)
	k.tell(w, Grant{User: user.Name, Project: "service", Roles: []string{"service"}, Expires: ends})
}

func (k *Keystone) validate(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ends, ok := k.own[r.Header.Get("X-Auth-Token")]; !ok || !k.now().Before(ends) {
		http.Error(w, "{}", http.StatusUnauthorized)
		return
	}
	g, ok := k.grants[r.Header.Get("X-Subject-Token")]
	if !ok || !k.now().Before(g.Expires) && r.URL.Query().Get("allow_expired") != "1" ||
		g.AccessRules != nil && r.Header.Get("Openstack-Identity-Access-Rules") == "" {
		http.Error(w, "{}", http.StatusNotFound)
		return
	}
	k.tell(w, g)
}

func (k *Keystone) tell(w http.ResponseWriter, g Grant) {
	type object map[string]any
	token := object{
		"expires_at": g.Expires.UTC().Format("2006-01-02T15:04:05.000000Z"),
		"user":       object{"id": g.User, "name": g.User, "domain": object{"id": "default", "name": "Default"}},
		"methods":    []string{"password"}, "audit_ids": []string{"x"},
	}
	roles := []object{}
	for _, name := range g.Roles {
		roles = append(roles, object{"id": "id-of-" + name, "name": name})
	}
	token["roles"] = roles
	switch {
	case g.System:
		token["system"] = object{"all": true}
	case g.Domain != "":
		token["domain"] = object{"id": g.Domain}
	case g.Project != "":
		token["project"] = object{"id": g.Project, "domain": object{"id": "default"}}
	}
	if g.AccessRules != nil {
		token["application_credential"] = object{"id": "ac", "access_rules": g.AccessRules}
	}
	_ = json.NewEncoder(w).Encode(object{"token": token}) // a client that has gone can't be told
}
