package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func newPair(t *testing.T, o options, reference func(http.Handler) http.Handler) *pair {
	t.Helper()
	start := func(wrap func(http.Handler) http.Handler) string {
		handler, err := inProcess()
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(wrap(handler))
		t.Cleanup(server.Close)
		return server.URL
	}
	return &pair{
		comparison: &comparison{options: o, known: map[string]int{}, kinds: map[string]int{}},
		real:       start(reference),
		ours:       []string{start(func(h http.Handler) http.Handler { return h })},
		client:     http.DefaultClient,
	}
}

func TestAServerAgreesWithItself(t *testing.T) {
	p := newPair(t, options{seed: 7, steps: 2000, length: 40, all: true}, func(h http.Handler) http.Handler { return h })
	if err := p.run(t.Context(), []*pair{p}); err != nil {
		t.Errorf("seed 7: %v", err)
	}
}

// A reference that forgets traits is found out, with what it takes to see it.
func TestADifferenceIsFoundAndShrunk(t *testing.T) {
	p := newPair(t, options{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/traits/CUSTOM_") && strings.HasSuffix(r.URL.Path, "_T") {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	history := generatorOf(7, 0).history(40)
	found, err := p.play(t.Context(), history)
	if err != nil || found == nil {
		t.Fatalf("no difference (%v)", err)
	}
	short, found, err := p.shrink(t.Context(), history[:found.at+1], found)
	if err != nil {
		t.Fatal(err)
	}
	if len(short) != 1 || found.at != 0 || found.real.Status != http.StatusTeapot {
		t.Errorf("%d steps are left, the difference at %d: %s", len(short), found.at, found)
	}
}
