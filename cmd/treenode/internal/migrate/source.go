package migrate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// minorMin is the first microversion with the generations of consumers
	// (and reads of one provider's allocations that show them), minorTypes the
	// one with consumer types, minorMax the newest that this program asks for.
	minorMin   = 28
	minorTypes = 38
	minorMax   = 39

	requestTimeout  = time.Minute
	attemptsMax     = 5
	attemptPause    = 250 * time.Millisecond
	answerBytesMax  = 512 << 20 // a list of providers has about a KiB for each
	errorBytesMax   = 64 << 10
	concurrencyMax  = 64
	concurrencyLeft = 8 // without a choice
)

// Source is a service that speaks the Placement API, to be read.
type Source struct {
	base        string
	http        *http.Client
	auth        Authenticator
	minor       int
	concurrency int
	progress    func(string)
}

// SourceConfig says where a Source is and how to read it.
type SourceConfig struct {
	// URL is where the API's root is; empty takes the one that Auth knows of.
	URL string
	// Auth proves who reads.
	Auth Authenticator
	// RootCAs, where not nil, are who may have signed the service's
	// certificate, in place of the system's.
	RootCAs *x509.CertPool
	// Concurrency is how many requests are under way at once; 0 for 8.
	Concurrency int
	// Progress, where not nil, is told what is being done.
	Progress func(string)
}

// newHTTP makes the HTTP client of a source. Redirects are not followed: they
// could carry the token to another host.
func newHTTP(roots *x509.CertPool, connections int) *http.Client {
	return &http.Client{
		Timeout: requestTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: 10 * time.Second,
			MaxIdleConnsPerHost: connections,
			MaxConnsPerHost:     connections,
			IdleConnTimeout:     90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// OpenSource finds the service and the newest microversion that both sides
// know. The error says what is wrong with the configuration or the service.
func OpenSource(ctx context.Context, c SourceConfig) (*Source, error) {
	if c.Concurrency == 0 {
		c.Concurrency = concurrencyLeft
	}
	if c.Concurrency < 1 || c.Concurrency > concurrencyMax {
		return nil, fmt.Errorf("concurrency %d is not from 1 to %d", c.Concurrency, concurrencyMax)
	}
	s := &Source{
		http: newHTTP(c.RootCAs, c.Concurrency), auth: c.Auth, concurrency: c.Concurrency, progress: c.Progress,
	}
	if s.progress == nil {
		s.progress = func(string) {}
	}
	where := c.URL
	if where == "" {
		found, err := c.Auth.Endpoint(ctx, s.http)
		if err != nil {
			return nil, err
		}
		where = found
	}
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("source %q is not a URL http(s)://host[:port][/path]", excerpt(redactUser(where)))
	}
	s.base = strings.TrimRight(u.String(), "/")
	return s, s.negotiate(ctx)
}

// redactUser takes what stands before an @ from a text that is no good URL.
func redactUser(s string) string {
	if i := strings.LastIndex(s, "@"); i >= 0 {
		return "…" + s[i:]
	}
	return s
}

// URL is where the source is.
func (s *Source) URL() string { return s.base }

// Microversion is the one that requests are made with.
func (s *Source) Microversion() string { return "1." + strconv.Itoa(s.minor) }

func (s *Source) negotiate(ctx context.Context) error {
	var root struct {
		Versions []struct {
			Min string `json:"min_version"`
			Max string `json:"max_version"`
		} `json:"versions"`
	}
	if err := s.get(ctx, "/", &root); err != nil {
		return err
	}
	if len(root.Versions) == 0 {
		return fmt.Errorf("%s is not a Placement service: its root names no version", s.base)
	}
	major, minor, _ := strings.Cut(root.Versions[0].Max, ".")
	newest, err := strconv.Atoi(minor)
	if err != nil || major != "1" {
		return fmt.Errorf("%s: its newest version %q is not 1.N", s.base, excerpt(root.Versions[0].Max))
	}
	if newest < minorMin {
		return fmt.Errorf("%s speaks Placement 1.%d at most; reading everything takes 1.%d (the Stein release)", s.base, newest, minorMin)
	}
	s.minor = min(newest, minorMax)
	return nil
}

// StatusError is an answer of the source that is not a success.
type StatusError struct {
	Method, URL string
	Status      int
	Detail      string // what the service says of it
}

// Error implements error.
func (e *StatusError) Error() string {
	text := fmt.Sprintf("%s %s: %d %s", e.Method, e.URL, e.Status, http.StatusText(e.Status))
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// gone reports whether what was asked for does not exist any more.
func gone(err error) bool {
	var e *StatusError
	return errors.As(err, &e) && e.Status == http.StatusNotFound
}

// get reads one answer, of a path below the root. What may pass (no
// connection, 429, 5xx) is tried again, and an expired token renewed once.
func (s *Source) get(ctx context.Context, path string, answer any) error {
	renewed := false
	for attempt := 1; ; attempt++ {
		err := s.getOnce(ctx, path, answer)
		var status *StatusError
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &status) && status.Status == http.StatusUnauthorized && !renewed:
			if renewed = s.auth.Renew(); !renewed {
				return err
			}
			continue
		case errors.As(err, &status) && status.Status != http.StatusTooManyRequests && status.Status < 500:
			return err
		case errors.Is(err, errAnswer) || attempt == attemptsMax:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(attemptPause << (attempt - 1)):
		}
	}
}

