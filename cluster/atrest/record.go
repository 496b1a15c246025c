package atrest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

// ErrForged is the cause where something sealed is not what was sealed, although
// its key is there: it was changed, moved, or cut off.
var ErrForged = errors.New("it is not what was encrypted")

const (
	tagLen = 16
	// Lead is how many bytes of a sealed record come before what is sealed: the
	// key's ID and a nonce of 24 bytes.
	Lead = IDLen + 24
	// Overhead is by how much a sealed record is longer.
	Overhead = Lead + tagLen
)

// recordKey is a key of XAES-256-GCM.
type recordKey struct {
	block cipher.Block
	k1    [aes.BlockSize]byte // as in CMAC: what whole blocks are mixed with
}

func newRecordKey(key []byte) (*recordKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	r := &recordKey{block: block}
	block.Encrypt(r.k1[:], r.k1[:])
	var carry byte
	for i := len(r.k1) - 1; i >= 0; i-- {
		r.k1[i], carry = r.k1[i]<<1|carry, r.k1[i]>>7
	}
	r.k1[len(r.k1)-1] ^= carry * 0x87
	return r, nil
}

// of is the cipher of one message, given the first half of its nonce: a key from
// two blocks of CMAC in counter mode (NIST SP 800-108).
func (r *recordKey) of(nonce []byte) (cipher.AEAD, error) {
	var key [KeyLen]byte
	for i := range 2 {
		m := key[i*aes.BlockSize : (i+1)*aes.BlockSize]
		m[1], m[2] = byte(i+1), 'X'
		copy(m[4:], nonce[:12])
		for j := range m {
			m[j] ^= r.k1[j]
		}
		r.block.Encrypt(m, m)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Seal seals b[at+Lead:], bound to context, and returns b with that sealed in its
// place: b[at:at+Lead], which the caller leaves free, takes the key's ID and a
// nonce, and a tag is appended. B is overwritten, and not moved where its capacity
// has room for the tag.
func (k *Key) Seal(b []byte, at int, context []byte) ([]byte, error) {
	copy(b[at:], k.ref.ID[:])
	nonce := b[at+IDLen : at+Lead]
	_, _ = rand.Read(nonce) // it ends the process rather than fail
	aead, err := k.record(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(b[:at+Lead], nonce[12:], b[at+Lead:], context), nil
}

// SealedBy is the ID of the key that a record was sealed with. False where it is
// too short for one.
func SealedBy(record []byte) (ID, bool) {
	if len(record) < Overhead {
		return ID{}, false
	}
	return ID(record[:IDLen]), true
}

// Open returns what was sealed in a record, in memory of its own. An error is
// ErrForged, also for a record of another key.
func (k *Key) Open(record, context []byte) ([]byte, error) {
	if id, ok := SealedBy(record); !ok || id != k.ref.ID {
		return nil, ErrForged
	}
	nonce, sealed := record[IDLen:Lead], record[Lead:]
	aead, err := k.record(nonce)
	if err != nil {
		return nil, err
	}
	b, err := aead.Open(nil, nonce[12:], sealed, context)
	if err != nil {
		return nil, ErrForged
	}
	return b, nil
}
