package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/fsm"
)

const (
	snapshotMeta  = "meta.json"
	snapshotState = "state.bin"
	// snapshotSeal holds the SHA-256 of meta.json, which has no checksum of its
	// own: the index, the term and the configuration are in it.
	snapshotSeal = "seal"
	snapshotTemp = ".tmp"

	scrubPiece = 256 << 10
	// scrubRate is how many bytes of snapshots are read in a second.
	scrubRate = 16 << 20
)

// snapshots are the snapshots on disk. Raft's own store falls back to an older
// one without a word, and computes its checksum anew at every receiver. Here
// any damage is told to failed, a snapshot that does not end with the SHA-256
// its writer gave it is not kept, and meta.json has a seal.
type snapshots struct {
	*raft.FileSnapshotStore
	dir string
	// failed is told of damage, and of a snapshot that can't be restored.
	failed func(error)
	newest atomic.Pointer[SnapshotStats] // nil while there is none
	keys   *atrest.Ring
	// writing counts the snapshots that are being written, by their key.
	writingMu sync.Mutex
	writing   map[atrest.Ref]int
}

// openSnapshots opens the snapshots of a data directory and checks what is
// small of each. Contents are checked when they are read; see scrub. It refuses
// those that none of the keys opens.
func openSnapshots(dataDir string, log hclog.Logger, keys *atrest.Ring, failed func(error)) (*snapshots, error) {
	inner, err := raft.NewFileSnapshotStoreWithLogger(dataDir, snapshotsRetained, log)
	if err != nil {
		return nil, err
	}
	s := &snapshots{
		FileSnapshotStore: inner, dir: filepath.Join(dataDir, snapshotDir), failed: failed,
		keys: keys, writing: map[atrest.Ref]int{},
	}
	kept, err := s.kept(true)
	if err == nil {
		err = keepPrivate(s.dir)
	}
	if err != nil {
		return nil, err
	}
	for _, id := range kept {
		if err := s.checkMeta(id, true); err != nil {
			return nil, err
		}
		if err := s.checkKey(id); err != nil {
			return nil, err
		}
	}
	if found, err := inner.List(); err == nil && len(found) > 0 {
		s.newest.Store(&SnapshotStats{Index: found[0].Index, Bytes: found[0].Size})
	}
	keys.Use("the snapshots", s.keysInUse)
	return s, nil
}

// kept are the ids of the snapshots. Ones that were not finished are removed
// if asked to: a crash left them, and Raft never cleans them up.
func (s *snapshots) kept(clean bool) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		switch {
		case !e.IsDir():
		case !strings.HasSuffix(e.Name(), snapshotTemp):
			ids = append(ids, e.Name())
		case clean:
			if err := os.RemoveAll(filepath.Join(s.dir, e.Name())); err != nil {
				return nil, err
			}
		}
	}
	return ids, nil
}

func (s *snapshots) path(id, file string) string { return filepath.Join(s.dir, id, file) }

// damage is damage to a snapshot. The index is in its id.
func (s *snapshots) damage(id, file, reason string, err error) *DamageError {
	d := &DamageError{Path: s.path(id, file), Reason: reason, Err: err}
	var term uint64
	if _, err := fmt.Sscanf(id, "%d-%d-", &term, &d.Index); err != nil {
		d.Index = 0
	}
	return d
}

// report makes damage known, and returns it.
func (s *snapshots) report(d *DamageError) *DamageError {
	s.failed(d)
	return d
}

// unreadable is told that the state machine can't restore a snapshot. If the
// snapshot is what was written, then this program can't read what another
// version could: that is no damage, and no other copy would be better.
func (s *snapshots) unreadable(err error) error {
	found := s.scrub(context.Background())
	if found == nil {
		found = fail(CodeInternal, err, "a snapshot in %s can't be restored, though it is what was written", s.dir)
		s.failed(found)
	}
	return found
}

// checkMeta compares meta.json with its seal, and seals it if it has none: a
// crash came between, or an older version wrote it.
func (s *snapshots) checkMeta(id string, seal bool) error {
	b, err := os.ReadFile(s.path(id, snapshotMeta))
	if err != nil {
		return s.damage(id, snapshotMeta, "it can't be read", err)
	}
	var meta raft.SnapshotMeta
	if err := json.Unmarshal(b, &meta); err != nil || meta.ID != id {
		return s.damage(id, snapshotMeta, "it does not describe its snapshot", err)
	}
	sum := sha256.Sum256(b)
	want := hex.EncodeToString(sum[:]) + "\n"
	got, err := os.ReadFile(s.path(id, snapshotSeal))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if seal {
			return replaceFile(s.path(id, snapshotSeal), []byte(want))
		}
		return nil
	case err != nil:
		return s.damage(id, snapshotSeal, "it can't be read", err)
	case string(got) != want:
		return s.damage(id, snapshotMeta, "its SHA-256 is not the one of its seal", nil)
	}
	return nil
}

