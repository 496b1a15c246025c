package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/treenode/treenode/cluster/atrest"
)

// usageKey is the stable key of which keys the entries are encrypted with. It is
// set before the first entry of another key, so that whether a key is needed can
// be told without reading the log. A log that never was encrypted has none.
var usageKey = []byte("treenode/keys")

// keyUsage are the keys of a log's entries, one after the other in the order in
// which they came first.
type keyUsage []keyRange

// keyRange is a key, or none, and between which indexes its entries are; others
// may be among them. The end of the one in use is math.MaxUint64.
type keyRange struct {
	ref      atrest.Ref
	from, to uint64
}

// begin is the usage once entries from next on have a key, nil for none, in a log
// that begins with first, 0 if it is empty. It reports whether that is another one.
// What the log has no entries of any more is dropped.
func (u keyUsage) begin(key *atrest.Key, first, next uint64) (keyUsage, bool) {
	var ref atrest.Ref
	if key != nil {
		ref = key.Ref()
	}
	if i := slices.IndexFunc(u, func(r keyRange) bool { return r.ref.ID == ref.ID }); i >= 0 && u[i].to == math.MaxUint64 && u[i].from <= next ||
		len(u) == 0 && ref.IsPlain() {
		return u, false
	}
	after := keyUsage{}
	if len(u) == 0 && first != 0 {
		after = append(after, keyRange{from: first, to: next - 1})
	}
	from := next
	for _, r := range u {
		r.to = min(r.to, next-1)
		if r.ref.ID == ref.ID && r.from < next && first != 0 && r.to >= first {
			from = r.from // and after it others, perhaps
			continue
		}
		if r.ref.ID != ref.ID && first != 0 && r.from <= r.to && r.to >= first {
			after = append(after, r)
		}
	}
	return append(after, keyRange{ref, from, math.MaxUint64}), true
}

// within names the keys of the entries from first to last, with the zero Ref for
// none.
func (u keyUsage) within(first, last uint64) []atrest.Ref {
	if last == 0 {
		return nil
	}
	if len(u) == 0 {
		return []atrest.Ref{{}}
	}
	var refs []atrest.Ref
	for _, r := range u {
		if r.from <= last && r.to >= first {
			refs = append(refs, r.ref)
		}
	}
	return refs
}

// KeysInUse names the keys that the log's entries are encrypted with, and the one
// that the last write took. The zero Ref says that some are not encrypted.
func (s *Store) KeysInUse() []atrest.Ref {
	s.rangeMu.RLock()
	defer s.rangeMu.RUnlock()
	refs := s.usage.within(s.first, s.last)
	if !s.taken.IsPlain() && !slices.Contains(refs, s.taken) {
		refs = append(refs, s.taken)
	}
	return refs
}

// takeKey returns the key for a write. From then on it counts as in use.
func (s *Store) takeKey() *atrest.Key {
	if s.opts.Keys == nil {
		return nil
	}
	s.rangeMu.Lock()
	defer s.rangeMu.Unlock()
	key := s.opts.Keys.Keys().Active()
	s.taken = atrest.Ref{}
	if key != nil {
		s.taken = key.Ref()
	}
	return key
}

// missingKey is the error for a key that is not there.
func (s *Store) missingKey(id atrest.ID) error {
	s.rangeMu.RLock()
	defer s.rangeMu.RUnlock()
	ref := atrest.Ref{Name: "?", ID: id}
	for _, r := range s.usage {
		if r.ref.ID == id {
			ref = r.ref
		}
	}
	return s.opts.Keys.Keys().Need(s.path, ref)
}

// loadUsage reads the usage, and refuses a log of which a key is missing.
func (s *Store) loadUsage() error {
	sealed, err := s.inner.Get(usageKey)
	switch {
	case errors.Is(err, raftboltdb.ErrKeyNotFound):
		if slices.Contains(s.keys, string(usageKey)) {
			return &CorruptError{Path: s.path, Key: string(usageKey), Reason: "it was set once and is missing"}
		}
		return nil
	case err != nil:
		return &OpenError{Path: s.path, Err: err}
	}
	b, reason := openValue(usageKey, sealed)
	if reason == "" {
		s.usage, reason = decodeUsage(b)
	}
	if reason != "" {
		return &CorruptError{Path: s.path, Key: string(usageKey), Reason: reason}
	}
	if err := s.opts.Keys.Keys().Need(s.path, s.KeysInUse()...); err != nil || s.opts.Keys != nil {
		return err
	}
	// No keys, and none is needed: a program that knows of none may go on here.
	if u, changed := s.usage.begin(nil, s.first, s.last+1); changed {
		if err := s.setUsage(u); err != nil {
			return &OpenError{Path: s.path, Err: err}
		}
	}
	return nil
}

// setUsage stores a usage. The write lock must be held.
func (s *Store) setUsage(u keyUsage) error {
	if err := s.setStable(usageKey, u.encode()); err != nil {
		return err
	}
	s.rangeMu.Lock()
	defer s.rangeMu.Unlock()
	s.usage = u
	return nil
}

// encode is for each key from(8) to(8) id(8) nameLen(1) name.
func (u keyUsage) encode() []byte {
	var b []byte
	for _, r := range u {
		b = binary.BigEndian.AppendUint64(b, r.from)
		b = binary.BigEndian.AppendUint64(b, r.to)
		b = append(b, r.ref.ID[:]...)
		b = append(append(b, byte(len(r.ref.Name))), r.ref.Name...) //nolint:gosec // at most atrest.NameLenMax
	}
	return b
}

func decodeUsage(b []byte) (u keyUsage, reason string) {
	const fixed = 8 + 8 + atrest.IDLen + 1
	for len(b) > 0 {
		if len(b) < fixed || len(b)-fixed < int(b[fixed-1]) || b[fixed-1] > atrest.NameLenMax {
			return nil, fmt.Sprintf("the list of encryption keys is cut off after %d", len(u))
		}
		r := keyRange{from: binary.BigEndian.Uint64(b), to: binary.BigEndian.Uint64(b[8:])}
		r.ref.ID = atrest.ID(b[16:][:atrest.IDLen])
		name := fixed + int(b[fixed-1])
		r.ref.Name = string(b[fixed:name])
		u, b = append(u, r), b[name:]
	}
	return u, ""
}
