package keystone

import (
	"regexp"
	"testing"
)

func TestPathPattern(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"/a", "/a", true}, {"/a", "/a/", false}, {"/a", "/ab", false}, {"/a", "/b/a", false},
		{"/a/*", "/a/b", true}, {"/a/*", "/a/", false}, {"/a/*", "/a/b/c", false}, {"/a/*/c", "/a/b/c", true},
		{"/a/b*", "/a/bcd", true}, {"/a/b*", "/a/b", false},
		{"/a/**", "/a/b/c", true}, {"/a/**", "/a/", true}, {"/a/**", "/a", false}, {"/a**", "/a", true},
		{"/a/{id}", "/a/b", true}, {"/a/{id}/c", "/a/b/c", true}, {"/a/{id}", "/a/b/c", false}, {"/a/{}", "/a/b", true},
		{"/a.c", "/abc", false}, {"/a.c", "/a.c", true}, {"/a(b", "/a(b", true}, {"/a|/b", "/b", false},
		{"/a/{b", "/a/{b", true}, {"/a", "/a\n", false}, {"/**", "/a\nb", true}, {"", "", true}, {"", "/", false},
		{"***", "ab", true}, {"***", "", false},
	} {
		re, err := pathPattern(c.pattern)
		if err != nil {
			t.Errorf("%q: %v", c.pattern, err)
			continue
		}
		if got := re.MatchString(c.path); got != c.want {
			t.Errorf("%q with %q: %v (%s)", c.path, c.pattern, got, re)
		}
	}
}

func FuzzDecodeToken(f *testing.F) {
	f.Add([]byte(`{"token": {"user": {"id": "u", "domain": {"id": "d"}}, "project": {"id": "p"}, "roles": [{"name": "r"}], "expires_at": "2100-01-01T00:00:00.000000Z",
		"system": {"all": true}, "application_credential": {"access_rules": [{"service": "placement", "method": "GET", "path": "/a/**/{b}"}]}}}`))
	f.Add([]byte(`{"token": {"user": null, "domain": {"domain": {"domain": null}}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		given, err := decodeToken(body)
		if err == nil && (given.identity.User == "") {
			t.Errorf("%q gives %+v", body, given)
		}
	})
}

func FuzzPathPattern(f *testing.F) {
	f.Add("/a/{b}/**/*", "/a/b")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		re, err := pathPattern(pattern)
		if err != nil {
			return
		}
		// A pattern without wildcards allows itself only.
		if !regexp.MustCompile(`[*{]`).MatchString(pattern) && re.MatchString(path) != (pattern == path) {
			t.Errorf("%q with %q", path, pattern)
		}
	})
}
