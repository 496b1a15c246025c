package statictoken

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a hash of a new token costs: 19 MiB and two passes.
const (
	memoryKiB = 19 << 10
	passes    = 2
	lanes     = 1
	saltBytes = 16
	sumBytes  = 32
)

// What a hash in a file may cost.
const (
	memoryKiBMax = 64 << 10
	passesMax    = 8
	lanesMax     = 4
	bytesMax     = 64
)

// hashed is a token's hash with what it takes to make it again.
type hashed struct {
	memory, passes uint32
	lanes          uint8
	salt, sum      []byte
}

var encoding = base64.RawStdEncoding.Strict()

// hash makes the hash of a token under a new salt.
func hash(token string) string {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: the runtime crashes first
	sum := argon2.IDKey([]byte(token), salt, passes, memoryKiB, lanes, sumBytes)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		encoding.EncodeToString(salt), encoding.EncodeToString(sum))
}

var errHash = errors.New("it is not $argon2id$v=19$m=…,t=…,p=…$SALT$HASH within the limits")

func parseHash(text string) (hashed, error) {
	var h hashed
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, errHash
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.passes, &h.lanes); err != nil ||
		parts[3] != fmt.Sprintf("m=%d,t=%d,p=%d", h.memory, h.passes, h.lanes) {
		return h, errHash
	}
	var err, other error
	h.salt, err = encoding.DecodeString(parts[4])
	h.sum, other = encoding.DecodeString(parts[5])
	if err != nil || other != nil || len(h.salt) < 8 || len(h.salt) > bytesMax || len(h.sum) < 16 || len(h.sum) > bytesMax ||
		h.memory < 8*uint32(h.lanes) || h.memory > memoryKiBMax || h.passes < 1 || h.passes > passesMax || h.lanes < 1 || h.lanes > lanesMax {
		return h, errHash
	}
	return h, nil
}

// is reports whether the hash is the token's. It takes time and memory.
func (h hashed) is(token string) bool {
	sum := argon2.IDKey([]byte(token), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.sum))) //nolint:gosec // bounded by bytesMax
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}
