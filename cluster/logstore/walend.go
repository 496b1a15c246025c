package logstore

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// endFile is the name of the file with the end mark.
const endFile = "end"

// endMark is the index of the last entry that was flushed, in a file of its
// own that is not flushed after each: so it costs a system call and not the
// time of a disk. It outlives the process and not always a power cut, after
// which it may be that of an earlier entry; never that of a later one.
//
// It is sealed as stable values are.
type endMark struct {
	f     *os.File
	index uint64 // as it is written
}

// endMarkKey is what the mark's checksum counts in.
var endMarkKey = []byte(endFile)

const endMarkLen = valueHeaderLen + 8

// openEndMark opens the mark of a log, or makes one that says nothing. So does
// one that can't be read: a power cut may have met it.
func openEndMark(dir string) (*endMark, error) {
	path := filepath.Join(dir, endFile)
	_, err := os.Lstat(path)
	created := errors.Is(err, os.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	m := &endMark{f: f}
	var b [endMarkLen]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, f.Close())
	}
	if value, reason := openValue(endMarkKey, b[:]); reason == "" {
		m.index = binary.BigEndian.Uint64(value)
	}
	if created { // its block too: later writes need no room on the disk
		m.index = 1
		if err := errors.Join(m.lower(0), syncDir(dir)); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	return m, nil
}

// set says that the log is on disk up to index.
func (m *endMark) set(index uint64) error {
	if index == m.index {
		return nil
	}
	b := sealValue(endMarkKey, binary.BigEndian.AppendUint64(nil, index))
	if _, err := m.f.WriteAt(b, 0); err != nil {
		return err
	}
	m.index = index
	return nil
}

// lower is set for entries that are about to be deleted: that has to be known
// before, also after a power cut.
func (m *endMark) lower(index uint64) error {
	if index >= m.index {
		return nil
	}
	if err := m.set(index); err != nil {
		return err
	}
	return m.f.Sync()
}

func (m *endMark) close() error { return m.f.Close() }
