package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// Digest is what stands for a token in memory.
type Digest [sha256.Size]byte

// Digester makes digests under a key that no other process has, so that a
// digest is worth nothing elsewhere. Safe for concurrent use.
type Digester struct{ key [sha256.Size]byte }

// NewDigester makes a digester with a key of its own.
func NewDigester() *Digester {
	d := &Digester{}
	_, _ = rand.Read(d.key[:]) // never fails: the runtime crashes first
	return d
}

// Of is the digest of a token.
func (d *Digester) Of(token string) Digest {
	h := hmac.New(sha256.New, d.key[:])
	_, _ = h.Write([]byte(token)) // a hash takes everything
	return Digest(h.Sum(nil))
}
