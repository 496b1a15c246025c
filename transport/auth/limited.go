package auth

import (
	"math"
	"net/http"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// principalsMax bounds the principals whose rates are remembered: the last ones.
const principalsMax = 16384

// Limited bounds how often each principal (user, project and scope) may ask. Make
// one with NewLimited. Safe for concurrent use.
type Limited struct {
	next       Authenticator
	limit      rate.Limit
	burst      int
	principals *lru.Cache[string, *rate.Limiter]
	now        func() time.Time
}

// NewLimited lets each principal of next ask perSecond times in the long run, and
// burst times at once. PerSecond must be above 0.
func NewLimited(next Authenticator, perSecond float64, burst int) (*Limited, error) {
	principals, err := lru.New[string, *rate.Limiter](principalsMax)
	if err != nil {
		return nil, err
	}
	return &Limited{next: next, limit: rate.Limit(perSecond), burst: max(burst, 1), principals: principals, now: time.Now}, nil
}

// Authenticate implements Authenticator: who asks too often is told 429.
func (l *Limited) Authenticate(r *http.Request) (Identity, error) {
	id, err := l.next.Authenticate(r)
	if err != nil {
		return id, err
	}
	scope := ""
	if id.System {
		scope = "system"
	}
	key := strings.Join([]string{id.User, id.Project, id.Domain, scope}, "\x00")
	limiter, ok := l.principals.Get(key)
	if !ok {
		limiter = rate.NewLimiter(l.limit, l.burst)
		if old, there, _ := l.principals.PeekOrAdd(key, limiter); there {
			limiter = old
		}
	}
	now := l.now()
	if limiter.AllowN(now, 1) {
		return id, nil
	}
	missing := math.Max(0, 1-limiter.TokensAt(now))
	return Identity{}, &Error{
		Status: http.StatusTooManyRequests, Message: "too many requests came from you",
		RetryAfter: max(time.Duration(missing/float64(l.limit)*float64(time.Second)), time.Millisecond),
	}
}
