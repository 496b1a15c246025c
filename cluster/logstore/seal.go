package logstore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
)

// formatVersion is the version of everything the store writes.
const formatVersion = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A sealed entry is stored as the Data of an outer raft.Log:
//
//	crc32c(4) flags(1) term(8) type(1) seconds(8) nanoseconds(4) extensionsLen(4) extensions data
//
// With flagEncrypted, a record of package atrest stands in the place of extensions
// and data, which are in it one behind the other; the index and the header, but for
// the checksum, are its context, so that it opens at its own place only.
//
// The checksum covers the index and all that follows it, as it is on disk: damage
// is found without a key. The other fields of
// the outer log are constants, none of them the zero value: the inner store
// writes field names, and a damaged name would otherwise go unnoticed where
// the field happens to be zero.
const (
	sealFlags      = 4
	sealTerm       = 5
	sealType       = 13
	sealSeconds    = 14
	sealNanos      = 22
	sealExtensions = 26
	sealHeaderLen  = 30

	flagAppendedAt = 1
	flagEncrypted  = 2

	outerTerm = 1
	outerType = raft.LogNoop
)

var outerAppendedAt = time.Unix(1, 0).UTC()

// sealLog returns the outer log that stands for l on disk, encrypted if there is a
// key.
func sealLog(l *raft.Log, key *atrest.Key) (*raft.Log, error) {
	head, size := sealHeaderLen, sealHeaderLen+len(l.Extensions)+len(l.Data)
	if key != nil {
		head, size = head+atrest.Lead, size+atrest.Overhead
	}
	b := make([]byte, head, size)
	if !l.AppendedAt.IsZero() {
		b[sealFlags] |= flagAppendedAt
		binary.BigEndian.PutUint64(b[sealSeconds:], uint64(l.AppendedAt.Unix()))     //nolint:gosec // the bits are read back as signed
		binary.BigEndian.PutUint32(b[sealNanos:], uint32(l.AppendedAt.Nanosecond())) //nolint:gosec // below a thousand million
	}
	binary.BigEndian.PutUint64(b[sealTerm:], l.Term)
	b[sealType] = byte(l.Type)
	binary.BigEndian.PutUint32(b[sealExtensions:], uint32(len(l.Extensions))) //nolint:gosec // Raft sends no entry of that size
	b = append(b, l.Extensions...)
	b = append(b, l.Data...)
	if key != nil {
		b[sealFlags] |= flagEncrypted
		var err error
		if b, err = key.Seal(b, sealHeaderLen, sealContext(l.Index, b)); err != nil {
			return nil, err
		}
	}
	binary.BigEndian.PutUint32(b, entryChecksum(l.Index, b[sealFlags:]))
	return &raft.Log{
		Index:      l.Index,
		Term:       outerTerm,
		Type:       outerType,
		Data:       b,
		Extensions: []byte{formatVersion},
		AppendedAt: outerAppendedAt,
	}, nil
}

// sealContext is what an encrypted entry is bound to.
func sealContext(index uint64, b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, index), b[sealFlags:sealHeaderLen]...)
}

// verifyLog verifies an outer log that was read at index. On a mismatch it returns
// the reason.
func verifyLog(index uint64, outer *raft.Log) (reason string) {
	switch {
	case outer.Index != index:
		return fmt.Sprintf("the record says that it is entry %d", outer.Index)
	case len(outer.Extensions) != 1 || outer.Extensions[0] != formatVersion:
		return fmt.Sprintf("format version %v is not %d", outer.Extensions, formatVersion)
	case outer.Term != outerTerm || outer.Type != outerType ||
		outer.AppendedAt != outerAppendedAt: // not Equal, which ignores the zone and spare bits
		return "the record's envelope is damaged"
	case len(outer.Data) < sealHeaderLen:
		return fmt.Sprintf("the record has %d bytes, fewer than its header", len(outer.Data))
	}
	b := outer.Data
	if want, got := binary.BigEndian.Uint32(b), entryChecksum(index, b[sealFlags:]); want != got {
		return fmt.Sprintf("checksum %08x does not match %08x", got, want)
	}
	if b[sealFlags]&^(flagAppendedAt|flagEncrypted) != 0 {
		return "the record's header is of another format"
	}
	return ""
}

// openLog fills l from an outer log that was verified. It may keep a reference to
// the outer log's data. On a mismatch it returns the reason, or the ID of the key
// that is missing, and leaves l as it is.
func openLog(outer *raft.Log, l *raft.Log, keys *atrest.Keys) (reason string, missing atrest.ID) {
	b := outer.Data
	rest := b[sealHeaderLen:]
	if b[sealFlags]&flagEncrypted != 0 {
		id, ok := atrest.SealedBy(rest)
		if !ok {
			return "the record is too short to be encrypted", missing
		}
		key := keys.Find(id)
		if key == nil {
			return "", id
		}
		var err error
		if rest, err = key.Open(rest, sealContext(outer.Index, b)); err != nil {
			return fmt.Sprintf("it does not decrypt with its key %v", key), missing
		}
	}
	extensionsLen := uint64(binary.BigEndian.Uint32(b[sealExtensions:]))
	if extensionsLen > uint64(len(rest)) {
		return "the record's header is of another format", missing
	}
	*l = raft.Log{
		Index:      outer.Index,
		Term:       binary.BigEndian.Uint64(b[sealTerm:]),
		Type:       raft.LogType(b[sealType]),
		Extensions: orNil(rest[:extensionsLen:extensionsLen]),
		Data:       orNil(rest[extensionsLen:]),
	}
	if b[sealFlags]&flagAppendedAt != 0 {
		seconds := int64(binary.BigEndian.Uint64(b[sealSeconds:])) //nolint:gosec // written from a signed one
		l.AppendedAt = time.Unix(seconds, int64(binary.BigEndian.Uint32(b[sealNanos:]))).UTC()
	}
	return "", missing
}

func entryChecksum(index uint64, b []byte) uint32 {
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], index)
	return crc32.Update(crc32.Checksum(key[:], castagnoli), castagnoli, b)
}

// A sealed stable value is version(1) crc32c(4) value. The checksum covers the
// version, the key's length, the key and the value.
const valueHeaderLen = 5

func sealValue(key, value []byte) []byte {
	b := make([]byte, valueHeaderLen, valueHeaderLen+len(value))
	b[0] = formatVersion
	b = append(b, value...)
	binary.BigEndian.PutUint32(b[1:], valueChecksum(key, b))
	return b
}

func openValue(key, b []byte) (value []byte, reason string) {
	if len(b) < valueHeaderLen {
		return nil, fmt.Sprintf("the record has %d bytes, fewer than its header", len(b))
	}
	if want, got := binary.BigEndian.Uint32(b[1:]), valueChecksum(key, b); want != got {
		return nil, fmt.Sprintf("checksum %08x does not match %08x", got, want)
	}
	if b[0] != formatVersion {
		return nil, fmt.Sprintf("format version %d is not %d", b[0], formatVersion)
	}
	return b[valueHeaderLen:], ""
}

func valueChecksum(key, sealed []byte) uint32 {
	var head [9]byte
	head[0] = sealed[0]
	binary.BigEndian.PutUint64(head[1:], uint64(len(key)))
	sum := crc32.Checksum(head[:], castagnoli)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, sealed[valueHeaderLen:])
}

func orNil(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}
