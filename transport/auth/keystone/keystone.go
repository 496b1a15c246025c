package keystone

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/treenode/treenode/transport/auth"
)

const (
	// validMax and invalidMax bound the tokens that are remembered. Invalid ones
	// have a room of their own, so that no flood of them drives out the others.
	validMax   = 16384
	invalidMax = 8192
	// flightsMax is how many tokens Keystone is asked about at once, and waitMax
	// how many wait for that.
	flightsMax = 16
	waitMax    = 512
	// away is when to come back while Keystone can't be asked.
	away = 2 * time.Second
)

// Authenticator asks Keystone. Make one with New. Safe for concurrent use.
type Authenticator struct {
	service   *service
	challenge string
	config    Config
	cacheTime time.Duration
	attempts  *auth.Attempts
	log       hclog.Logger
	now       func() time.Time

	digest  *auth.Digester
	valid   *lru.Cache[auth.Digest, known]
	invalid *lru.Cache[missing, time.Time] // until when
	flights singleflight.Group
	slots   chan struct{}
	waiting atomic.Int64
	failing atomic.Bool // Keystone, when it was asked last
}

// known is a token that Keystone knew, and until when that counts.
type known struct {
	*token
	until time.Time
}

// missing is a token that Keystone did not know, with or without expired ones.
type missing struct {
	token        auth.Digest
	allowExpired bool
}

// New makes an authenticator of a configuration that Load has read. Attempts may
// be nil. It sends nothing yet. The error names what is wrong with a key.
func New(c Config, attempts *auth.Attempts, log hclog.Logger) (*Authenticator, error) {
	return newAuthenticator(c, attempts, log, time.Now)
}

func newAuthenticator(c Config, attempts *auth.Attempts, log hclog.Logger, now func() time.Time) (*Authenticator, error) {
	s, err := newService(c, now)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = hclog.NewNullLogger()
	}
	valid, err := lru.New[auth.Digest, known](validMax)
	if err != nil {
		return nil, err
	}
	invalid, err := lru.New[missing, time.Time](invalidMax)
	if err != nil {
		return nil, err
	}
	return &Authenticator{
		service: s, config: c, challenge: `Keystone uri="` + c.WWWAuthenticateURI + `"`,
		cacheTime: time.Duration(max(c.TokenCacheTime, 0)) * time.Second,
		attempts:  attempts, log: log, now: now, digest: auth.NewDigester(), valid: valid, invalid: invalid,
		slots: make(chan struct{}, flightsMax),
	}, nil
}

func (a *Authenticator) nobody() error {
	return auth.Unauthenticated("The request you have made requires authentication.", a.challenge)
}

// Authenticate implements auth.Authenticator.
func (a *Authenticator) Authenticate(r *http.Request) (auth.Identity, error) {
	id, err := a.authenticate(r)
	if errors.Is(err, errInvalid) {
		a.attempts.Failed(r)
		return auth.Identity{}, a.nobody()
	}
	return id, err
}

func (a *Authenticator) authenticate(r *http.Request) (auth.Identity, error) {
	given := auth.Token(r)
	if !auth.Plausible(given) {
		return auth.Identity{}, errInvalid
	}
	byService := false
	if of := r.Header.Get(auth.ServiceTokenHeader); of != "" {
		if !auth.Plausible(of) {
			return auth.Identity{}, errInvalid
		}
		t, err := a.lookUp(r, of, false)
		if err != nil {
			return auth.Identity{}, err
		}
		byService = t.hasOneOf(a.config.ServiceTokenRoles)
		if !byService && a.config.ServiceTokenRolesRequired {
			return auth.Identity{}, errInvalid
		}
	}
	t, err := a.lookUp(r, given, byService)
	if err != nil {
		return auth.Identity{}, err
	}
	if !byService && !t.permits(r, a.config.ServiceType) {
		return auth.Identity{}, errInvalid
	}
	return t.identity, nil
}

// lookUp finds out about a token, in the cache or by asking.
func (a *Authenticator) lookUp(r *http.Request, given string, allowExpired bool) (*token, error) {
	now, key := a.now(), a.digest.Of(given)
	k, good := a.valid.Get(key)
	if good && now.Before(k.until) {
		if !allowExpired && !now.Before(k.expires) {
			return nil, errInvalid
		}
		return k.token, nil
	}
	if until, ok := a.invalid.Get(missing{key, allowExpired}); ok && now.Before(until) {
		return nil, errInvalid
	}
	// One that was good when Keystone was asked last is no guess: who guesses must
	// not lock out those that share the address.
	if !good {
		if err := a.attempts.Begin(r); err != nil {
			return nil, err
		}
	}
	t, err := a.ask(r.Context(), key, given, allowExpired)
	switch {
	case errors.Is(err, errInvalid):
		return nil, errInvalid
	case err != nil:
		return nil, &auth.Error{
			Status: http.StatusServiceUnavailable, Message: "The Keystone service is temporarily unavailable.", RetryAfter: away, Err: err,
		}
	case !allowExpired && !a.now().Before(t.expires):
		return nil, errInvalid
	}
	return t, nil
}

var (
	errQueueFull = errors.New("too many requests wait for Keystone")
	errSlow      = errors.New("keystone did not answer in time")
)

// ask asks Keystone about a token, once at a time for each. It returns when the
// context ends; the question goes on, for the next who asks it.
func (a *Authenticator) ask(ctx context.Context, key auth.Digest, given string, allowExpired bool) (*token, error) {
	name := string(key[:])
	if allowExpired {
		name += "+"
	}
	done := a.flights.DoChan(name, func() (any, error) {
		t, err := a.fly(given, allowExpired)
		a.remember(key, allowExpired, t, err)
		return t, err
	})
	select {
	case <-ctx.Done():
		return nil, errSlow
	case got := <-done:
		if got.Err != nil {
			return nil, got.Err
		}
		return got.Val.(*token), nil //nolint:errcheck,forcetypeassert // fly returns nothing else
	}
}

// fly asks Keystone when it is this token's turn.
func (a *Authenticator) fly(given string, allowExpired bool) (*token, error) {
	if a.waiting.Add(1) > waitMax {
		a.waiting.Add(-1)
		return nil, errQueueFull
	}
	defer a.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(context.Background(), a.service.http.Timeout)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return nil, errSlow
	}
	return a.service.validate(ctx, given, allowExpired)
}

// remember keeps what Keystone said, and says so where it can't be asked.
func (a *Authenticator) remember(key auth.Digest, allowExpired bool, t *token, err error) {
	until := a.now().Add(a.cacheTime)
	switch {
	case errors.Is(err, errQueueFull):
		return
	case err != nil && !errors.Is(err, errInvalid):
		if a.failing.CompareAndSwap(false, true) {
			a.log.Error("Keystone can't be asked about tokens: only those that are known count", "error", err)
		}
		return
	case a.failing.CompareAndSwap(true, false):
		a.log.Info("Keystone can be asked about tokens again")
	}
	switch {
	case a.cacheTime <= 0:
	case err != nil:
		a.invalid.Add(missing{key, allowExpired}, until)
		a.valid.Remove(key) // it was revoked
	default:
		a.valid.Add(key, known{t, until})
	}
}
