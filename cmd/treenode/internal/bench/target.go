package bench

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
)

// microversion is the one that all requests ask for.
const microversion = "1.39"

// Target is a service to measure.
type Target struct {
	// Name stands in the report.
	Name string
	// URLs are the service's; clients take them in turn.
	URLs []string
	// Token is sent as X-Auth-Token.
	Token string
	// TLS is how https is spoken, and what URLs without a scheme mean, where it is
	// not nil.
	TLS *tls.Config
	// Native, where not nil, speaks to the same service's native API: worlds
	// are made in fewer, larger steps. Nothing measured goes through it.
	Native *client.Client
	// Skip says which rows are left out, by patterns; see Match.
	Skip []string

	bases []*url.URL
}

// Check parses what the target has. The error names what is at fault.
func (t *Target) Check() error {
	if len(t.URLs) == 0 {
		return errors.New("a URL is needed")
	}
	if strings.ContainsFunc(t.Token, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("token: it has characters that can't be in a header")
	}
	t.bases = nil
	for _, text := range t.URLs {
		if !strings.Contains(text, "://") {
			scheme := "http"
			if t.TLS != nil {
				scheme = "https"
			}
			text = scheme + "://" + text
		}
		u, err := url.Parse(strings.TrimRight(text, "/"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.User != nil {
			return fmt.Errorf("%q is not a URL of the form http[s]://host[:port][/path]", text)
		}
		t.bases = append(t.bases, u)
	}
	return nil
}

// skips reports whether the target leaves a row out.
func (t *Target) skips(row string) bool {
	for _, pattern := range t.Skip {
		if Match(pattern, row) {
			return true
		}
	}
	return false
}

// request is a request to a target. Path begins with a slash and is escaped.
type request struct {
	method, path string
	body         []byte
}

// answer is a whole answer. The body is valid until the connection's next call.
type answer struct {
	status int
	body   []byte
}

// errTimeout is wrapped by the error of a request that took too long.
var errTimeout = errors.New("no answer in time")

// statusError is an answer with another status than the one wanted.
func statusError(r request, a answer) error {
	route, _, _ := strings.Cut(r.path, "?")
	if parts := strings.SplitN(route, "/", 4); len(parts) > 2 {
		parts[2] = "{}" // errors that differ in an id only are one
		route = strings.Join(parts, "/")
	}
	return fmt.Errorf("%s %s: status %d: %.300s", r.method, route, a.status, a.body)
}

// limits of every request.
const (
	answerBytesMax = 256 << 20
	dialTimeout    = 10 * time.Second
)
