package logstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// A page is id(8) flags(2) count(2) overflow(4), then count elements of 16
// bytes, then the elements' keys and values without gaps, in order. It spans
// 1+overflow page sizes. An element of a branch is position(4) keyLen(4)
// page(8), of a leaf flags(4) position(4) keyLen(4) valueLen(4); the position
// counts from the element's own start. A bucket is a leaf element of the root
// tree whose value starts with rootPage(8) sequence(8); with root page 0 the
// bucket's only page follows right there.
const (
	elementLen       = 16
	bucketLen        = 16
	pageBranch       = 1
	pageLeaf         = 2
	elementBucket    = 1
	treeDepthMax     = 64
	bucketNameLogs   = "logs"
	bucketNameStable = "conf"
)

// walk visits the pages that are in use.
type walk struct {
	f    io.ReaderAt
	path string
	meta meta
	// buckets are those that the file has, and what is checked of each element.
	buckets bucketVisits
	seen    map[uint64]bool
	last    uint64 // the last index of the log met so far
}

// bucketVisits maps the names of a file's buckets to what looks at an element.
type bucketVisits map[string]func(*walk, element) error

// boltBuckets are the buckets of raft-boltdb.
var boltBuckets = bucketVisits{bucketNameLogs: (*walk).logEntry, bucketNameStable: (*walk).stableValue}

// element is one element of a leaf. Its value is at an offset of the file.
type element struct {
	key      []byte
	bucket   bool
	at, size uint64
}

// page is one page, its start read.
type page struct {
	id       uint64
	at, size uint64
	head     []byte // as much as is read, from at on
}

func (w *walk) corrupt(id uint64, format string, args ...any) error {
	return &CorruptError{Path: w.path, Reason: fmt.Sprintf("page %d: ", id) + fmt.Sprintf(format, args...)}
}

// tree visits every leaf element of the tree with the given root page.
func (w *walk) tree(root uint64, visit func(element) error) error {
	return w.page(root, 0, nil, nil, visit)
}

// page visits a page and those below it. All keys must be at least lo and
// below hi; nil means no bound.
func (w *walk) page(id uint64, depth int, lo, hi []byte, visit func(element) error) error {
	p, err := w.load(id)
	if err != nil {
		return err
	}
	if depth > treeDepthMax {
		return w.corrupt(id, "it is more than %d pages deep", treeDepthMax)
	}
	if binary.NativeEndian.Uint16(p.head[8:]) == pageLeaf {
		return w.leaf(p, lo, hi, visit)
	}
	keys, children, err := w.branch(p)
	if err != nil {
		return err
	}
	if err := w.ordered(p, keys, lo, hi); err != nil {
		return err
	}
	for i, child := range children {
		end := hi
		if i+1 < len(keys) {
			end = keys[i+1]
		}
		if err := w.page(child, depth+1, keys[i], end, visit); err != nil {
			return err
		}
	}
	return nil
}

// load reads the start of a page and notes that it is in use.
func (w *walk) load(id uint64) (page, error) {
	if id < 2 || id >= w.meta.pagesEnd {
		return page{}, w.corrupt(id, "it is outside of the file's %d pages", w.meta.pagesEnd)
	}
	head := make([]byte, w.meta.pageSize)
	at := id * w.meta.pageSize
	if err := readAt(w.f, head, at); err != nil {
		return page{}, &CorruptError{Path: w.path, Reason: fmt.Sprintf("page %d can't be read", id), Err: err}
	}
	if own := binary.NativeEndian.Uint64(head); own != id {
		return page{}, w.corrupt(id, "it says that it is page %d", own)
	}
	if flags := binary.NativeEndian.Uint16(head[8:]); flags != pageBranch && flags != pageLeaf {
		return page{}, w.corrupt(id, "its kind is %#x, neither branch nor leaf", flags)
	}
	span := 1 + uint64(binary.NativeEndian.Uint32(head[12:]))
	if span > w.meta.pagesEnd-id {
		return page{}, w.corrupt(id, "it spans %d pages, beyond the file's %d", span, w.meta.pagesEnd)
	}
	for i := range span {
		if w.seen[id+i] {
			return page{}, w.corrupt(id+i, "it is in use twice")
		}
		w.seen[id+i] = true
	}
	return page{id: id, at: at, size: span * w.meta.pageSize, head: head}, nil
}

// read returns n bytes of a page.
func (w *walk) read(p page, offset, n uint64) ([]byte, error) {
	if offset > p.size || n > p.size-offset {
		return nil, w.corrupt(p.id, "an element reaches beyond its end")
	}
	if offset+n <= uint64(len(p.head)) {
		return p.head[offset : offset+n], nil
	}
	b := make([]byte, n)
	if err := readAt(w.f, b, p.at+offset); err != nil {
		return nil, &CorruptError{Path: w.path, Reason: fmt.Sprintf("page %d can't be read", p.id), Err: err}
	}
	return b, nil
}

