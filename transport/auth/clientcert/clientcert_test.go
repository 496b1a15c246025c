package clientcert

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/auth"
)

const mappings = `
- {common_name: nova, user: nova, project: service, roles: [service]}
- {uri: "spiffe://example/watch", user: watch, system: true, roles: [reader]}
- {uri: "treenode://peer/n1", user: n1, project: p, roles: [admin]}
`

func certificate(t *testing.T, name string, uris ...string) *x509.Certificate {
	t.Helper()
	c := &x509.Certificate{Subject: pkix.Name{CommonName: name}}
	for _, text := range uris {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return c
}

type tokens struct{}

func (tokens) Authenticate(r *http.Request) (auth.Identity, error) {
	if auth.Token(r) == "good" {
		return auth.Identity{User: "by-token"}, nil
	}
	return auth.Identity{}, auth.Unauthenticated("no", "")
}

func TestCertificates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "certs.yaml")
	if err := os.WriteFile(path, []byte(mappings), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		cert     *x509.Certificate
		verified bool
		token    string
		next     auth.Authenticator
		want     string // the user, "" for nobody
	}{
		{"by its name", certificate(t, "nova"), true, "", nil, "nova"},
		{"by its URI", certificate(t, "nova", "spiffe://example/watch"), true, "", nil, "watch"},
		{"unknown", certificate(t, "other"), true, "", nil, ""},
		{"without a name", certificate(t, ""), true, "", nil, ""},
		{"not verified", certificate(t, "nova"), false, "", nil, ""},
		{"a node's", certificate(t, "nova", "treenode://peer/n1"), true, "", nil, ""},
		{"another URI, the name known", certificate(t, "nova", "spiffe://example/x"), true, "", nil, "nova"},
		{"beside a token", certificate(t, "nova"), true, "good", tokens{}, "by-token"},
		{"beside a bad token", certificate(t, "nova"), true, "bad", tokens{}, ""},
		{"unknown, beside a token", certificate(t, "other"), true, "good", tokens{}, "by-token"},
		{"none", nil, false, "good", tokens{}, "by-token"},
	} {
		a, err := Open(path, c.next)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("GET", "/v1/providers", nil)
		r.Header.Set(auth.TokenHeader, c.token)
		r.Header.Set("X-Ssl-Client-S-Dn", "CN=nova") // a proxy's word counts for nothing
		if c.cert != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c.cert}}
			if c.verified {
				r.TLS.VerifiedChains = [][]*x509.Certificate{{c.cert}}
			}
		}
		id, err := a.Authenticate(r)
		if id.User != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %+v %v", c.name, id, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, part := range map[string]string{
		"a: b": "", "- {user: u, project: p, roles: [r]}": "common_name",
		"- {common_name: a, uri: b, user: u, project: p, roles: [r]}":                                              "common_name",
		"- {common_name: a, project: p, roles: [r]}":                                                               "user",
		"- {common_name: a, user: u, roles: [r]}":                                                                  "project",
		"- {common_name: a, user: u, project: p}":                                                                  "roles",
		"- {common_name: a, user: u, project: p, role: [r]}":                                                       "role",
		"- {common_name: a, user: u, project: p, roles: [r]}\n- {common_name: a, user: v, project: p, roles: [r]}": "twice",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q: %v, want something with %q", text, err, part)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(mappings))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parse(text) })
}
