package logstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// A segment is named by its first index. After a header of 32 bytes come
// frames on multiples of 8 bytes: kind(1) zero(3) length(4), the length's bytes
// and padding. A batch of entries ends with a frame of kind 3, whose last four
// bytes are a checksum and not a length. What was not written yet is zero.
const (
	segmentSuffix    = ".wal"
	segmentHeaderLen = 32
	frameHeaderLen   = 8
	frameEntry       = 1
	frameIndex       = 2
	frameCommit      = 3
)

// segments are the paths of a log's segments.
func segments(dir string) ([]string, error) {
	return filepath.Glob(filepath.Join(dir, "*"+segmentSuffix))
}

// inspectTail looks behind the end at which the library took the log up again.
//
// Each batch is on disk before the next is written, so only the one that starts
// right after the end can have been left unfinished. Where there is an entry of
// a later one, something before it was damaged, and what comes after was
// acknowledged: that is a *CorruptError. The rest of an unfinished batch is
// overwritten with zeros, so that it does not pass for a later batch once
// something else was written before it.
func inspectTail(dir string, last uint64) error {
	found, err := segments(dir)
	if err != nil || len(found) == 0 {
		return err
	}
	path := slices.Max(found)
	var base uint64 // of the segment
	if _, err := fmt.Sscanf(filepath.Base(path), "%d-", &base); err != nil {
		return fmt.Errorf("segment %s: %w", path, err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	size := len(b)
	b = written(b)
	end, known := endOfLog(b, base, last)
	if later := laterEntry(b[end:], last); later > 0 {
		return &CorruptError{Path: path, Index: last + 1, Reason: fmt.Sprintf("the log ends before it, and goes on with entry %d", later)}
	}
	if !known || len(bytes.TrimLeft(b[end:], "\x00")) == 0 || b[end] == frameIndex {
		return nil // nothing there, or the segment is full and this is its index
	}
	return clearFrom(path, end, size)
}

// written cuts off the pages at the end of a segment that nothing was written
// to: most of it, most of the time.
func written(b []byte) []byte {
	var zeros [64 << 10]byte
	for len(b) >= len(zeros) && bytes.Equal(b[len(b)-len(zeros):], zeros[:]) {
		b = b[:len(b)-len(zeros)]
	}
	return b
}

// laterEntry finds an entry of a batch that starts after the one right after
// the end; 0 for none.
func laterEntry(b []byte, last uint64) uint64 {
	for at := 0; at+frameHeaderLen <= len(b); at += frameHeaderLen {
		if b[at] != frameEntry {
			continue
		}
		if e, ok := entryAt(b[at:]); ok && e.index > last && e.batch > last+1 {
			return e.index
		}
	}
	return 0
}

// endOfLog is where the batch of the last entry ends. It is not known where
// that entry is damaged; then it is where the segment's frames can be read up
// to.
func endOfLog(b []byte, base, last uint64) (end int, known bool) {
	at := min(segmentHeaderLen, len(b))
	known = base > last // the segment has none of the log's entries yet
	for at+frameHeaderLen <= len(b) {
		e, ok := entryAt(b[at:])
		switch {
		case !ok && b[at] == frameCommit:
			e.size = frameHeaderLen
		case !ok || e.index > last:
			return at, known
		}
		at += e.size
		known = known || e.index == last
	}
	return min(at, len(b)), known
}

// entry is one entry as it lies in a segment.
type entry struct {
	index uint64
	batch uint64 // the first index of its batch
	size  int    // of its frame
}

// entryAt reads the entry whose frame b starts with; false unless it is whole.
func entryAt(b []byte) (entry, bool) {
	if b[0] != frameEntry || b[1]|b[2]|b[3] != 0 {
		return entry{}, false
	}
	length := uint64(binary.LittleEndian.Uint32(b[4:]))
	if frameHeaderLen+length > uint64(len(b)) {
		return entry{}, false
	}
	var outer raft.Log
	record := b[frameHeaderLen : frameHeaderLen+length]
	if guard(func() error { return new(wal.BinaryCodec).Decode(record, &outer) }) != nil {
		return entry{}, false
	}
	batch := outer.Term
	outer.Term = outerTerm
	if verifyLog(outer.Index, &outer) != "" {
		return entry{}, false
	}
	padded := (length + frameHeaderLen - 1) / frameHeaderLen * frameHeaderLen
	return entry{outer.Index, batch, frameHeaderLen + int(padded)}, true //nolint:gosec // within b
}

// clearFrom overwrites the file with zeros from there to its end.
func clearFrom(path string, from, end int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, end-from), int64(from))
	return errors.Join(err, f.Sync(), f.Close())
}
