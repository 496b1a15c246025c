package fsm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// Whatever the pieces it comes in, a snapshot passes and one with a byte
// changed, cut off or added does not.
func TestSnapshotSum(t *testing.T) {
	whole := snapshot(t, New(nil).View())
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	check := func(b []byte) error {
		s := NewSnapshotSum()
		for len(b) > 0 {
			n := 1 + random.IntN(len(b))
			if n > 40 && random.IntN(2) == 0 {
				n = 1 + random.IntN(40)
			}
			if m, err := s.Write(b[:n]); m != n || err != nil {
				t.Fatal(m, err)
			}
			b = b[n:]
		}
		return s.Check()
	}
	for range 200 {
		if err := check(whole); err != nil {
			t.Fatal(err)
		}
	}
	for at := range whole {
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << random.IntN(8)
		if err := check(changed); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("byte %d of %d changed: %v", at, len(whole), err)
		}
		if err := check(whole[:at]); !errors.Is(err, ErrSnapshot) {
			t.Fatalf("cut off at %d of %d: %v", at, len(whole), err)
		}
	}
	if err := check(append(bytes.Clone(whole), 0)); !errors.Is(err, ErrSnapshot) {
		t.Fatal(err)
	}
}
