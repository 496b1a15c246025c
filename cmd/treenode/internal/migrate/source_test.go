package migrate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/cmd/treenode/internal/migrate"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
)

// What changes while the source is read is read again, until nothing does.
func TestSourceIsReadUntilItRests(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 9)
	var once sync.Once
	from.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		// When the last consumer is read: one goes without a trace in any
		// generation, one comes, and a provider gets another name.
		if r.Method == http.MethodGet && r.URL.Path == "/allocations/"+uuidOf(instances, 8) {
			once.Do(func() {
				call(t, from.URL, "1.39", "DELETE", "/allocations/"+uuidOf(instances, 0), nil)
				claim(t, from.URL, 20)
				call(t, from.URL, "1.39", "PUT", "/resource_providers/"+uuidOf(nodes, 1),
					object{"name": "renamed", "parent_provider_uuid": uuidOf(hosts, 1)})
			})
		}
		return false
	}
	have := readSource(t, from.URL)
	from.Before = nil
	want, _ := readCluster(t, connect(t, from.URL))
	wantEqual(t, want, have, migrate.CompareOptions{Usages: true, Generations: true})
}

func TestSourceThatNeverRests(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 4)
	var made atomic.Int64
	made.Store(52) // not of the provider that has too little
	from.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.URL.Path == "/resource_providers/"+uuidOf(pools, 0)+"/allocations" {
			claim(t, from.URL, int(made.Add(3)))
		}
		return false
	}
	s, err := migrate.OpenSource(context.Background(), migrate.SourceConfig{URL: from.URL, Auth: migrate.StaticToken("admin")})
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Read(context.Background())
	if err != nil || !strings.Contains(read.Unsettled, "consumer") || read.Passes < 3 {
		t.Errorf("%d passes, unsettled %q, error %v", read.Passes, read.Unsettled, err)
	}
	// It can be taken as it is, all the same.
	carry(t, read.Contents, storetest.New(t), migrate.PlanOptions{})
}

