package fsm

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// filler sets every field to a value that no other field has, so that a field
// forgotten by a walk, or read into another, shows.
type filler struct{ n int64 }

func (f *filler) fill(t testing.TB, v reflect.Value) {
	t.Helper()
	f.n++
	// Enums have few values: not the first, which is also the zero value.
	switch v.Interface().(type) {
	case tree.ChangeMode, tree.PutMode:
		v.SetUint(2)
		return
	case tree.Ratio:
		v.SetUint(math.Float64bits(1.5) + uint64(f.n)) //nolint:gosec // positive
		return
	case tree.UUID:
		v.Set(reflect.ValueOf(uuid(int(f.n))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.fill(t, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			f.fill(t, v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.String:
		v.SetString(strings.Repeat("x", int(f.n%5)) + string(rune('a'+f.n%26)) + string(rune('α'+f.n/26)))
	case reflect.Int, reflect.Int64:
		v.SetInt(1000*f.n - 2000*f.n*(f.n%2)) // every second one negative
	case reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(300 + f.n)) //nolint:gosec // positive
	case reflect.Bool:
		v.SetBool(true)
	default:
		t.Fatalf("how to fill a %s?", v.Type())
	}
}

func filled[T any](t testing.TB) T {
	t.Helper()
	var v T
	(&filler{}).fill(t, reflect.ValueOf(&v).Elem())
	return v
}

// roundTrip checks that what the walk writes it also reads, all of it, and
// nothing else: neither a prefix nor with a byte behind. It returns the bytes.
func roundTrip[T any](t *testing.T, v T, fields func(*codec, *T)) []byte {
	t.Helper()
	w := &codec{}
	fields(w, &v)
	if w.err != nil {
		t.Fatalf("encoding %+v: %v", v, w.err)
	}
	b := w.buf
	var back T
	if err := decodeAll(b, &back, fields); err != nil {
		t.Fatalf("decoding %x of %+v: %v", b, v, err)
	}
	if !reflect.DeepEqual(back, v) {
		t.Fatalf("read %+v, wrote %+v", back, v)
	}
	for n := range b {
		if err := decodeAll(b[:n], new(T), fields); err == nil {
			t.Fatalf("%T: the first %d of %d bytes were taken for a whole", v, n, len(b))
		}
	}
	if err := decodeAll(append(bytes.Clone(b), 0), new(T), fields); err == nil {
		t.Fatalf("%T: a byte behind the end was not noticed", v)
	}
	return b
}

func decodeAll[T any](b []byte, v *T, fields func(*codec, *T)) error {
	c := &codec{buf: b, decoding: true}
	fields(c, v)
	return c.end()
}

func TestPrimitives(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 1<<32 - 1, 1 << 32, math.MaxUint64} {
		roundTrip(t, v, (*codec).uint64)
	}
	for _, v := range []int64{0, 1, -1, 63, -64, 64, math.MaxInt64, math.MinInt64} {
		roundTrip(t, v, (*codec).int64)
		roundTrip(t, tree.Time(v), (*codec).time)
		roundTrip(t, int(v), (*codec).int)
	}
	for _, v := range []uint32{0, 1, math.MaxUint32} {
		roundTrip(t, v, (*codec).uint32)
	}
	for _, v := range []uint16{0, 1, math.MaxUint16} {
		roundTrip(t, v, (*codec).uint16)
	}
	for _, v := range []uint8{0, 255} {
		roundTrip(t, v, (*codec).uint8)
	}
	for _, v := range []bool{false, true} {
		roundTrip(t, v, (*codec).bool)
	}
	for _, v := range []string{"", "a", "\x00\xff not UTF-8", strings.Repeat("x", 300)} {
		roundTrip(t, v, (*codec).string)
	}
	roundTrip(t, uuid(7), (*codec).uuid)
	roundTrip(t, tree.Ref{UUID: uuid(7), Name: "n"}, (*codec).ref)
	roundTrip(t, []byte("x"), (*codec).bytes)
}

func TestOptionalListTellsNoneFromEmpty(t *testing.T) {
	fields := func(c *codec, v **[]string) { optional(c, v, (*codec).string) }
	var none, empty, one *[]string = nil, new([]string), &[]string{"a"}
	seen := map[string]bool{}
	for _, v := range []*[]string{none, empty, one} {
		seen[string(roundTrip(t, v, fields))] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d encodings of three values", len(seen))
	}
}

// TestStrict has bytes that a lenient reader would accept. Whoever accepts two
// encodings of one value can't tell bodies apart by their hash.
func TestStrict(t *testing.T) {
	decoder := func(fields func(*codec)) func([]byte) error {
		return func(b []byte) error {
			c := &codec{buf: b, decoding: true}
			fields(c)
			return c.end()
		}
	}
	number := decoder(func(c *codec) { c.uint64(new(uint64)) })
	signed := decoder(func(c *codec) { c.int64(new(int64)) })
	names := decoder(func(c *codec) { list(c, new([]string), (*codec).string) })
	wide := bytes.Repeat([]byte{0xff}, 9)
	for _, c := range []struct {
		name   string
		decode func([]byte) error
		bytes  []byte
		want   string
	}{
		{"padded zero", number, []byte{0x80, 0}, "shortest"},
		{"padded number", number, []byte{0xff, 0}, "shortest"},
		{"padded to ten bytes", number, append(bytes.Repeat([]byte{0x80}, 9), 0), "shortest"},
		{"padded signed number", signed, []byte{0x81, 0x80, 0}, "shortest"},
		{"65 bits", number, append(bytes.Clone(wide), 2), "64 bits"},
		{"eleven bytes", number, append(bytes.Clone(wide), 0xff, 1), "64 bits"},
		{"padded length", decoder(func(c *codec) { c.string(new(string)) }), []byte{0x81, 0, 'x'}, "shortest"},
		{"padded count", names, []byte{0x80, 0}, "shortest"},
		{"33 bits", decoder(func(c *codec) { c.uint32(new(uint32)) }), []byte{0x80, 0x80, 0x80, 0x80, 0x10}, "32 bits"},
		{"17 bits", decoder(func(c *codec) { c.uint16(new(uint16)) }), []byte{0x80, 0x80, 4}, "16 bits"},
		{"bool of two", decoder(func(c *codec) { c.bool(new(bool)) }), []byte{2}, "unknown value 2"},
		{"enum at its limit", decoder(func(c *codec) { c.enum(new(uint8), 3) }), []byte{3}, "unknown value 3"},
		{"short UUID", decoder(func(c *codec) { c.uuid(new(tree.UUID)) }), make([]byte, 15), "early"},
		{"length over what is left", decoder(func(c *codec) { c.bytes(new([]byte)) }), []byte{2, 'x'}, "early"},
		{"count over what is left", names, []byte{2, 0}, "early"},
		{"nothing", number, nil, "early"},
		{"behind the end", number, []byte{1, 2, 3}, "2 bytes after"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.decode(c.bytes)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%x: error %v, want one with %q", c.bytes, err, c.want)
			}
		})
	}
}

