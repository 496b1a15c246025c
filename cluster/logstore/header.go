package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// headerKey is the stable key of the store's own record: the names of all
// stable values ever set. With it a value that is gone is told from one that
// never was, so that a damaged key can't make a node forget its vote.
var headerKey = []byte("treenode/logstore")

// Raft sets three stable keys. The bounds only keep a wrong caller from making
// the header grow.
const (
	stableKeysMax   = 64
	stableKeyLenMax = 255
)

// loadHeader reads the record, or writes it to a store that is new.
func (s *Store) loadHeader() error {
	sealed, err := s.inner.Get(headerKey)
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		if s.last != 0 {
			return &CorruptError{Path: s.path, Key: string(headerKey), Reason: "the file has entries but not this record"}
		}
		if err := s.inner.Set(headerKey, sealValue(headerKey, encodeKeys(nil))); err != nil {
			return &OpenError{Path: s.path, Err: err}
		}
		return nil
	}
	if err != nil {
		return &OpenError{Path: s.path, Err: err}
	}
	b, reason := openValue(headerKey, sealed)
	if reason == "" {
		s.keys, reason = decodeKeys(b)
	}
	if reason != "" {
		return &CorruptError{Path: s.path, Key: string(headerKey), Reason: reason}
	}
	return nil
}

func encodeKeys(keys []string) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(keys))) //nolint:gosec // at most stableKeysMax
	for _, k := range keys {
		b = append(b, byte(len(k))) //nolint:gosec // at most stableKeyLenMax
		b = append(b, k...)
	}
	return b
}

func decodeKeys(b []byte) (keys []string, reason string) {
	if len(b) < 2 {
		return nil, "the list of keys is cut off"
	}
	n := int(binary.BigEndian.Uint16(b))
	b = b[2:]
	for range n {
		if len(b) == 0 || len(b) < 1+int(b[0]) {
			return nil, "the list of keys is cut off"
		}
		keys = append(keys, string(b[1:1+int(b[0])]))
		b = b[1+int(b[0]):]
	}
	if len(b) != 0 {
		return nil, fmt.Sprintf("%d bytes follow the list of keys", len(b))
	}
	return keys, ""
}

// checkKey returns an error for a key that can't be set. The write lock must
// be held.
func (s *Store) checkKey(key []byte) error {
	reason := ""
	switch {
	case len(key) == 0:
		reason = "it is empty"
	case len(key) > stableKeyLenMax:
		reason = fmt.Sprintf("it has %d bytes, more than %d", len(key), stableKeyLenMax)
	case string(key) == string(headerKey), string(key) == string(usageKey):
		reason = "the store uses it itself"
	case len(s.keys) >= stableKeysMax && !slices.Contains(s.keys, string(key)):
		reason = fmt.Sprintf("there are %d keys already", len(s.keys))
	}
	if reason != "" {
		return &KeyError{Path: s.path, Reason: reason}
	}
	return nil
}
