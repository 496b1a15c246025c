package cluster

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/fsm"
)

// An encrypted snapshot has a stream of package atrest in the place of its state.
// What is outside stays as it is: Raft's CRC-64 and the seal are of what is on
// disk, so that damage is found without a key, and the state's own SHA-256 is in
// what is encrypted. Whoever gets a snapshot from this node gets the plain state.

// stateContext binds an encrypted state to its snapshot: to its term and index.
func stateContext(id string) string { return "snapshot " + id }

// stateKey names the key of a snapshot's state.
func stateKey(path string) (atrest.Ref, error) {
	f, err := os.Open(path)
	if err != nil {
		return atrest.Ref{}, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	head := make([]byte, atrest.StreamHeadMax)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return atrest.Ref{}, err
	}
	ref, _, _, err := atrest.StreamHead(head[:n])
	return ref, err
}

// plainState is a snapshot's state as it was written.
type plainState struct {
	io.Reader
	io.Closer
}

// openState opens the state of a snapshot.
func openState(path, id string, keys *atrest.Keys) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := atrest.Open(f, keys, stateContext(id))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return plainState{r, f}, nil
}

// checkKey returns an error if the key of a snapshot is missing, or can't be told.
func (s *snapshots) checkKey(id string) error {
	path := s.path(id, snapshotState)
	ref, err := stateKey(path)
	if err != nil {
		return s.damage(id, snapshotState, "it can't be read", err)
	}
	return s.keys.Keys().Need(path, ref)
}

// opened is a snapshot that Raft's store has opened, as its state was written.
func (s *snapshots) opened(meta *raft.SnapshotMeta, r io.ReadCloser) (*raft.SnapshotMeta, io.ReadCloser, error) {
	path := s.path(meta.ID, snapshotState)
	info, err := os.Stat(path)
	var state io.Reader
	if err == nil {
		state, err = atrest.Open(r, s.keys.Keys(), stateContext(meta.ID))
	}
	if sealed, ok := state.(*atrest.Reader); err == nil && ok {
		if meta.Size, ok = sealed.PlainSize(info.Size()); !ok {
			err = s.damage(meta.ID, snapshotState, "it is cut off", nil)
		}
	}
	if err == nil {
		return meta, plainState{state, r}, nil
	}
	missing := new(atrest.MissingKeyError)
	switch {
	case errors.As(err, &missing):
		missing.Path = path
	case errors.Is(err, fs.ErrNotExist): // it was removed for a newer one
		return nil, nil, errors.Join(err, r.Close())
	default:
		err = s.damage(meta.ID, snapshotState, "it can't be opened", err)
	}
	s.failed(err)
	return nil, nil, errors.Join(err, r.Close())
}

// newSink is what a snapshot is written to: encrypted, if there is a key.
func (s *snapshots) newSink(inner raft.SnapshotSink, index uint64) (*sink, error) {
	k := &sink{SnapshotSink: inner, of: s, sum: fsm.NewSnapshotSum(), index: index}
	key := s.takeKey()
	if key == nil {
		return k, nil
	}
	k.key = key.Ref()
	var err error
	if k.sealed, err = atrest.NewWriter(inner, key, stateContext(inner.ID())); err != nil {
		k.end()
		return nil, err
	}
	return k, nil
}

// takeKey returns the key for a snapshot. It is in use until the sink ends.
func (s *snapshots) takeKey() *atrest.Key {
	s.writingMu.Lock()
	defer s.writingMu.Unlock()
	key := s.keys.Keys().Active()
	if key != nil {
		s.writing[key.Ref()]++
	}
	return key
}

// end is called once a snapshot is on disk, or is not going to be.
func (k *sink) end() {
	if k.done {
		return
	}
	k.done = true
	if k.key.IsPlain() {
		return
	}
	k.of.writingMu.Lock()
	defer k.of.writingMu.Unlock()
	if k.of.writing[k.key]--; k.of.writing[k.key] == 0 {
		delete(k.of.writing, k.key)
	}
}

// keysInUse names the keys of the snapshots that there are, and are being written.
func (s *snapshots) keysInUse() []atrest.Ref {
	var refs []atrest.Ref
	s.writingMu.Lock()
	for ref := range s.writing {
		refs = append(refs, ref)
	}
	s.writingMu.Unlock()
	kept, err := s.kept(false)
	if err != nil {
		return refs // there are none, or the scrub finds out
	}
	for _, id := range kept {
		if ref, err := stateKey(s.path(id, snapshotState)); err == nil {
			refs = append(refs, ref)
		}
	}
	return refs
}
