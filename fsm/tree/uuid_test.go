package tree

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestParseUUID(t *testing.T) {
	const canonical = "01234567-89ab-cdef-0123-456789abcdef"
	want := UUID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}
	for _, s := range []string{canonical, strings.ToUpper(canonical), strings.ReplaceAll(canonical, "-", "")} {
		if u, ok := ParseUUID(s); !ok || u != want || u.String() != canonical {
			t.Errorf("ParseUUID(%q) = %v, %v", s, u, ok)
		}
	}
	for _, s := range []string{
		"", "x", canonical[1:], canonical + "0", " " + canonical[1:], "g" + canonical[1:],
		"01234567+89ab-cdef-0123-456789abcdef", "0123456-789ab-cdef-0123-456789abcdef", "{" + canonical + "}",
		"urn:uuid:" + canonical, strings.Repeat("-", 36), strings.Repeat("é", 18), "01234567-89ab-cdef-0123-456789abcd-f",
	} {
		if u, ok := ParseUUID(s); ok || !u.IsZero() {
			t.Errorf("ParseUUID(%q) = %v, %v", s, u, ok)
		}
	}
}

func TestCompareUUIDIsTheOrderOfTheirBytes(t *testing.T) {
	const seed = 3
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		var a, b UUID
		for i := range a {
			a[i] = byte(rng.Uint32())
		}
		b = a
		if i := rng.IntN(20); i < len(b) {
			b[i] = byte(rng.Uint32())
		}
		if got, want := compareUUID(a, b), slices.Compare(a[:], b[:]); got != want {
			t.Fatalf("compareUUID(%s, %s) = %d, want %d", a, b, got, want)
		}
		if got, want := compareUUID(a, b), strings.Compare(a.String(), b.String()); got != want {
			t.Fatalf("compareUUID(%s, %s) = %d, their texts %d", a, b, got, want)
		}
	}
}

func FuzzParseUUID(f *testing.F) {
	for _, s := range []string{"", "01234567-89ab-cdef-0123-456789abcdef", "0123456789ABCDEF0123456789ABCDEF", strings.Repeat("0", 36)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, ok := ParseUUID(s)
		if !ok {
			if !u.IsZero() {
				t.Errorf("%q is no UUID but gives %s", s, u)
			}
			return
		}
		if back, ok := ParseUUID(u.String()); !ok || back != u {
			t.Errorf("%q gives %s, which gives %s, %v", s, u, back, ok)
		}
		if strings.ToLower(strings.ReplaceAll(s, "-", "")) != strings.ReplaceAll(u.String(), "-", "") {
			t.Errorf("%q gives %s", s, u)
		}
	})
}
