package statictoken

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/treenode/treenode/transport/auth"
)

const (
	// verifiedMax bounds the tokens that need no hash again.
	verifiedMax = 4096
	// hashesMax is how many hashes are made at once, each with its memory, and
	// waitMax how many wait for that.
	hashesMax = 2
	waitMax   = 64
	// lookInterval is how often the file is looked at.
	lookInterval = time.Second
)

// Authenticator knows the tokens of a file. Make one with Open. Safe for concurrent
// use.
type Authenticator struct {
	path     string
	attempts *auth.Attempts
	log      hclog.Logger
	now      func() time.Time
	digest   *auth.Digester
	flights  singleflight.Group
	slots    chan struct{}
	waiting  atomic.Int64
	hashes   atomic.Int64 // for tests

	mu     sync.Mutex
	looked time.Time
	seen   os.FileInfo
	file   *file
}

// file is the content of the file at one time. Verified tokens belong to it, so
// that none outlives its entry.
type file struct {
	entries  map[string]*entry
	verified *lru.Cache[auth.Digest, *entry]
}

// Open reads the file. Attempts may be nil. The error names the entry that is
// wrong.
func Open(path string, attempts *auth.Attempts, log hclog.Logger) (*Authenticator, error) {
	return open(path, attempts, log, time.Now)
}

func open(path string, attempts *auth.Attempts, log hclog.Logger, now func() time.Time) (*Authenticator, error) {
	if log == nil {
		log = hclog.NewNullLogger()
	}
	a := &Authenticator{
		path: path, attempts: attempts, log: log, now: now, digest: auth.NewDigester(), slots: make(chan struct{}, hashesMax), looked: now(),
	}
	var err error
	if a.seen, err = os.Stat(path); err != nil {
		return nil, err
	}
	a.file, err = read(path)
	return a, err
}

func read(path string) (*file, error) {
	text, err := auth.ReadPrivate(path, fileBytesMax)
	if err != nil {
		return nil, err
	}
	entries, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	verified, err := lru.New[auth.Digest, *entry](verifiedMax)
	return &file{entries, verified}, err
}

// current is the content of the file, read again where it has changed.
func (a *Authenticator) current() *file {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	if now.Sub(a.looked) < lookInterval {
		return a.file
	}
	a.looked = now
	info, err := os.Stat(a.path)
	if err == nil && os.SameFile(info, a.seen) && info.ModTime().Equal(a.seen.ModTime()) && info.Size() == a.seen.Size() {
		return a.file
	}
	if err == nil {
		a.seen = info // a broken file is not read again before it changes
		var fresh *file
		if fresh, err = read(a.path); err == nil {
			a.file = fresh
			a.log.Info("the file of tokens was read again", "tokens", len(fresh.entries))
			return a.file
		}
	}
	a.log.Error("the file of tokens can't be read: those of before go on", "error", err)
	return a.file
}

var errInvalid = errors.New("no such token")

// Authenticate implements auth.Authenticator.
func (a *Authenticator) Authenticate(r *http.Request) (auth.Identity, error) {
	e, err := a.entryOf(r)
	if err == nil && !e.expires.IsZero() && !a.now().Before(e.expires) {
		err = errInvalid
	}
	switch {
	case errors.Is(err, errInvalid):
		a.attempts.Failed(r)
		return auth.Identity{}, auth.Unauthenticated("a valid token is needed", `Bearer realm="treenode"`)
	case err != nil:
		return auth.Identity{}, err
	}
	return e.identity, nil
}

func (a *Authenticator) entryOf(r *http.Request) (*entry, error) {
	token := auth.Token(r)
	id, ok := idOf(token)
	if !ok {
		return nil, errInvalid
	}
	f, key := a.current(), a.digest.Of(token)
	if e, ok := f.verified.Get(key); ok {
		return e, nil
	}
	e := f.entries[id]
	if e == nil {
		return nil, errInvalid
	}
	if err := a.attempts.Begin(r); err != nil {
		return nil, err
	}
	done := a.flights.DoChan(string(key[:]), func() (any, error) {
		ok, err := a.hash(e, token)
		if ok {
			f.verified.Add(key, e)
		}
		return ok, err
	})
	busy := &auth.Error{Status: http.StatusServiceUnavailable, Message: "too many tokens are being verified", RetryAfter: time.Second}
	select {
	case <-r.Context().Done():
		busy.Err = r.Context().Err()
		return nil, busy
	case got := <-done:
		switch ok, isBool := got.Val.(bool); {
		case got.Err != nil:
			busy.Err = got.Err
			return nil, busy
		case !isBool || !ok:
			return nil, errInvalid
		}
		return e, nil
	}
}

var errQueueFull = errors.New("too many wait")

// hash compares a token with an entry when it is its turn.
func (a *Authenticator) hash(e *entry, token string) (bool, error) {
	if a.waiting.Add(1) > waitMax {
		a.waiting.Add(-1)
		return false, errQueueFull
	}
	defer a.waiting.Add(-1)
	a.slots <- struct{}{} // hashes end
	defer func() { <-a.slots }()
	a.hashes.Add(1)
	return e.hash.is(token), nil
}
