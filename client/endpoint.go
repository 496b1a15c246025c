package client

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

const (
	// How long an endpoint that failed is asked last: from restLeast, doubling
	// with every failure. Addresses that only a node told may be ones that
	// this client can never reach, so they may rest longer.
	restLeast          = time.Second
	restMost           = 15 * time.Second
	restMostDiscovered = 5 * time.Minute
	// discoveredMax bounds the endpoints that nodes told.
	discoveredMax = 16
)

// endpoint is one API that may be asked. Fields after url belong to endpoints.
type endpoint struct {
	url        string // scheme, host and prefix; no slash at the end
	discovered bool
	failures   int
	restUntil  time.Time
}

// endpoints chooses whom to ask. Safe for concurrent use.
type endpoints struct {
	mu      sync.Mutex
	all     []*endpoint // those configured, then those discovered
	current *endpoint
}

// parseEndpoint reads an endpoint in the forms that New takes.
func parseEndpoint(s, scheme string) (string, *Error) {
	bad := func(format string, args ...any) (string, *Error) {
		e := refuse(wire.CodeInvalid, "endpoint", format, args...)
		return "", e
	}
	if !strings.Contains(s, "://") {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" || port == "" || strings.ContainsAny(s, "/@?#") {
			return bad("endpoint is neither host:port nor a URL with http:// or https://")
		}
		s = scheme + "://" + s
	}
	// The text may hold a password, so errors don't repeat it.
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return bad("endpoint is not a URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return bad("endpoint has the scheme %q; it must be http or https", u.Scheme)
	case u.Hostname() == "":
		return bad("endpoint has no host")
	case u.User != nil:
		return bad("endpoint must not hold a user or password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return bad("endpoint must not have a query or fragment")
	}
	return u.Scheme + "://" + strings.ToLower(u.Host) + strings.TrimRight(u.EscapedPath(), "/"), nil
}

func newEndpoints(urls []string) *endpoints {
	s := &endpoints{}
	for _, u := range urls {
		if !slices.ContainsFunc(s.all, func(e *endpoint) bool { return e.url == u }) {
			s.all = append(s.all, &endpoint{url: u})
		}
	}
	s.current = s.all[0]
	return s
}

// pick returns the best endpoint that was not tried: the current one, then
// those that don't rest in order after it, then the one that rests least. Nil
// when all were tried.
func (s *endpoints) pick(tried map[*endpoint]bool, now time.Time) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	var resting *endpoint
	at := slices.Index(s.all, s.current)
	for i := range s.all {
		e := s.all[(at+i)%len(s.all)]
		switch {
		case tried[e]:
		case !e.restUntil.After(now):
			return e
		case resting == nil || e.restUntil.Before(resting.restUntil):
			resting = e
		}
	}
	return resting
}

// answered notes that e answered, and who leads by its word. It returns the
// leader's endpoint if that is another one that may be asked now.
func (s *endpoints) answered(e *endpoint, leader string, now time.Time) *endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	e.failures, e.restUntil = 0, time.Time{}
	if !slices.Contains(s.all, e) { // given by WithEndpoint, or forgotten since
		return nil
	}
	s.current = e
	l := s.find(e, leader)
	if l == nil || l == e || l.restUntil.After(now) {
		return nil
	}
	s.current = l
	return l
}

// hinted is answered for an endpoint that answered without being able to
// serve: whatever it knows of the leader counts, but it rests.
func (s *endpoints) hinted(e *endpoint, leader string, now time.Time) *endpoint {
	l := s.answered(e, leader, now)
	s.failed(e, now)
	return l
}

// failed lets an endpoint rest.
func (s *endpoints) failed(e *endpoint, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := restMost
	if e.discovered {
		most = restMostDiscovered
	}
	e.restUntil = now.Add(min(restLeast<<min(e.failures, 16), most))
	e.failures++
}

// find returns the endpoint with the leader's URL, and takes it in if it is
// new; nil if there is no URL that could be used. A scheme other than that of
// the teller is not: it could lead from TLS to plain text.
func (s *endpoints) find(teller *endpoint, leader string) *endpoint {
	if leader == "" {
		return nil
	}
	scheme, _, _ := strings.Cut(teller.url, "://")
	u, err := parseEndpoint(leader, scheme)
	if err != nil || !strings.HasPrefix(u, scheme+"://") {
		return nil
	}
	if i := slices.IndexFunc(s.all, func(e *endpoint) bool { return e.url == u }); i >= 0 {
		return s.all[i]
	}
	known := slices.IndexFunc(s.all, func(e *endpoint) bool { return e.discovered })
	if known >= 0 && len(s.all)-known >= discoveredMax {
		oldest := known
		if s.all[oldest] == s.current {
			oldest++
		}
		s.all = slices.Delete(s.all, oldest, oldest+1)
	}
	e := &endpoint{url: u, discovered: true}
	s.all = append(s.all, e)
	return e
}

// urls lists the endpoints, the current one first.
func (s *endpoints) urls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []string{s.current.url}
	for _, e := range s.all {
		if e != s.current {
			list = append(list, e.url)
		}
	}
	return list
}

func (s *endpoints) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
