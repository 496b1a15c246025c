package fsm

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
)

// SnapshotSum verifies a snapshot's bytes as they pass, without building the
// state: that they begin like a snapshot and end with the SHA-256 of all before.
// Whoever keeps or sends a snapshot uses it; ReadSnapshot checks all else.
type SnapshotSum struct {
	sum  hash.Hash
	head []byte
	tail []byte // the last bytes so far, not in the sum: they may be the sum
}

// NewSnapshotSum returns a sum of nothing yet.
func NewSnapshotSum() *SnapshotSum { return &SnapshotSum{sum: sha256.New()} }

// Write implements io.Writer. It never fails.
func (s *SnapshotSum) Write(b []byte) (int, error) {
	if missing := len(snapshotMagic) - len(s.head); missing > 0 {
		s.head = append(s.head, b[:min(missing, len(b))]...)
	}
	n := len(b)
	if over := len(s.tail) + n - sha256.Size; over > 0 {
		old := min(over, len(s.tail))
		s.sum.Write(s.tail[:old])
		s.tail = append(s.tail[:0], s.tail[old:]...)
		s.sum.Write(b[:over-old])
		b = b[over-old:]
	}
	s.tail = append(s.tail, b...)
	return n, nil
}

// Check returns nil if all that was written is a whole snapshot. Its error
// wraps ErrSnapshot.
func (s *SnapshotSum) Check() error {
	switch {
	case string(s.head) != snapshotMagic:
		return fmt.Errorf("%w: it does not begin like one", ErrSnapshot)
	case !bytes.Equal(s.tail, s.sum.Sum(nil)):
		return fmt.Errorf("%w: its SHA-256 is not the one it ends with", ErrSnapshot)
	}
	return nil
}
