package atrest

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	// KeyLen is the length of a key in bytes.
	KeyLen = 32
	// NameLenMax bounds the name of a key.
	NameLenMax = 64
	// IDLen is the length of an ID.
	IDLen = 8
)

// ID is a key's fingerprint. It says nothing of the key. The zero ID stands for
// no key: what has it is not sealed.
type ID [IDLen]byte

// String is the ID in hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Ref names a key: by what its owner calls it, and by its fingerprint. The zero
// Ref stands for no key.
type Ref struct {
	Name string
	ID   ID
}

// IsPlain reports whether it stands for no key.
func (r Ref) IsPlain() bool { return r.ID == ID{} }

// String is the name, and the fingerprint in brackets.
func (r Ref) String() string {
	if r.IsPlain() {
		return "no key"
	}
	return fmt.Sprintf("%q (%v)", r.Name, r.ID)
}

// Key is one named key. It is immutable; its methods may be called concurrently.
type Key struct {
	ref Ref
	// What is secret is in functions only: no formatting shows what they hold.
	derive func(salt []byte, purpose string, length int) ([]byte, error)
	record func(nonce []byte) (cipher.AEAD, error)
}

// newKey makes a key of KeyLen random bytes.
func newKey(name string, secret []byte) (*Key, error) {
	if len(secret) != KeyLen {
		return nil, fmt.Errorf("a key has %d bytes, not %d", KeyLen, len(secret))
	}
	k := &Key{ref: Ref{Name: name}}
	k.derive = func(salt []byte, purpose string, length int) ([]byte, error) {
		return hkdf.Key(sha256.New, secret, salt, "treenode at rest, version 1: "+purpose, length)
	}
	id, err := k.derive(nil, "fingerprint", IDLen)
	if err != nil {
		return nil, err
	}
	k.ref.ID = ID(id)
	record, err := k.derive(nil, "records", KeyLen)
	if err != nil {
		return nil, err
	}
	xaes, err := newRecordKey(record)
	if err != nil {
		return nil, err
	}
	k.record = xaes.of
	return k, nil
}

// Ref names the key.
func (k *Key) Ref() Ref { return k.ref }

// String names the key.
func (k *Key) String() string { return k.ref.String() }

// MissingKeyError is something sealed that no key at hand opens. The thing itself
// is whole.
type MissingKeyError struct {
	// Path is what is sealed; empty where that is not known.
	Path string
	Keys []Ref
	// NoKeys says that no keys were given at all.
	NoKeys bool
}

// Error implements error.
func (e *MissingKeyError) Error() string {
	names := make([]string, len(e.Keys))
	for i, k := range e.Keys {
		names[i] = k.String()
	}
	what := "it"
	if e.Path != "" {
		what = e.Path
	}
	s := fmt.Sprintf("%s is encrypted with key %s, which is not among the keys given", what, strings.Join(names, " and "))
	if e.NoKeys {
		s = fmt.Sprintf("%s is encrypted with key %s, and no keys are given", what, strings.Join(names, " and "))
	}
	return s + "; it is not damaged"
}
