package logstore

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"go.etcd.io/bbolt"
)

// Pages 0 and 1 of the file each hold a meta record after the page's header,
// in the machine's byte order: magic(4) version(4) pageSize(4) flags(4)
// rootPage(8) sequence(8) freelistPage(8) pagesEnd(8) transaction(8)
// checksum(8).
const (
	pageHeaderLen   = 16
	metaLen         = 64
	metaMagic       = 0xED0CDAED
	metaVersion     = 2
	metaPageSize    = 8
	metaRoot        = 16
	metaPagesEnd    = 40
	metaTransaction = 48
	metaChecksum    = 56
	pageSizeMin     = 512
	pageSizeMax     = 64 << 10
)

// meta is what inspect needs of a meta record.
type meta struct {
	pageSize, root, pagesEnd, transaction uint64
}

// inspect checks the structure of an existing file without writing to it. The
// library does so only in part when it opens a file, and ends the process at
// some of the damage that it meets; so this reads the file format itself. It
// does not verify the values: they are verified when they are read.
func inspect(path string, buckets bucketVisits) error {
	// The library's shared lock keeps a writer away meanwhile. Opened for
	// reading it looks at the meta pages only.
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(path, fileMode, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
		return err
	})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // opened for reading only
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return inspectFile(f, path, buckets)
}

func inspectFile(f io.ReaderAt, path string, buckets bucketVisits) error {
	m, err := inspectMetas(f, path)
	if err != nil {
		return err
	}
	w := &walk{f: f, path: path, meta: m, buckets: buckets, seen: map[uint64]bool{}}
	return w.tree(m.root, w.bucket)
}

// inspectMetas checks that both meta records are whole and returns the newer.
// The library is content with one, and takes an older state for the newest if
// that one is the older.
func inspectMetas(f io.ReaderAt, path string) (meta, error) {
	zero, err := inspectMeta(f, path, 0, 0)
	if err != nil {
		return meta{}, err
	}
	one, err := inspectMeta(f, path, 1, zero.pageSize)
	if err != nil {
		return meta{}, err
	}
	if one.transaction > zero.transaction {
		return one, nil
	}
	return zero, nil
}

func inspectMeta(f io.ReaderAt, path string, page, offset uint64) (meta, error) {
	var b [metaLen]byte
	if err := readAt(f, b[:], offset+pageHeaderLen); err != nil {
		return meta{}, &CorruptError{Path: path, Reason: fmt.Sprintf("meta page %d can't be read", page), Err: err}
	}
	sum := fnv.New64a()
	sum.Write(b[:metaChecksum])
	u64 := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
	m := meta{
		pageSize:    uint64(binary.NativeEndian.Uint32(b[metaPageSize:])),
		root:        u64(metaRoot),
		pagesEnd:    u64(metaPagesEnd),
		transaction: u64(metaTransaction),
	}
	if binary.NativeEndian.Uint32(b[:]) != metaMagic || binary.NativeEndian.Uint32(b[4:]) != metaVersion ||
		u64(metaChecksum) != sum.Sum64() || m.pageSize < pageSizeMin || m.pageSize > pageSizeMax {
		return meta{}, &CorruptError{Path: path, Reason: fmt.Sprintf("meta page %d fails its checksum: the last write may be lost", page)}
	}
	return m, nil
}

// readAt fills b from an offset that may be any number.
func readAt(f io.ReaderAt, b []byte, offset uint64) error {
	const offsetMax = 1 << 62
	if offset > offsetMax {
		return io.ErrUnexpectedEOF
	}
	n, err := f.ReadAt(b, int64(offset))
	if n == len(b) {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