// elements reads the array of elements. The first key is right behind it.
func (w *walk) elements(p page) (array []byte, first uint64, err error) {
	size := uint64(binary.NativeEndian.Uint16(p.head[10:])) * elementLen
	array, err = w.read(p, pageHeaderLen, size)
	return array, pageHeaderLen + size, err
}

func (w *walk) branch(p page) (keys [][]byte, children []uint64, err error) {
	array, next, err := w.elements(p)
	if err != nil {
		return nil, nil, err
	}
	if len(array) == 0 {
		return nil, nil, w.corrupt(p.id, "it is a branch without children")
	}
	for at := 0; at < len(array); at += elementLen {
		position := binary.NativeEndian.Uint32(array[at:])
		keyLen := uint64(binary.NativeEndian.Uint32(array[at+4:]))
		if pageHeaderLen+uint64(at)+uint64(position) != next {
			return nil, nil, w.corrupt(p.id, "element %d is not where the one before ends", at/elementLen)
		}
		key, err := w.read(p, next, keyLen)
		if err != nil {
			return nil, nil, err
		}
		next += keyLen
		keys = append(keys, key)
		children = append(children, binary.NativeEndian.Uint64(array[at+8:]))
	}
	return keys, children, nil
}

func (w *walk) leaf(p page, lo, hi []byte, visit func(element) error) error {
	array, next, err := w.elements(p)
	if err != nil {
		return err
	}
	var keys [][]byte
	var found []element
	for at := 0; at < len(array); at += elementLen {
		flags := binary.NativeEndian.Uint32(array[at:])
		position := binary.NativeEndian.Uint32(array[at+4:])
		keyLen := uint64(binary.NativeEndian.Uint32(array[at+8:]))
		valueLen := uint64(binary.NativeEndian.Uint32(array[at+12:]))
		if pageHeaderLen+uint64(at)+uint64(position) != next || flags&^elementBucket != 0 {
			return w.corrupt(p.id, "element %d is not where the one before ends", at/elementLen)
		}
		key, err := w.read(p, next, keyLen)
		if err != nil {
			return err
		}
		next += keyLen
		if next > p.size || valueLen > p.size-next {
			return w.corrupt(p.id, "a value reaches beyond its end")
		}
		keys = append(keys, key)
		found = append(found, element{key: key, bucket: flags == elementBucket, at: p.at + next, size: valueLen})
		next += valueLen
	}
	if err := w.ordered(p, keys, lo, hi); err != nil {
		return err
	}
	for _, e := range found {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) ordered(p page, keys [][]byte, lo, hi []byte) error {
	for i, key := range keys {
		switch {
		case len(key) == 0,
			i > 0 && bytes.Compare(keys[i-1], key) >= 0,
			lo != nil && bytes.Compare(key, lo) < 0,
			hi != nil && bytes.Compare(key, hi) >= 0:
			return w.corrupt(p.id, "key %d is out of order", i)
		}
	}
	return nil
}

// bucket visits a bucket, given its element of the root tree.
func (w *walk) bucket(e element) error {
	name := string(e.key)
	of, known := w.buckets[name]
	switch {
	case !e.bucket:
		return &CorruptError{Path: w.path, Reason: fmt.Sprintf("%q is no bucket", name)}
	case !known:
		return &CorruptError{Path: w.path, Reason: fmt.Sprintf("there is a bucket %q", name)}
	}
	visit := func(e element) error { return of(w, e) }
	var b [bucketLen + pageHeaderLen]byte
	header := b[:min(uint64(len(b)), e.size)]
	if err := readAt(w.f, header, e.at); err != nil || len(header) < bucketLen {
		return &CorruptError{Path: w.path, Reason: fmt.Sprintf("bucket %q has %d bytes", name, e.size), Err: err}
	}
	root := binary.NativeEndian.Uint64(header)
	if root != 0 {
		return w.tree(root, visit)
	}
	if len(header) < len(b) || binary.NativeEndian.Uint16(b[bucketLen+8:]) != pageLeaf {
		return &CorruptError{Path: w.path, Reason: fmt.Sprintf("bucket %q has no page", name)}
	}
	return w.leaf(page{at: e.at + bucketLen, size: e.size - bucketLen, head: b[bucketLen:]}, nil, nil, visit)
}

// logEntry checks that the log's keys are a run of indexes without gaps.
func (w *walk) logEntry(e element) error {
	if e.bucket || len(e.key) != 8 {
		return &CorruptError{Path: w.path, Reason: fmt.Sprintf("the log has an index of %d bytes", len(e.key))}
	}
	index := binary.BigEndian.Uint64(e.key)
	if index == 0 || w.last != 0 && index != w.last+1 {
		return &CorruptError{Path: w.path, Index: w.last + 1, Reason: fmt.Sprintf("it is missing, entry %d is next", index)}
	}
	w.last = index
	return nil
}

func (w *walk) stableValue(e element) error {
	if e.bucket {
		return &CorruptError{Path: w.path, Reason: "the stable values have a bucket among them"}
	}
	return nil
}
