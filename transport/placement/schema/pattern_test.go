package schema

import (
	"regexp"
	"testing"
)

// FuzzPattern compares the quick matchers with the general one.
func FuzzPattern(f *testing.F) {
	patterns := []string{classKey, uuidKey, "^CUSTOM_[A-Z0-9_]+$", "^[1-9][0-9]*$", "^[a-zA-Z0-9_-]{1,64}$", "^[A-Z0-9_]+$|^all|^unknown$"}
	for _, s := range []string{"", "VCPU", "CUSTOM_A", "a", "-", "0190b3a4-0000-7000-8000-000000000001", "0190b3a4-0000-7000-8000-00000000000g", "ä", "A\n", "all"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range patterns {
			quick, err := compilePattern(p)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := quick.MatchString(s), regexp.MustCompile(p).MatchString(s); got != want {
				t.Errorf("%s with %q: %v, want %v", p, s, got, want)
			}
		}
	})
}

func TestQuickPatterns(t *testing.T) {
	for _, p := range []string{classKey, uuidKey} {
		if r, err := compilePattern(p); err != nil {
			t.Error(err)
		} else if _, ok := r.(*run); !ok {
			t.Errorf("%s is not matched quickly", p)
		}
	}
}