func TestFirstErrorSticks(t *testing.T) {
	c := &codec{buf: []byte{9, 1, 2, 3}, decoding: true}
	first := errors.New("first")
	c.fail(first)
	var n uint64
	var s string
	c.uint64(&n)
	c.string(&s)
	list(c, new([]string), (*codec).string)
	if err := c.end(); !errors.Is(err, first) || n != 0 || s != "" {
		t.Errorf("error %v, read %d and %q", err, n, s)
	}
}

// allocatedBy returns how many bytes f allocates.
func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// allocationFactor is how much more memory than bytes a decoder may take. An
// empty string has one byte and takes 16, an empty command 24; a list that
// grows allocates up to five times that in all.
const allocationFactor = 128

// TestHugeCountsDoNotAllocate gives counts that promise far more than follows.
func TestHugeCountsDoNotAllocate(t *testing.T) {
	count := func(n uint64) []byte {
		c := &codec{}
		c.uint64(&n)
		return c.buf
	}
	populates := func(n uint64, rest int) []byte {
		b := append(make([]byte, 16), 0, 1, 5) // id, no precondition, one Populate
		b = append(b, count(n)...)
		return append(b, bytes.Repeat([]byte{0xff}, rest)...)
	}
	for _, c := range []struct {
		name  string
		bytes []byte
	}{
		{"more than is left", populates(math.MaxUint64, 100)},
		{"preconditions", append(make([]byte, 16), count(1<<40)...)},
		// Each byte that is left might be an element, but the first isn't.
		{"as many as bytes", populates(400_000, 400_000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			var err error
			allocated := allocatedBy(func() { _, err = DecodeCommand(c.bytes) })
			if err == nil {
				t.Fatal("accepted")
			}
			if allocated > 64<<10 {
				t.Errorf("%d bytes were allocated for %d", allocated, len(c.bytes))
			}
		})
	}
}
