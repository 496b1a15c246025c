package logstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"

	"github.com/treenode/treenode/cluster/failpoint"
)

const (
	dirMode = 0o700
	// walSegmentBytes is the size of a segment, which the library reserves when
	// it makes one: room for some tens of thousands of entries.
	walSegmentBytes = 32 << 20
)

// walInner is raft-wal as an Inner.
//
// The library can't tell entries that were damaged near the end of the log from
// entries that were never written whole, and forgets both. Three things say
// when that was wrong: the floor and the end mark, indexes up to which the log
// is known to have been on disk, the one flushed now and then and the other
// written always; and the first index of its batch, which each entry has in
// the place of the outer term, see inspectTail.
type walInner struct {
	*wal.WAL
	path  string
	floor uint64 // as it is stored
	end   *endMark
}

// walBuckets are the buckets of the library's file of stable values.
var walBuckets = bucketVisits{metadb.MetaBucket: (*walk).stableValue, metadb.StableBucket: (*walk).stableValue}

// floorKey is the stable key of the floor.
var floorKey = []byte("treenode/floor")

// openWAL opens the log in a directory, or makes one.
func openWAL(path string, segmentBytes int) (Inner, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.Mkdir(path, dirMode); err != nil {
			return nil, err
		}
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	case !info.IsDir():
		return nil, errors.New("it is not a directory")
	case info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(path, dirMode); err != nil {
			return nil, err
		}
	}
	stable := filepath.Join(path, metadb.FileName)
	_, err = os.Stat(stable)
	existed := err == nil
	switch {
	case existed:
		if err := inspect(stable, walBuckets); err != nil {
			return nil, openFailure(stable, err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		if err := withoutSegments(path); err != nil {
			return nil, err
		}
	}
	w := &walInner{path: path}
	if err := guard(func() error { return w.open(segmentBytes) }); err != nil {
		missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) // a segment that is listed, or one that is not
		if existed && (missing || !errors.As(err, new(*fs.PathError))) {
			err = &CorruptError{Path: path, Reason: "the log is not readable", Err: err}
		}
		return nil, err
	}
	if w.end, err = openEndMark(path); err == nil {
		err = keepPrivate(path)
	}
	if err == nil {
		if err = guard(w.check); err != nil {
			err = errors.Join(err, w.end.close())
		}
	}
	if err != nil {
		return nil, errors.Join(err, w.WAL.Close())
	}
	return w, nil
}

// withoutSegments refuses a directory that has a log but nothing that says so:
// a segment is listed before its file is made.
func withoutSegments(path string) error {
	found, err := segments(path)
	if err != nil || found == nil {
		return err
	}
	return &CorruptError{Path: path, Reason: "there are segments that " + metadb.FileName + " does not list"}
}

func (w *walInner) open(segmentBytes int) (err error) {
	w.WAL, err = wal.Open(w.path, wal.WithLogger(hclog.NewNullLogger()), wal.WithSegmentSize(segmentBytes), wal.WithMetaStore(&segmentList{}),
		wal.WithSegmentFiler(segment.NewFiler(w.path, privateFiles{walfs.New()})))
	return err
}

// check compares where the log ends with what is known of its end.
func (w *walInner) check() error {
	sealed, err := w.Get(floorKey)
	switch {
	case errors.Is(err, raftboltdb.ErrKeyNotFound):
	case err != nil:
		return err
	default:
		value, reason := openValue(floorKey, sealed)
		if reason == "" && len(value) != 8 {
			reason = fmt.Sprintf("it has %d bytes", len(value))
		}
		if reason != "" {
			return &CorruptError{Path: w.stableFile(), Key: string(floorKey), Reason: reason}
		}
		w.floor = binary.BigEndian.Uint64(value)
	}
	last, err := w.LastIndex()
	if err != nil {
		return err
	}
	if known := max(w.floor, w.end.index); last < known {
		path := w.path
		if segment := w.fileOf(last + 1); segment != "" {
			path = segment // where it was, or the last one left
		}
		return &CorruptError{Path: path, Index: last + 1, Reason: fmt.Sprintf("the log ends before it, entries up to %d were on disk", known)}
	}
	return inspectTail(w.path, last)
}

