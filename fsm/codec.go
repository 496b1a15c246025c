package fsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
)

// codec reads or writes a fixed sequence of fields. The same walk serves both
// directions, so that what is written can always be read: a field method reads
// into its argument when decoding, and appends it when encoding. Encoding never
// writes to its argument: it may be part of a published state, or of a command
// that another goroutine encodes too.
//
// Unsigned numbers are LEB128 varints in their shortest form, signed ones are
// zig-zag varints (both as in encoding/binary), strings have their length
// before them, UUIDs are 16 bytes, lists have their count before them. The
// first error sticks; later calls do nothing.
type codec struct {
	buf      []byte // encoding: what was written; decoding: what is left
	decoding bool
	err      error
	// known, unless nil, has strings that were decoded before: equal ones take
	// no more memory.
	known map[string]string
	// claims, unless nil, is memory for the claims of the operation that is
	// decoded next.
	claims *[]tree.ConsumerClaim
}

const (
	// knownMax bounds known.
	knownMax = 1 << 14
	// knownLenMax is up to how many bytes a string is looked for in known, and
	// so what it can hold at most. Longer ones are seldom equal.
	knownLenMax = 256
)

var errTruncated = errors.New("the bytes end early")

func (c *codec) fail(err error) {
	if c.err == nil {
		c.err = err
	}
	c.buf = nil
}

func (c *codec) uint64(v *uint64) {
	if !c.decoding {
		c.buf = binary.AppendUvarint(c.buf, *v)
		return
	}
	if len(c.buf) > 0 && c.buf[0] < 0x80 { // most are small
		*v, c.buf = uint64(c.buf[0]), c.buf[1:]
		return
	}
	x, n := binary.Uvarint(c.buf)
	switch {
	case n == 0:
		c.fail(errTruncated)
		return
	case n < 0:
		c.fail(errors.New("a number is wider than 64 bits"))
		return
	case n > 1 && c.buf[n-1] == 0:
		c.fail(errors.New("a number is not in its shortest form"))
		return
	}
	*v, c.buf = x, c.buf[n:]
}

func (c *codec) int64(v *int64) {
	u := uint64(*v)<<1 ^ uint64(*v>>63) //nolint:gosec // zig-zag
	c.uint64(&u)
	if c.decoding {
		*v = int64(u>>1) ^ -int64(u&1)
	}
}

func (c *codec) time(v *tree.Time) {
	x := int64(*v)
	c.int64(&x)
	if c.decoding {
		*v = tree.Time(x)
	}
}

func (c *codec) int(v *int) {
	x := int64(*v)
	c.int64(&x)
	if c.decoding {
		*v = int(x)
	}
}

func (c *codec) uint32(v *uint32) {
	x := uint64(*v)
	c.uint64(&x)
	switch {
	case x > 1<<32-1:
		c.fail(errors.New("a number is wider than 32 bits"))
	case c.decoding:
		*v = uint32(x)
	}
}

func (c *codec) uint16(v *uint16) {
	x := uint64(*v)
	c.uint64(&x)
	switch {
	case x > 1<<16-1:
		c.fail(errors.New("a number is wider than 16 bits"))
	case c.decoding:
		*v = uint16(x)
	}
}

func (c *codec) uint8(v *uint8) {
	if !c.decoding {
		c.buf = append(c.buf, *v)
		return
	}
	if len(c.buf) == 0 {
		c.fail(errTruncated)
		return
	}
	*v, c.buf = c.buf[0], c.buf[1:]
}

// enum is a uint8 below limit.
func (c *codec) enum(v *uint8, limit uint8) {
	c.uint8(v)
	if *v >= limit {
		c.fail(fmt.Errorf("unknown value %d", *v))
	}
}

func (c *codec) bool(v *bool) {
	var x uint8
	if *v {
		x = 1
	}
	c.enum(&x, 2)
	if c.decoding {
		*v = x == 1
	}
}

func (c *codec) bytes(v *[]byte) {
	n := uint64(len(*v))
	c.uint64(&n)
	if !c.decoding {
		c.buf = append(c.buf, *v...)
		return
	}
	if n > uint64(len(c.buf)) {
		c.fail(errTruncated)
		return
	}
	*v, c.buf = c.buf[:n:n], c.buf[n:]
}

func (c *codec) string(v *string) {
	if !c.decoding {
		n := uint64(len(*v))
		c.uint64(&n)
		c.buf = append(c.buf, *v...)
		return
	}
	var b []byte
	c.bytes(&b)
	if c.known == nil || len(b) > knownLenMax {
		*v = string(b)
		return
	}
	s, ok := c.known[string(b)]
	if !ok {
		if len(c.known) == knownMax {
			clear(c.known)
		}
		s = string(b)
		c.known[s] = s
	}
	*v = s
}

func (c *codec) fixed(v []byte) {
	if !c.decoding {
		c.buf = append(c.buf, v...)
		return
	}
	if len(v) > len(c.buf) {
		c.fail(errTruncated)
		return
	}
	copy(v, c.buf)
	c.buf = c.buf[len(v):]
}

func (c *codec) uuid(v *tree.UUID) { c.fixed(v[:]) }

func (c *codec) ref(v *tree.Ref) {
	c.uuid(&v.UUID)
	c.string(&v.Name)
}

// listRoom is for how many elements a list is given room before any is read.
// Elements are far larger in memory than the byte each takes at least.
const listRoom = 64

// list walks a list; decoding uses the memory of the one that is there. Every
// element takes at least a byte, so a count over what is left is refused before
// anything is allocated for it.
func list[T any](c *codec, v *[]T, element func(*codec, *T)) {
	n := uint64(len(*v))
	c.uint64(&n)
	if c.err != nil {
		return
	}
	if c.decoding {
		if n > uint64(len(c.buf)) {
			c.fail(errTruncated)
			return
		}
		if *v = (*v)[:0]; n > 0 && cap(*v) == 0 {
			*v = make([]T, 0, min(n, listRoom))
		}
	}
	for i := range int(n) { //nolint:gosec // a length
		if c.decoding {
			*v = append(*v, *new(T))
		}
		element(c, &(*v)[i])
		if c.err != nil {
			return
		}
	}
}

// plainList is list for elements whose walk sets every field. Where it decodes,
// it also uses what memory those have that were there before.
func plainList[T any](c *codec, v *[]T, element func(*codec, *T)) {
	if !c.decoding {
		list(c, v, element)
		return
	}
	n := uint64(0)
	c.uint64(&n)
	if n > uint64(len(c.buf)) {
		c.fail(errTruncated)
	}
	if *v = (*v)[:0]; c.err == nil && n > uint64(cap(*v)) {
		*v = slices.Grow(*v, int(min(n, listRoom)))
	}
	for i := 0; c.err == nil && uint64(i) < n; i++ {
		if i < cap(*v) {
			*v = (*v)[:i+1]
		} else {
			*v = append(*v, *new(T))
		}
		element(c, &(*v)[i])
	}
}

// optional walks a list that may be absent.
func optional[T any](c *codec, v **[]T, element func(*codec, *T)) {
	has := *v != nil
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	if c.decoding {
		*v = new([]T)
	}
	list(c, *v, element)
}

// end refuses bytes after the last field.
func (c *codec) end() error {
	if c.err == nil && c.decoding && len(c.buf) > 0 {
		c.fail(fmt.Errorf("%d bytes after the last field", len(c.buf)))
	}
	return c.err
}
