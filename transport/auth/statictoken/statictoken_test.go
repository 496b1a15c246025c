package statictoken

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.yaml.in/yaml/v3"

	"github.com/treenode/treenode/transport/auth"
)

type world struct {
	*testing.T
	*Authenticator
	path string
	at   time.Time
	log  bytes.Buffer
}

func write(t *testing.T, path string, entries ...Entry) {
	t.Helper()
	text, err := yaml.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func newWorld(t *testing.T, attempts *auth.Attempts, entries ...Entry) *world {
	t.Helper()
	w := &world{T: t, path: filepath.Join(t.TempDir(), "tokens.yaml"), at: time.Unix(1_800_000_000, 0)}
	write(t, w.path, entries...)
	a, err := open(w.path, attempts, hclog.New(&hclog.LoggerOptions{Output: &w.log}), func() time.Time { return w.at })
	if err != nil {
		t.Fatal(err)
	}
	w.Authenticator = a
	return w
}

func (w *world) want(what, token string, want int) auth.Identity {
	w.Helper()
	r := httptest.NewRequest("GET", "/v1/providers", nil)
	r.Header.Set(auth.TokenHeader, token)
	r.Header.Set("X-Roles", "admin")
	id, err := w.Authenticate(r)
	got := http.StatusOK
	var told *auth.Error
	if errors.As(err, &told) {
		got = told.Status
	} else if err != nil {
		w.Fatal(err)
	}
	if got != want {
		w.Errorf("%s: %d, want %d (%v)", what, got, want, err)
	}
	if err != nil && len(token) > 20 && strings.Contains(err.Error(), token) {
		w.Errorf("%s: the error tells the token: %v", what, err)
	}
	return id
}

func granted(e Entry) Entry {
	e.User, e.Project, e.Roles = "nova", "service", []string{"service"}
	return e
}

func TestTokens(t *testing.T) {
	token, e := New()
	other, unlisted := New()
	w := newWorld(t, nil, granted(e))
	if id := w.want("valid", token, 200); id.User != "nova" || id.Project != "service" || fmt.Sprint(id.Roles) != "[service]" || id.System || id.Method != "token" {
		t.Errorf("%+v", id)
	}
	for range 5 {
		w.want("again", token, 200)
	}
	if n := w.hashes.Load(); n != 1 {
		t.Errorf("%d hashes for one token", n)
	}
	swapped := "tn_" + e.ID + "_" + strings.TrimPrefix(other, "tn_"+unlisted.ID+"_")
	for what, bad := range map[string]string{
		"none": "", "another": other, "the id with another secret": swapped, "cut": token[:len(token)-1], "longer": token + "a",
		"the id": "tn_" + e.ID, "noauth2's": "admin", "giant": "tn_" + e.ID + "_" + strings.Repeat("a", 50_000), "upper case": strings.ToUpper(token),
	} {
		w.want(what, bad, 401)
	}
	if n := w.hashes.Load(); n != 4 { // only those with the id of an entry
		t.Errorf("%d hashes", n)
	}
	if w.file.verified.Len() != 1 {
		t.Errorf("%d tokens are remembered", w.file.verified.Len())
	}
	if strings.Contains(w.log.String(), token) {
		t.Error("the log tells the token")
	}
}

func TestExpiry(t *testing.T) {
	token, e := New()
	e = granted(e)
	ends := time.Unix(1_800_000_000, 0).Add(time.Minute)
	e.Expires = &ends
	w := newWorld(t, nil, e)
	w.want("before", token, 200)
	w.at = ends
	w.want("after", token, 401)
}

// What is taken out of the file is refused within a second, though it was
// verified; a file that can't be read leaves everything as it was.
func TestReload(t *testing.T) {
	token, e := New()
	second, f := New()
	w := newWorld(t, nil, granted(e))
	w.want("first", token, 200)
	w.want("second, before it is there", second, 401)
	write(t, w.path, granted(f), granted(Entry{ID: "filler", Hash: f.Hash})) // another size
	w.at = w.at.Add(lookInterval)
	w.want("first, taken out", token, 401)
	w.want("second", second, 200)
	if err := os.WriteFile(w.path, []byte("- nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(lookInterval)
	w.want("second, with a broken file", second, 200)
	if !strings.Contains(w.log.String(), "can't be read") {
		t.Errorf("logged %s", w.log.String())
	}
	if err := os.Remove(w.path); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(lookInterval)
	w.want("second, without a file", second, 200)
}

// Vain attempts are bounded, whatever they cost; the good token goes on.
func TestAttempts(t *testing.T) {
	token, e := New()
	w := newWorld(t, auth.NewAttempts(0.001, 3), granted(e))
	w.want("good", token, 200)
	for i := range 3 {
		w.want("bad", fmt.Sprintf("tn_%s_%030d", e.ID, i), 401)
	}
	before := w.hashes.Load()
	for i := range 20 {
		w.want("one too many", fmt.Sprintf("tn_%s_%030d", e.ID, i), 429)
	}
	if n := w.hashes.Load(); n != before {
		t.Errorf("%d hashes for refused attempts", n-before)
	}
	w.want("good, after all", token, 200)
}

func TestManyAtOnce(t *testing.T) {
	token, e := New()
	w := newWorld(t, nil, granted(e))
	var group sync.WaitGroup
	for range 30 {
		group.Go(func() { w.want("the same", token, 200) })
	}
	group.Wait()
	w.waiting.Add(waitMax)
	w.want("when the queue is full", fmt.Sprintf("tn_%s_%030d", e.ID, 1), 503)
}

func TestOpenRefuses(t *testing.T) {
	token, e := New()
	good := granted(e)
	text := func(change func(*Entry)) string {
		c := good
		change(&c)
		b, err := yaml.Marshal([]Entry{c})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for what, c := range map[string]struct{ text, part string }{
		"no hash":     {text(func(e *Entry) { e.Hash = token }), "hash"},
		"dear":        {text(func(e *Entry) { e.Hash = strings.Replace(e.Hash, "m=19456", "m=9999999", 1) }), "hash"},
		"cheap":       {text(func(e *Entry) { e.Hash = strings.Replace(e.Hash, "t=2", "t=0", 1) }), "hash"},
		"bcrypt":      {text(func(e *Entry) { e.Hash = "$2a$10$x" }), "hash"},
		"no user":     {text(func(e *Entry) { e.User = "" }), "user"},
		"no roles":    {text(func(e *Entry) { e.Roles = nil }), "roles"},
		"no project":  {text(func(e *Entry) { e.Project = "" }), "project"},
		"both scopes": {text(func(e *Entry) { e.System = true }), "project"},
		"twice":       {text(func(*Entry) {}) + text(func(*Entry) {}), "twice"},
		"other key":   {"- token: " + token, "list of entries"},
		"a map":       {"a: " + token, "list of entries"},
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Open(path, nil, nil)
		if err == nil || !strings.Contains(err.Error(), c.part) || strings.Contains(err.Error(), token) {
			t.Errorf("%s: %v, want something with %q", what, err, c.part)
		}
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path, nil, nil); err == nil || !strings.Contains(err.Error(), "chmod 0600") {
			t.Errorf("%s: others may read it: %v", what, err)
		}
	}
}

func TestOf(t *testing.T) {
	token, _ := New()
	e, err := Of(token)
	if err != nil || granted(e).Check() != nil {
		t.Fatalf("%+v %v", e, err)
	}
	for _, bad := range []string{"", "tn_a_short", "x_a_01234567890123456789", "tn__01234567890123456789"} {
		if _, err := Of(bad); err == nil {
			t.Errorf("%q has an entry", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	_, e := New()
	text, err := yaml.Marshal([]Entry{granted(e)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parse(text) })
}

func FuzzParseHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3Vtc3VtMTIz")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := parseHash(text); err == nil && (h.memory > memoryKiBMax || h.passes > passesMax || h.lanes > lanesMax || h.lanes == 0) {
			t.Errorf("%q costs %+v", text, h)
		}
	})
}