// setFloor stores a floor.
func (w *walInner) setFloor(index uint64) error {
	if index == w.floor {
		return nil
	}
	if err := w.WAL.Set(floorKey, sealValue(floorKey, binary.BigEndian.AppendUint64(nil, index))); err != nil {
		return err
	}
	w.floor = index
	return nil
}

// raiseFloor stores that all there is now is on disk.
func (w *walInner) raiseFloor() error {
	last, err := w.LastIndex()
	if err != nil {
		return err
	}
	return w.setFloor(max(last, w.floor))
}

// GetLog implements Inner. The library drops whole segments only, and goes on
// to find entries that were deleted from the start of one.
func (w *walInner) GetLog(index uint64, l *raft.Log) error {
	first, err := w.FirstIndex()
	if err != nil {
		return err
	}
	if index < first {
		return raft.ErrLogNotFound
	}
	if err := w.WAL.GetLog(index, l); err != nil {
		return err
	}
	l.Term = outerTerm
	return nil
}

// StoreLog implements Inner.
func (w *walInner) StoreLog(l *raft.Log) error { return w.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements Inner. The entries are the store's own copies.
func (w *walInner) StoreLogs(logs []*raft.Log) error {
	for _, l := range logs {
		l.Term = logs[0].Index
	}
	if err := w.WAL.StoreLogs(logs); err != nil {
		return err
	}
	failpoint.Reach(failpoint.AppendUnmarked)
	return w.end.set(logs[len(logs)-1].Index)
}

// Get implements Inner: the library gives nothing for a missing key.
func (w *walInner) Get(key []byte) ([]byte, error) {
	value, err := w.WAL.Get(key)
	if err == nil && value == nil {
		return nil, raftboltdb.ErrKeyNotFound
	}
	return value, err
}

// Set implements Inner. Whoever votes has looked at the end of the log, so the
// floor goes before.
func (w *walInner) Set(key, value []byte) error {
	if err := w.raiseFloor(); err != nil {
		return err
	}
	return w.WAL.Set(key, value)
}

// DeleteRange implements Inner. Before entries at the end go, so do the floor
// and the mark; after entries at the start have gone, it is time to raise it.
func (w *walInner) DeleteRange(lo, hi uint64) error {
	first, err := w.FirstIndex()
	if err != nil {
		return err
	}
	last, err := w.LastIndex()
	if err != nil {
		return err
	}
	if hi >= last {
		left := lo - 1
		if lo <= first { // nothing is left
			left = 0
		}
		if err := errors.Join(w.end.lower(left), w.setFloor(min(w.floor, left))); err != nil {
			return err
		}
		failpoint.Reach(failpoint.TrimUnmarked)
		return w.WAL.DeleteRange(lo, hi)
	}
	if err := w.WAL.DeleteRange(lo, hi); err != nil {
		return err
	}
	return w.raiseFloor()
}

// inspectOpen implements structured. The file of stable values is small.
func (w *walInner) inspectOpen() error {
	path := w.stableFile()
	f, err := os.Open(path)
	if err != nil {
		return &CorruptError{Path: path, Reason: "it can't be opened again", Err: err}
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return inspectFile(f, path, walBuckets)
}

// stableFile names the file of stable values.
func (w *walInner) stableFile() string { return filepath.Join(w.path, metadb.FileName) }

// fileOf names the segment that has an entry: the last that begins at it or
// before.
func (w *walInner) fileOf(index uint64) string {
	found, err := segments(w.path)
	if err != nil {
		return ""
	}
	slices.Sort(found)
	path := ""
	for _, f := range found {
		var base uint64
		if _, err := fmt.Sscanf(filepath.Base(f), "%d-", &base); err == nil && base <= index {
			path = f
		}
	}
	return path
}

// Close implements Inner.
func (w *walInner) Close() error {
	return errors.Join(w.raiseFloor(), w.closeAsIs())
}

// closeAsIs is Close for a store that has failed: it writes nothing.
func (w *walInner) closeAsIs() error { return errors.Join(w.WAL.Close(), w.end.close()) }
