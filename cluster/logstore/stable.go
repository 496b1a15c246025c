package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/treenode/treenode/cluster/failpoint"
)

// Set implements raft.StableStore: the value is on disk when it returns nil.
// A key that is empty, too long or reserved is a *KeyError.
func (s *Store) Set(key, value []byte) error {
	return s.write(OpSet, func() (func() error, error) {
		if err := s.checkKey(key); err != nil {
			return nil, err
		}
		return func() error { return s.setStable(key, value) }, nil
	})
}

// setStable stores a value, and lists its key if it is new. The write lock must be
// held.
func (s *Store) setStable(key, value []byte) error {
	failpoint.Reach(failpoint.VoteBefore)
	if err := s.inner.Set(key, sealValue(key, value)); err != nil {
		return err
	}
	if slices.Contains(s.keys, string(key)) {
		failpoint.Reach(failpoint.VoteAfter)
		return nil
	}
	failpoint.Reach(failpoint.VoteUnlisted)
	keys := append(slices.Clone(s.keys), string(key))
	if err := s.inner.Set(headerKey, sealValue(headerKey, encodeKeys(keys))); err != nil {
		return err
	}
	s.keys = keys
	return nil
}

// SetUint64 implements raft.StableStore.
func (s *Store) SetUint64(key []byte, value uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, value))
}

// Get implements raft.StableStore. A key that was never set is
// raftboltdb.ErrKeyNotFound, whose text Raft knows.
func (s *Store) Get(key []byte) ([]byte, error) { return s.get(OpGet, key) }

func (s *Store) get(op Op, key []byte) ([]byte, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	f := s.watch.begin(op)
	defer s.watch.end(f)
	sealed, err := s.getInner(key)
	missing := false
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		sealed, missing, err = s.getUnset(key)
	}
	switch {
	case err == nil:
		value, reason := openValue(key, sealed)
		if reason != "" {
			return nil, s.corruptKey(key, reason, nil)
		}
		return value, nil
	case missing:
		return nil, s.corruptKey(key, "it was set once and is missing", nil)
	case errors.Is(err, raftboltdb.ErrKeyNotFound):
		return nil, raftboltdb.ErrKeyNotFound
	case s.closed.Load():
		return nil, ErrClosed
	}
	return nil, s.corruptKey(key, "the record can't be read", err)
}

// corruptKey makes damage to a stable value known.
func (s *Store) corruptKey(key []byte, reason string, err error) error {
	path := s.path
	if inner, ok := s.inner.(interface{ stableFile() string }); ok {
		path = inner.stableFile()
	}
	return s.watch.corrupt(&CorruptError{Path: path, Key: string(key), Reason: reason, Err: err})
}

func (s *Store) getInner(key []byte) (sealed []byte, err error) {
	err = guard(func() (err error) { sealed, err = s.inner.Get(key); return err })
	return sealed, err
}

// getUnset looks again for a value that was not found, with writes held off.
// Values are never deleted, so one whose key is listed is missing.
func (s *Store) getUnset(key []byte) (sealed []byte, missing bool, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	sealed, err = s.getInner(key)
	return sealed, err != nil && slices.Contains(s.keys, string(key)), err
}

func (s *Store) stableKeys() []string {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.keys
}

// GetUint64 implements raft.StableStore.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	value, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, &KeyError{Path: s.path, Reason: fmt.Sprintf("the value of %q has %d bytes, a number has 8", key, len(value))}
	}
	return binary.BigEndian.Uint64(value), nil
}
