package auth

import (
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// remotesMax bounds the addresses that are remembered: the last ones.
const remotesMax = 16384

// Attempts bounds how often a remote address may try credentials in vain. Whoever
// is over it is refused before the credentials are looked into, unless these are
// known to be good already: many clients may share an address. A nil Attempts
// bounds nothing. Safe for concurrent use.
type Attempts struct {
	limit   rate.Limit
	burst   int
	remotes *lru.Cache[netip.Prefix, *rate.Limiter]
	now     func() time.Time
}

// NewAttempts allows burst vain attempts at once and perSecond in the long run.
func NewAttempts(perSecond float64, burst int) *Attempts {
	remotes, err := lru.New[netip.Prefix, *rate.Limiter](remotesMax)
	if err != nil { // only for a size below 1
		return nil
	}
	return &Attempts{limit: rate.Limit(perSecond), burst: max(burst, 1), remotes: remotes, now: time.Now}
}

// remote is where a request comes from; for IPv6 the network, since a host has
// all of its addresses.
func remote(r *http.Request) netip.Prefix {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Prefix{} // all that have none share one
	}
	addr, bits := at.Addr().Unmap().WithZone(""), 32
	if addr.Is6() {
		bits = 64
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return network
}

func (a *Attempts) of(r *http.Request) *rate.Limiter {
	key := remote(r)
	if l, ok := a.remotes.Get(key); ok {
		return l
	}
	l := rate.NewLimiter(a.limit, a.burst)
	if old, ok, _ := a.remotes.PeekOrAdd(key, l); ok {
		return old
	}
	return l
}

// Begin refuses the request, with an *Error of status 429, where its address has
// failed too often. It is asked before credentials are looked into.
func (a *Attempts) Begin(r *http.Request) error {
	if a == nil {
		return nil
	}
	now := a.now()
	if l, ok := a.remotes.Get(remote(r)); ok && l.TokensAt(now) < 1 {
		missing := 1 - l.TokensAt(now)
		return &Error{
			Status: http.StatusTooManyRequests, Message: "too many attempts with wrong credentials came from this address",
			RetryAfter: time.Duration(missing / float64(a.limit) * float64(time.Second)),
		}
	}
	return nil
}

// Failed notes that the request's credentials are wrong.
func (a *Attempts) Failed(r *http.Request) {
	if a != nil {
		a.of(r).AllowN(a.now(), 1)
	}
}
