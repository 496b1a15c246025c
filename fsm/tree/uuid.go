package tree

import (
	"encoding/binary"
	"encoding/hex"
)

// UUID is a 128-bit identifier (RFC 9562). The zero UUID means "none" wherever
// an identifier is optional. It is a type of our own because this package may
// import nothing that reads clocks or randomness, as UUID libraries do.
type UUID [16]byte

// IsZero reports whether u is the zero UUID.
func (u UUID) IsZero() bool { return u == UUID{} }

// String returns the canonical form: lower-case hexadecimal with dashes.
func (u UUID) String() string { return string(u.Append(nil)) }

// Append appends the canonical form.
func (u UUID) Append(to []byte) []byte {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	b[8] = '-'
	hex.Encode(b[9:13], u[4:6])
	b[13] = '-'
	hex.Encode(b[14:18], u[6:8])
	b[18] = '-'
	hex.Encode(b[19:23], u[8:10])
	b[23] = '-'
	hex.Encode(b[24:36], u[10:16])
	return append(to, b[:]...)
}

// ParseUUID reads the canonical form or the same without dashes, in either
// case. It reports false for anything else.
func ParseUUID(s string) (UUID, bool) {
	var u UUID
	switch len(s) {
	case 32:
	case 36:
		if s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
			return UUID{}, false
		}
		s = s[0:8] + s[9:13] + s[14:18] + s[19:23] + s[24:36]
	default:
		return UUID{}, false
	}
	if _, err := hex.Decode(u[:], []byte(s)); err != nil {
		return UUID{}, false
	}
	return u, true
}

// compareUUID orders UUIDs by their bytes.
func compareUUID(a, b UUID) int {
	ah, al := a.halves()
	bh, bl := b.halves()
	if ah == bh {
		ah, bh = al, bl
	}
	switch {
	case ah < bh:
		return -1
	case ah > bh:
		return 1
	}
	return 0
}

// halves are the UUID as two numbers that sort as its bytes do.
func (u *UUID) halves() (high, low uint64) {
	return binary.BigEndian.Uint64(u[:8]), binary.BigEndian.Uint64(u[8:])
}
