package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func pair(t *testing.T, reference func(http.Handler) http.Handler) *comparison {
	t.Helper()
	c := &comparison{client: http.DefaultClient}
	for _, url := range []*string{&c.real, &c.ours} {
		handler, err := inProcess()
		if err != nil {
			t.Fatal(err)
		}
		if url == &c.real {
			handler = reference(handler)
		}
		server := httptest.NewServer(handler)
		t.Cleanup(server.Close)
		*url = server.URL
	}
	return c
}

func TestAServerAgreesWithItself(t *testing.T) {
	c := pair(t, func(h http.Handler) http.Handler { return h })
	const seed = 7
	found, err := c.run(seed, 0, 2000, 40, true)
	if err != nil || found != 0 {
		t.Errorf("seed %d: %d differences (%v)", seed, found, err)
	}
}

// A reference that forgets traits is found out, with what it takes to see it.
func TestADifferenceIsFoundAndShrunk(t *testing.T) {
	c := pair(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/traits/CUSTOM_") && strings.HasSuffix(r.URL.Path, "_T") {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	history := generatorOf(7, 0).history(40)
	found, err := c.play(history)
	if err != nil || found == nil {
		t.Fatalf("no difference (%v)", err)
	}
	short, found, err := c.shrink(history[:found.at+1], found)
	if err != nil {
		t.Fatal(err)
	}
	if len(short) != 1 || found.at != 0 || found.real.Status != http.StatusTeapot {
		t.Errorf("%d steps are left, the difference at %d: %s", len(short), found.at, found)
	}
}
