package keystone

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	answerBytesMax = 1 << 20
	// connectionsMax bounds the connections to Keystone.
	connectionsMax = 32
	// renewBefore is how long before its end the node's own token is renewed.
	renewBefore = 30 * time.Second
	// The pause after a login that failed: it doubles from least to most.
	pauseLeast = time.Second
	pauseMost  = 30 * time.Second
)

// errInvalid: Keystone does not know the token, or it has expired.
var errInvalid = errors.New("keystone does not know the token")

// service is Keystone as a client of it sees it. Safe for concurrent use. Errors
// other than errInvalid say that Keystone can't tell; their text is for the log,
// and holds neither tokens nor passwords.
type service struct {
	http  *http.Client
	url   string // ends with /v3
	login []byte // the body of the request for the node's own token
	now   func() time.Time

	flights singleflight.Group

	mu       sync.Mutex
	own      string
	expires  time.Time
	failures int
	again    time.Time // no login before
}

func newService(c Config, now func() time.Time) (*service, error) {
	login, err := json.Marshal(loginBody(c))
	if err != nil {
		return nil, err
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("cafile: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("cafile: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		certificate, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certfile, keyfile: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	dialer := &net.Dialer{Timeout: seconds(c.HTTPConnectTimeout)}
	return &service{
		url: c.AuthURL, login: login, now: now,
		http: &http.Client{
			Timeout: seconds(c.Timeout),
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: config,
				TLSHandshakeTimeout: seconds(c.HTTPConnectTimeout), MaxConnsPerHost: connectionsMax,
				MaxIdleConnsPerHost: connectionsMax, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
			},
			// Credentials go nowhere else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// loginBody is what Keystone is asked for the node's own token.
func loginBody(c Config) any {
	type object map[string]any
	domain := func(id, name string) object {
		if id != "" {
			return object{"id": id}
		}
		return object{"name": name}
	}
	if c.AuthType == applicationCredential {
		return object{"auth": object{"identity": object{
			"methods": []string{"application_credential"},
			"application_credential": object{
				"id": c.ApplicationCredentialID, "secret": string(c.ApplicationCredentialSecret),
			},
		}}}
	}
	user := object{"password": string(c.Password)}
	if c.UserID != "" {
		user["id"] = c.UserID
	} else {
		user["name"], user["domain"] = c.Username, domain(c.UserDomainID, c.UserDomainName)
	}
	var scope object
	switch {
	case c.SystemScope != "":
		scope = object{"system": object{"all": true}}
	case c.ProjectID != "":
		scope = object{"project": object{"id": c.ProjectID}}
	default:
		scope = object{"project": object{"name": c.ProjectName, "domain": domain(c.ProjectDomainID, c.ProjectDomainName)}}
	}
	return object{"auth": object{
		"identity": object{"methods": []string{byPassword}, byPassword: object{"user": user}}, "scope": scope,
	}}
}

// validate asks Keystone about a token.
func (s *service) validate(ctx context.Context, subject string, allowExpired bool) (*token, error) {
	for {
		own, fresh, err := s.ownToken(ctx)
		if err != nil {
			return nil, err
		}
		status, body, err := s.ask(ctx, own, subject, allowExpired)
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusOK:
			t, err := decodeToken(body)
			if err != nil {
				return nil, fmt.Errorf("keystone's answer about a token: %w", err)
			}
			s.accepted(own)
			return t, nil
		case status == http.StatusNotFound:
			s.accepted(own)
			return nil, errInvalid
		case status == http.StatusUnauthorized && !fresh:
			s.forget(own) // it may have ended early
		case status == http.StatusUnauthorized:
			s.rejected(own)
			return nil, errors.New("keystone rejects the token that it has just given to this node")
		case status == http.StatusForbidden:
			return nil, errors.New("keystone does not allow this node to look into tokens (403): its user needs the role service or admin")
		default:
			return nil, fmt.Errorf("keystone answered %d when asked about a token", status)
		}
	}
}

func (s *service) ask(ctx context.Context, own, subject string, allowExpired bool) (int, []byte, error) {
	url := s.url + "/auth/tokens?nocatalog"
	if allowExpired {
		url += "&allow_expired=1"
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("X-Auth-Token", own)
	r.Header.Set("X-Subject-Token", subject)
	r.Header.Set("Openstack-Identity-Access-Rules", "1")
	answer, err := s.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := read(answer)
	return answer.StatusCode, body, err
}

func read(answer *http.Response) ([]byte, error) {
	defer answer.Body.Close() //nolint:errcheck // all that is wanted of it was read
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerBytesMax+1))
	if err == nil && len(body) > answerBytesMax {
		err = fmt.Errorf("keystone's answer is larger than %d bytes", answerBytesMax)
	}
	return body, err
}

// ownToken is a token of the node's, which it logs in for where it has none:
// then it is fresh.
func (s *service) ownToken(ctx context.Context) (own string, fresh bool, err error) {
	s.mu.Lock()
	own, now := s.own, s.now()
	lasts := own != "" && now.Before(s.expires.Add(-renewBefore))
	usable := own != "" && now.Before(s.expires)
	waits := now.Before(s.again)
	s.mu.Unlock()
	switch {
	case lasts, usable && waits:
		return own, false, nil
	case waits:
		return "", false, errors.New("this node could not log in at Keystone, and waits before it tries again")
	}
	done := s.flights.DoChan("", func() (any, error) { return s.logIn() })
	select {
	case <-ctx.Done():
		return "", false, ctx.Err()
	case got := <-done:
		if got.Err != nil {
			return "", false, got.Err
		}
		return got.Val.(string), true, nil //nolint:errcheck,forcetypeassert // logIn returns nothing else
	}
}

// logIn gets a token of the node's. Its time is bounded by the HTTP client's.
func (s *service) logIn() (string, error) {
	own, expires, err := s.requestToken()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.pause()
		return "", fmt.Errorf("this node can't log in at Keystone: %w", err)
	}
	s.own, s.expires = own, expires
	return own, nil
}

func (s *service) requestToken() (string, time.Time, error) {
	// The answer serves everybody who waits, so that it is no one's to give up.
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+"/auth/tokens?nocatalog", bytes.NewReader(s.login))
	if err != nil {
		return "", time.Time{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(r)
	if err != nil {
		return "", time.Time{}, err
	}
	body, err := read(answer)
	if err != nil {
		return "", time.Time{}, err
	}
	if answer.StatusCode != http.StatusCreated {
		return "", time.Time{}, fmt.Errorf("it answered %d", answer.StatusCode)
	}
	own := answer.Header.Get("X-Subject-Token")
	t, err := decodeToken(body)
	switch {
	case err != nil:
		return "", time.Time{}, err
	case own == "":
		return "", time.Time{}, errors.New("it gave no token")
	}
	return own, t.expires, nil
}

// pause puts the next login off. The caller holds the lock.
func (s *service) pause() {
	s.again = s.now().Add(min(pauseLeast<<min(s.failures, 16), pauseMost))
	s.failures++
}

// forget drops the node's own token, unless it is another one by now.
func (s *service) forget(own string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == own {
		s.own = ""
	}
}

// rejected is forget for a token that is new.
func (s *service) rejected(own string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == own {
		s.own = ""
		s.pause()
	}
}

// accepted notes that Keystone takes the node's own token.
func (s *service) accepted(own string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == own {
		s.failures = 0
	}
}