// checkState reads the whole of a snapshot, at a bounded speed.
func (s *snapshots) checkState(ctx context.Context, id string) error {
	f, err := openState(s.path(id, snapshotState), id, s.keys.Keys())
	switch {
	case errors.As(err, new(*atrest.MissingKeyError)):
		return err
	case err != nil:
		return s.damage(id, snapshotState, "it can't be read", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	sum, piece := fsm.NewSnapshotSum(), make([]byte, scrubPiece)
	pause := time.NewTicker(scrubPiece * time.Second / scrubRate)
	defer pause.Stop()
	for {
		n, err := io.ReadFull(f, piece)
		_, _ = sum.Write(piece[:n]) // never fails
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if err := sum.Check(); err != nil {
				return s.damage(id, snapshotState, "its content is not what was written", err)
			}
			return nil
		case err != nil:
			return s.damage(id, snapshotState, "it can't be read", err)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// scrub checks every snapshot once. A snapshot that goes meanwhile is no error.
func (s *snapshots) scrub(ctx context.Context) error {
	kept, err := s.kept(false)
	if err != nil {
		return err
	}
	for _, id := range kept {
		err := s.checkMeta(id, false)
		if err == nil {
			err = s.checkState(ctx, id)
		}
		var d *DamageError
		if !errors.As(err, &d) {
			if err != nil {
				return err
			}
			continue
		}
		if again, err := s.kept(false); err == nil && !slices.Contains(again, id) {
			continue // it was removed for a newer one
		}
		return s.report(d)
	}
	return nil
}

// Open implements raft.SnapshotStore. What it reads is checked once here, by
// Raft's checksum, and again by whoever restores it.
func (s *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	if err := s.checkMeta(id, false); err != nil {
		var d *DamageError
		if errors.As(err, &d) {
			err = s.report(d)
		}
		return nil, nil, err
	}
	meta, r, err := s.FileSnapshotStore.Open(id)
	if err == nil {
		return s.opened(meta, r)
	}
	if kept, listed := s.kept(false); listed != nil || slices.Contains(kept, id) {
		err = s.report(s.damage(id, snapshotState, "it can't be opened", err))
	}
	return nil, nil, err
}

// Create implements raft.SnapshotStore.
func (s *snapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	inner, err := s.FileSnapshotStore.Create(version, index, term, c, configIndex, t)
	if err != nil {
		return nil, err
	}
	err = keepPrivate(filepath.Join(s.dir, inner.ID()+snapshotTemp))
	if err != nil {
		return nil, errors.Join(err, inner.Cancel())
	}
	k, err := s.newSink(inner, index)
	if err != nil {
		return nil, errors.Join(err, inner.Cancel())
	}
	return k, nil
}

// sink is a snapshot that is being written.
type sink struct {
	raft.SnapshotSink
	of     *snapshots
	sum    *fsm.SnapshotSum
	key    atrest.Ref
	sealed *atrest.Writer // nil where it is not encrypted
	done   bool

	index uint64
	bytes int64
}

// Write implements io.Writer.
func (k *sink) Write(b []byte) (n int, err error) {
	if k.sealed != nil {
		n, err = k.sealed.Write(b)
	} else {
		n, err = k.SnapshotSink.Write(b)
	}
	k.bytes += int64(n)
	_, _ = k.sum.Write(b[:n]) // never fails
	return n, err
}

// Close implements io.Closer: the snapshot is there and whole, or not at all.
func (k *sink) Close() error {
	if k.done {
		return nil
	}
	err := k.sum.Check()
	if err == nil && k.sealed != nil {
		err = k.sealed.Close()
	}
	if err != nil {
		return errors.Join(err, k.Cancel())
	}
	defer k.end()
	failpoint.Reach(failpoint.SnapshotWritten)
	if err := k.SnapshotSink.Close(); err != nil {
		return err
	}
	failpoint.Reach(failpoint.SnapshotUnsealed)
	if err := k.of.checkMeta(k.ID(), true); err != nil {
		return err
	}
	failpoint.Reach(failpoint.SnapshotPlaced)
	k.of.newest.Store(&SnapshotStats{Index: k.index, Bytes: k.bytes, At: time.Now()})
	return nil
}

// Cancel implements raft.SnapshotSink.
func (k *sink) Cancel() error {
	defer k.end()
	return k.SnapshotSink.Cancel()
}

// cover returns an error if entries are missing between the newest snapshot and
// the start of the log.
func (s *snapshots) cover(log raft.LogStore) error {
	first, err := log.FirstIndex()
	if err != nil || first <= 1 {
		return err
	}
	kept, err := s.List()
	if err != nil {
		return err
	}
	if len(kept) == 0 || kept[0].Index+1 < first {
		return &DamageError{Path: s.dir, Index: first - 1, Reason: fmt.Sprintf("no snapshot reaches up to the log, which begins at %d", first)}
	}
	return nil
}
