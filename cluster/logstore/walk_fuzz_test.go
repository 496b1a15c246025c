package logstore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// FuzzInspect overwrites a part of a good file behind its two meta pages, which
// have a checksum, and expects a verdict.
func FuzzInspect(f *testing.F) {
	path := filepath.Join(f.TempDir(), "raft.db")
	s, err := Open(path, Options{})
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(s.StoreLogs(run(1, 600)), s.SetUint64([]byte("k"), 1), s.Close()); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	if err := inspectFile(bytes.NewReader(good), path, boltBuckets); err != nil {
		f.Fatal(err)
	}
	pageSize := os.Getpagesize()
	for page := 2; page < 30; page++ {
		f.Add(uint32(page*pageSize), []byte{0xff})
		f.Add(uint32(page*pageSize+8), []byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
		f.Add(uint32(page*pageSize+16), bytes.Repeat([]byte{0xff}, 16))
		f.Add(uint32(page*pageSize+24), []byte{0, 0, 0, 1})
	}
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		offset := 2*pageSize + int(at)%(len(good)-2*pageSize)
		bad := bytes.Clone(good)
		copy(bad[offset:], with)
		if err := inspectFile(bytes.NewReader(bad), path, boltBuckets); err != nil && !errors.As(err, new(*CorruptError)) {
			t.Errorf("%T: %v", err, err)
		}
	})
}