// What passes is tried again; what does not, is told with what the service says.
func TestSourceFails(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 2)
	var failures atomic.Int64
	failures.Store(1)
	from.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/traits" && failures.Add(-1) >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	readSource(t, from.URL)
	from.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/usages") {
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"detail":"Policy does not\nallow it"}]}`)
			return true
		}
		return false
	}
	s, err := migrate.OpenSource(context.Background(), migrate.SourceConfig{URL: from.URL + "/", Auth: migrate.StaticToken("admin")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Read(context.Background())
	wantPart(t, err, "403 Forbidden: Policy does not allow it")
	for url, part := range map[string]string{
		"ftp://x": "is not a URL", "http://user:secret@host": "is not a URL", "http://": "is not a URL", "": "has to be given",
	} {
		_, err := migrate.OpenSource(context.Background(), migrate.SourceConfig{URL: url, Auth: migrate.StaticToken("admin")})
		wantPart(t, err, part)
		if strings.Contains(err.Error(), "secret") {
			t.Errorf("a secret in %q", err)
		}
	}
}

// A service before consumers had types, and one that is too old.
func TestSourceIsOlder(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 4)
	var newest atomic.Value
	newest.Store("1.36")
	from.Before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/" {
			_, _ = fmt.Fprintf(w, `{"versions":[{"min_version":"1.0","max_version":%q,"id":"v1.0"}]}`, newest.Load())
			return true
		}
		if have := r.Header.Get("OpenStack-API-Version"); have != "placement 1.36" {
			t.Errorf("%s at version %q", r.URL, have)
		}
		return false
	}
	for _, c := range readSource(t, from.URL).Consumers {
		if c.Type != "" || c.Project == "" {
			t.Errorf("%+v", c)
		}
	}
	for version, part := range map[string]string{"1.27": "1.27 at most", "2.1": "is not 1.N", "": "is not 1.N"} {
		newest.Store(version)
		_, err := migrate.OpenSource(context.Background(), migrate.SourceConfig{URL: from.URL, Auth: migrate.StaticToken("admin")})
		wantPart(t, err, part)
	}
}

// keystone is a Keystone that gives tokens which serve for a number of requests.
func keystone(t *testing.T, source func() string, check func(body map[string]any)) *httptest.Server {
	t.Helper()
	var made atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/identity/v3/auth/tokens" {
			t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		check(body)
		if strings.Contains(fmt.Sprint(body), "wrong") {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":{"message":"The request you have made requires authentication."}}`)
			return
		}
		w.Header().Set("X-Subject-Token", fmt.Sprintf("token-%d", made.Add(1)))
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"token":{"catalog":[{"type":"compute","endpoints":[{"interface":"public","region":"one","url":"http://x"}]},
			{"type":"placement","endpoints":[{"interface":"admin","region":"one","url":"http://y"},
			{"interface":"public","region":"two","url":"http://z"},{"interface":"public","region":"one","url":%q}]}]}}`, source()+"/placement")
	}))
	t.Cleanup(s.Close)
	return s
}

func TestKeystone(t *testing.T) {
	from := storetest.New(t)
	furnish(t, from.URL, 4)
	var uses atomic.Int64
	tokens := make(chan string, 1000) // those used
	mux := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case tokens <- r.Header.Get("X-Auth-Token"):
		case <-r.Context().Done():
		}
		if uses.Add(1) == 20 { // the token is over
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r2, _ := http.NewRequestWithContext(r.Context(), r.Method, from.URL+strings.TrimPrefix(r.URL.String(), "/placement"), r.Body)
		r2.Header = r.Header.Clone()
		r2.Header.Set("X-Auth-Token", "admin")
		resp, err := http.DefaultClient.Do(r2)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	}))
	defer mux.Close()
	var body string
	k := keystone(t, func() string { return mux.URL }, func(b map[string]any) { text, _ := json.Marshal(b); body = string(text) })
	env := map[string]string{
		"OS_AUTH_URL": k.URL + "/identity/", "OS_USERNAME": "nova", "OS_PASSWORD": "söcret", "OS_PROJECT_NAME": "service",
		"OS_USER_DOMAIN_NAME": "Default", "OS_PROJECT_DOMAIN_ID": "default", "OS_REGION_NAME": "one",
	}
	open := func() (*migrate.Source, error) {
		auth, err := migrate.KeystoneFromEnvironment(func(name string) string { return env[name] })
		if err != nil {
			return nil, err
		}
		return migrate.OpenSource(context.Background(), migrate.SourceConfig{Auth: auth, Concurrency: 1})
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if s.URL() != mux.URL+"/placement" {
		t.Errorf("the endpoint is %s", s.URL())
	}
	if want := `{"auth":{"identity":{"methods":["password"],"password":{"user":{"domain":{"name":"Default"},"name":"nova","password":"söcret"}}},` +
		`"scope":{"project":{"domain":{"id":"default"},"name":"service"}}}}`; body != want {
		t.Errorf("asked Keystone with\n%s\nwant\n%s", body, want)
	}
	read, err := s.Read(context.Background())
	if err != nil || len(read.Contents.Consumers) != 4 {
		t.Fatalf("%v, error %v", read.Contents, err)
	}
	seen := map[string]bool{}
	for len(tokens) > 0 {
		seen[<-tokens] = true
	}
	if len(seen) != 2 || !seen["token-1"] || !seen["token-2"] {
		t.Errorf("tokens used: %v", seen)
	}
	for _, c := range []struct{ name, value, part string }{
		{"OS_PASSWORD", "wrong söcret", "401 Unauthorized: The request you have made requires authentication."},
		{"OS_PASSWORD", "", "OS_PASSWORD is needed"},
		{"OS_USERNAME", "", "OS_USERNAME or OS_USER_ID is needed"},
		{"OS_PROJECT_NAME", "", "OS_PROJECT_NAME or OS_PROJECT_ID is needed"},
		{"OS_REGION_NAME", "three", "has no public endpoint of type placement in region three"},
		{"OS_INTERFACE", "internal", "has no internal endpoint"},
		{"OS_AUTH_URL", "keystone", "OS_AUTH_URL is not a URL"},
		{"OS_APPLICATION_CREDENTIAL_ID", "x", "OS_APPLICATION_CREDENTIAL_SECRET is needed"},
	} {
		old, had := env[c.name]
		env[c.name] = c.value
		_, err := open()
		wantPart(t, err, c.part)
		if err != nil && strings.Contains(err.Error(), "söcret") {
			t.Errorf("the password is in %q", err)
		}
		if env[c.name] = old; !had {
			delete(env, c.name)
		}
	}
	env["OS_APPLICATION_CREDENTIAL_ID"], env["OS_APPLICATION_CREDENTIAL_SECRET"] = "id", "pw"
	if _, err := open(); errors.Is(err, context.Canceled) || !strings.Contains(body, `"application_credential":{"id":"id","secret":"pw"}`) || strings.Contains(body, "scope") {
		t.Errorf("asked Keystone with %s, error %v", body, err)
	}
}
