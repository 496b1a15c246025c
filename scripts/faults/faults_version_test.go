package main

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Without a previous program that can be mixed, faults of versions are refused
// by name; with one, they are not.
func TestRefusesPrevious(t *testing.T) {
	const knows = "  --checkpoint-interval duration"
	for _, c := range []struct{ previous, help, want string }{
		{"", knows, "no -previous program is given"},
		{"treenode", "  --listen string", "the previous program's serve has no flag --checkpoint-interval"},
		{"treenode", knows, ""},
	} {
		why := refusesPrevious(options{previous: c.previous}, c.help)
		if got := (abilities{previous: why}).refuses(fault{older: someOlder}); got != c.want {
			t.Errorf("%q: %q, want %q", c.previous, got, c.want)
		}
	}
}

func TestClashes(t *testing.T) {
	inside := failpointFaults()[0].name
	for _, c := range []struct {
		chosen []string
		want   bool
	}{
		{[]string{"kill-leader", "rolling-upgrade"}, false},
		{[]string{"kill-leader", inside}, false},
		{[]string{inside, "mixed-versions"}, true},
	} {
		if got := clashes(c.chosen); got != c.want {
			t.Errorf("%v: %v", c.chosen, got)
		}
	}
}

// Both versions are always there.
func TestSomeOlder(t *testing.T) {
	for seed := range uint64(50) {
		r := &run{r: rand.New(rand.NewPCG(seed, 0)), member: slices.Repeat([]bool{true}, 3)} //nolint:gosec // repeatable, not secret
		if n := len(someOlder(r)); n < 1 || n > 2 {
			t.Errorf("seed %d: %d of 3", seed, n)
		}
	}
}
