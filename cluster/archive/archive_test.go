package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// view is a state with a few providers, and an answer that is remembered.
func view(t testing.TB, providers int) *fsm.View {
	t.Helper()
	m := fsm.New(nil)
	for i := range providers {
		id := tree.UUID{0: 1, 6: 0x70, 8: 0x80, 14: byte(i >> 8), 15: byte(i + 1)}
		command, err := fsm.Command{RequestID: id, Txn: tree.Txn{Ops: []tree.Op{
			tree.CreateProvider{UUID: tree.UUID{15: byte(i + 1), 14: byte(i >> 8), 6: 0x40, 8: 0x80}, Name: fmt.Sprintf("host-%d", i)},
		}}}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		at := tree.Time(1<<40) * 1000
		results, err := m.Apply(uint64(i)+5, fsm.EncodeBatch(at, [][]byte{command}))
		if err != nil || results[0].Refused != nil {
			t.Fatal(err, results)
		}
	}
	return m.View()
}

func archiveOf(t testing.TB, v *fsm.View) ([]byte, Header) {
	t.Helper()
	h := HeaderOf(v)
	h.ClusterID, h.NodeID, h.Term, h.Consistency, h.Program = "c", "n1", 3, "linearizable", "test"
	h.Time = time.Date(2026, 11, 26, 12, 0, 0, 123456000, time.UTC)
	var b bytes.Buffer
	if err := Write(&b, h, v); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), h
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 3, 5000} { // the last has several pieces
		v := view(t, n)
		b, h := archiveOf(t, v)
		digest := v.Digest()
		if n == 5000 && len(b) < 2*pieceBytes {
			t.Fatalf("%d bytes are not two pieces", len(b))
		}
		for name, from := range map[string]io.Reader{
			"at once": bytes.NewReader(b), "byte by byte": iotest.OneByteReader(bytes.NewReader(b)), "with its end": iotest.DataErrReader(bytes.NewReader(b)),
		} {
			c, back, err := Read(from)
			if err != nil {
				t.Fatalf("%d, %s: %v", n, name, err)
			}
			if c.Header != h || c.Bytes != int64(len(b)) || c.Digest != hex.EncodeToString(digest[:]) || back.Digest() != digest || back.Index != v.Index {
				t.Errorf("%d, %s: %+v", n, name, c)
			}
		}
		if c, err := Verify(bytes.NewReader(b)); err != nil || c.Header != h || c.Bytes != int64(len(b)) {
			t.Errorf("%d: %+v, %v", n, c, err)
		}
	}
}

// Wherever an archive ends early, whichever byte differs: it is not whole.
func TestDamage(t *testing.T) {
	b, _ := archiveOf(t, view(t, 3))
	tried := 0
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := Verify(bytes.NewReader(b)); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%s: %v", what, err)
		}
		tried++
		if tried%41 != 0 { // it builds the state each time
			return
		}
		if _, v, err := Read(bytes.NewReader(b)); v != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	some := func(yield func(int) bool) { // all of both ends, and a part of what is between
		for n := range b {
			if (n < 600 || n > len(b)-200 || n%11 == 0) && !yield(n) {
				return
			}
		}
	}
	for n := range some {
		refused(fmt.Sprintf("%d of %d bytes", n, len(b)), b[:n])
	}
	for n := range some {
		harmed := bytes.Clone(b)
		harmed[n] ^= 1 << (n % 8)
		refused(fmt.Sprintf("byte %d", n), harmed)
	}
	refused("one byte more", append(bytes.Clone(b), 0))
	refused("two archives", append(bytes.Clone(b), b...))

	newer := bytes.Clone(b)
	newer[len(magic)] = version + 1
	if _, err := Verify(bytes.NewReader(newer)); !errors.Is(err, ErrVersion) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("a newer version: %v", err)
	}
}

// A header that does not describe the state is found, though all sums fit.
func TestHeaderIsOfTheState(t *testing.T) {
	v := view(t, 3)
	_, h := archiveOf(t, v)
	for what, change := range map[string]func(*Header){
		"index":    func(h *Header) { h.Index++ },
		"revision": func(h *Header) { h.Revision-- }, "number of providers": func(h *Header) { h.Providers++ }, "number of consumers": func(h *Header) { h.Consumers++ },
	} {
		wrong := h
		change(&wrong)
		var b bytes.Buffer
		if err := Write(&b, wrong, v); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Read(&b); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "it says that its state has the "+what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// So is a footer.
func TestFooterIsOfTheState(t *testing.T) {
	v := view(t, 3)
	b, _ := archiveOf(t, v)
	digest := v.Digest()
	wrong := bytes.Replace(b[:len(b)-sha256.Size], []byte(hex.EncodeToString(digest[:])), bytes.Repeat([]byte("0"), 2*sha256.Size), 1)
	sum := sha256.Sum256(wrong)
	wrong = append(wrong, sum[:]...)
	if _, err := Verify(bytes.NewReader(wrong)); err != nil {
		t.Errorf("the sums fit: %v", err)
	}
	if _, v, err := Read(bytes.NewReader(wrong)); v != nil || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "digest 000") {
		t.Errorf("another digest: %v", err)
	}
}

type fullDisk struct{ left int }

var errFull = errors.New("full")

func (d *fullDisk) Write(b []byte) (int, error) {
	if d.left -= len(b); d.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestErrorsOfOthersAreTheirs(t *testing.T) {
	v := view(t, 3)
	b, h := archiveOf(t, v)
	for n := 0; n < len(b); n += 29 {
		if err := Write(&fullDisk{n}, h, v); !errors.Is(err, errFull) {
			t.Fatalf("writing, %d bytes: %v", n, err)
		}
		from := io.MultiReader(bytes.NewReader(b[:n]), iotest.ErrReader(errFull))
		if _, err := Verify(from); !errors.Is(err, errFull) || errors.Is(err, ErrDamaged) {
			t.Fatalf("reading, %d bytes: %v", n, err)
		}
	}
	h.Program = strings.Repeat("x", recordBytesMax)
	if err := Write(io.Discard, h, v); err == nil {
		t.Error("a header over its limit was written")
	}
}

// An archive that is changed while its sums are made to fit must not crash the
// reader, and what it lets pass must be a state that holds.
func FuzzRead(f *testing.F) {
	b, _ := archiveOf(f, view(f, 2))
	f.Add(b[:len(b)-sha256.Size])
	f.Add([]byte(magic + "\x01\x00\x00\x00\x02{}\x00\x00\x00\x00\x00\x00\x00\x02{}"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		sum := sha256.Sum256(b)
		whole := append(bytes.Clone(b), sum[:]...)
		c, v, err := Read(bytes.NewReader(whole))
		if err != nil {
			if v != nil || !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrVersion) {
				t.Fatal(v, err)
			}
			return
		}
		if c.Index != v.Index || c.Bytes != int64(len(whole)) || v.Tree.Check() != nil {
			t.Fatalf("%+v", c)
		}
		if _, err := Verify(bytes.NewReader(whole)); err != nil {
			t.Fatal(err)
		}
	})
}