var errAnswer = errors.New("the answer is not what Placement says")

func (s *Source) getOnce(ctx context.Context, path string, answer any) error {
	where := s.base + path
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return err
	}
	token, err := s.auth.Token(ctx, s.http)
	if err != nil {
		return err
	}
	r.Header.Set("X-Auth-Token", token)
	r.Header.Set("Accept", "application/json")
	if s.minor > 0 { // the root needs none, and may not know it
		r.Header.Set("OpenStack-API-Version", "placement "+s.Microversion())
	}
	resp, err := s.http.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // it was read as far as it is wanted
	if resp.StatusCode != http.StatusOK {
		return &StatusError{http.MethodGet, where, resp.StatusCode, detailOf(resp.Body)}
	}
	d := json.NewDecoder(io.LimitReader(resp.Body, answerBytesMax))
	if err := d.Decode(answer); err != nil {
		var broken net.Error
		if errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) {
			return fmt.Errorf("GET %s: the answer breaks off: %w", where, err)
		}
		return fmt.Errorf("GET %s: %w: %w", where, errAnswer, err)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, errorBytesMax)) // so that the connection serves again
	return nil
}

// detailOf is the sentence that matters of an error's body.
func detailOf(body io.Reader) string {
	b, _ := io.ReadAll(io.LimitReader(body, errorBytesMax)) // half a body says more than none
	var e struct {
		Errors []struct {
			Detail string `json:"detail"`
		} `json:"errors"`
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	switch {
	case json.Unmarshal(b, &e) != nil:
		return ""
	case len(e.Errors) > 0:
		return excerpt(strings.Join(strings.Fields(e.Errors[0].Detail), " "))
	}
	return excerpt(e.Error.Message)
}

// each calls do for every item, at most n at once, and returns the first
// error, upon which no more are begun.
func each[T any](ctx context.Context, n int, items []T, do func(context.Context, T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg    sync.WaitGroup
		once  sync.Once
		first error
	)
	queue := make(chan T)
	for range min(n, len(items)) {
		wg.Go(func() {
			for item := range queue {
				if err := do(ctx, item); err != nil {
					once.Do(func() { first = err; cancel() })
				}
			}
		})
	}
feed:
	for _, item := range items {
		select {
		case queue <- item:
		case <-ctx.Done():
			break feed
		}
	}
	close(queue)
	wg.Wait()
	if first == nil {
		first = ctx.Err()
	}
	return first
}
