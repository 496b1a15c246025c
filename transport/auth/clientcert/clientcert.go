package clientcert

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth"
)

// Mapping says whom a certificate's name stands for. One of CommonName and URI is
// set.
type Mapping struct {
	CommonName string   `yaml:"common_name"`
	URI        string   `yaml:"uri"`
	User       string   `yaml:"user"`
	Project    string   `yaml:"project"`
	Roles      []string `yaml:"roles"`
	System     bool     `yaml:"system"`
}

const fileBytesMax = 1 << 20

// peerScheme is that of the names of nodes.
const peerScheme = "treenode"

// Authenticator knows client certificates, and leaves the other requests to
// another one. Make one with Open. It is immutable and safe for concurrent use.
type Authenticator struct {
	next   auth.Authenticator
	byName map[string]auth.Identity
	byURI  map[string]auth.Identity
}

// Open reads a file of mappings, a list in YAML. Next, which may be nil, gets what
// no certificate proves. The error names the entry that is wrong.
func Open(path string, next auth.Authenticator) (*Authenticator, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	text, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > fileBytesMax {
		return nil, errors.New(path + " is too large")
	}
	a, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	a.next = next
	return a, nil
}

func parse(text []byte) (*Authenticator, error) {
	var list []Mapping
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	a := &Authenticator{byName: map[string]auth.Identity{}, byURI: map[string]auth.Identity{}}
	for i, m := range list {
		into, name := a.byName, m.CommonName
		if m.URI != "" {
			into, name = a.byURI, m.URI
		}
		_, twice := into[name]
		switch {
		case (m.CommonName == "") == (m.URI == ""):
			return nil, fmt.Errorf("entry %d: common_name: it is needed, or uri", i+1)
		case twice:
			return nil, fmt.Errorf("entry %d: %q is there twice", i+1, name)
		case m.User == "":
			return nil, fmt.Errorf("entry %d: user: it is needed", i+1)
		case len(m.Roles) == 0:
			return nil, fmt.Errorf("entry %d: roles: one is needed at least", i+1)
		case m.System == (m.Project != ""):
			return nil, fmt.Errorf("entry %d: project: it is needed, or system: true", i+1)
		}
		into[name] = auth.Identity{User: m.User, Project: m.Project, Roles: m.Roles, System: m.System, Method: "certificate"}
	}
	return a, nil
}

// Authenticate implements auth.Authenticator.
func (a *Authenticator) Authenticate(r *http.Request) (auth.Identity, error) {
	if auth.Token(r) == "" && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0]) > 0 {
		if id, ok := a.of(r.TLS.VerifiedChains[0][0]); ok {
			return id, nil
		}
	}
	if a.next != nil {
		return a.next.Authenticate(r)
	}
	return auth.Identity{}, auth.Unauthenticated("a client certificate that stands for somebody is needed", "")
}

// of is who a certificate stands for: by its URIs first, which are more exact.
func (a *Authenticator) of(c *x509.Certificate) (auth.Identity, bool) {
	for _, u := range c.URIs {
		if u.Scheme == peerScheme {
			return auth.Identity{}, false
		}
	}
	for _, u := range c.URIs {
		if id, ok := a.byURI[u.String()]; ok {
			return id, true
		}
	}
	id, ok := a.byName[c.Subject.CommonName]
	return id, ok && c.Subject.CommonName != ""
}
