package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// wound is damage done to one file.
type wound struct {
	what string // in words
	file string // below the data directory; empty where there was none to damage
	// index is the entry, or that of the snapshot, if it is known.
	index uint64
	// used is whether the node can't do without what was damaged, or will read it
	// at least.
	used bool
	// up is whether the node ran.
	up bool
}

// injure damages a file.
type injure func(r *run, path string) (wound, error)

func isSnapshot(path string) bool {
	return strings.HasPrefix(path, "snapshots") && !strings.Contains(path, ".tmp")
}

func isLog(path string) bool {
	return !strings.HasPrefix(path, "snapshots") && (strings.HasSuffix(path, ".wal") || strings.HasSuffix(path, ".bolt") || strings.HasSuffix(path, "raft.db"))
}

func isMetadata(path string) bool {
	return !strings.HasPrefix(path, "snapshots") && !isLog(path)
}

// isKept is the metadata that a node could not write anew from what it knows.
func isKept(path string) bool {
	return path == identityFile || filepath.Base(path) == "wal-meta.db"
}

// snapshotIndex is the index of the snapshot that a file is of, or 0.
func snapshotIndex(path string) (index uint64) {
	var term uint64
	if _, err := fmt.Sscanf(filepath.Base(filepath.Dir(path)), "%d-%d-", &term, &index); err != nil {
		return 0
	}
	return index
}

// regularFiles lists the files that a node works with, as paths below its
// directory.
func regularFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), asidePrefix) {
			return fs.SkipDir
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		below, err := filepath.Rel(dir, path)
		files = append(files, below)
		return err
	})
	return files, err
}

// entry is where an entry's sealed record lies in a file of the log.
type entry struct {
	index    uint64
	from, to int
}

// Frames of a file of the log: kind(1) zero(3) length(4), the bytes, padding.
const (
	fileHeaderBytes  = 32
	frameHeaderBytes = 8
	entryFrame       = 1
	commitFrame      = 3
)

// entriesOf reads the frames of a file of the log, and where its batches end.
func entriesOf(path string, b []byte) (entries []entry, batches []int) {
	var next uint64
	if _, err := fmt.Sscanf(filepath.Base(path), "%d-", &next); err != nil {
		return nil, nil
	}
	for at := fileHeaderBytes; at+frameHeaderBytes <= len(b); {
		length := int(binary.LittleEndian.Uint32(b[at+4:]))
		record := at + frameHeaderBytes
		switch {
		case b[at] == commitFrame:
			at = record
			batches = append(batches, at)
			continue
		case b[at] != entryFrame || record+length > len(b):
			return entries, batches
		}
		// The record is index, term, kind and length of what is sealed, and that.
		var head [4]uint64
		from := record
		for i := range head {
			var n int
			if head[i], n = binary.Uvarint(b[from:]); n <= 0 {
				return entries, batches
			}
			from += n
		}
		to := from + int(head[3]) //nolint:gosec // compared with the frame's end below
		if head[0] != next || to < from || to > record+length {
			return entries, batches
		}
		entries = append(entries, entry{next, from, to})
		next++
		at = record + (length+frameHeaderBytes-1)/frameHeaderBytes*frameHeaderBytes
	}
	return entries, batches
}

// flipEntry flips bits of one entry of the log. The newest quarter is left alone:
// another leader may take some of it back, so that nobody would miss it.
func flipEntry(r *run, path string) (wound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return wound{}, err
	}
	entries, _ := entriesOf(path, b)
	if entries = entries[:(len(entries)+1)*3/4]; len(entries) == 0 {
		return flip(r, path)
	}
	e := entries[r.r.IntN(len(entries))]
	w, err := flipIn(r, path, b, e.from, e.to)
	w.index, w.used = e.index, true
	w.what += fmt.Sprintf(" entry %d of", e.index)
	return w, err
}

// flip flips bits of what is written of a file.
func flip(r *run, path string) (wound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return wound{}, err
	}
	used := len(writtenOf(b))
	if used == 0 {
		return wound{what: "nothing to flip in"}, nil
	}
	return flipIn(r, path, b, 0, used)
}

// flipIn flips one to three bits of a part of a file.
func flipIn(r *run, path string, b []byte, from, to int) (wound, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return wound{}, err
	}
	did := "flipped"
	for _, at := range r.r.Perm(to - from)[:min(1+r.r.IntN(3), to-from)] {
		at, bit := from+at, r.r.IntN(8)
		b[at] ^= 1 << bit
		if _, err := f.WriteAt(b[at:at+1], int64(at)); err != nil {
			return wound{}, errors.Join(err, f.Close())
		}
		did += fmt.Sprintf(" bit %d of byte %d,", bit, at)
	}
	return wound{what: fmt.Sprintf("%s of %d used, in", did, len(writtenOf(b)))}, f.Close()
}

// writtenOf is a file's content without the room that a log has taken for later.
func writtenOf(b []byte) []byte { return bytes.TrimRight(b, "\x00") }

// truncate cuts off the end of what is written of a file. The last batch of a log
// may not have been acknowledged to anybody, those before it were.
func truncate(r *run, path string) (wound, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return wound{}, err
	}
	used := len(writtenOf(b))
	left := r.r.IntN(max(used, 1))
	w := wound{what: fmt.Sprintf("%d bytes left of %d used, of", left, used)}
	if _, batches := entriesOf(path, b); len(batches) > 1 {
		w.used = left < batches[len(batches)-2]
	}
	return w, os.Truncate(path, int64(left))
}

func remove(_ *run, path string) (wound, error) {
	return wound{what: "deleted", used: strings.HasSuffix(path, ".wal")}, os.Remove(path)
}
