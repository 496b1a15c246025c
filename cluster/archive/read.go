package archive

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/treenode/treenode/fsm"
)

// Content is what an archive was found to hold.
type Content struct {
	Header
	Footer
	// Bytes is the size of the whole archive.
	Bytes int64 `json:"bytes"`
}

// Verify reads an archive to its end and checks its sums and those of the
// snapshot, without building the state. Its memory does not grow with the
// archive. Errors about the content wrap ErrDamaged or ErrVersion; any other
// is the reader's.
func Verify(from io.Reader) (Content, error) {
	r := newReader(from)
	c, err := r.archive(func(snapshot io.Reader) error {
		sum := fsm.NewSnapshotSum()
		if _, err := io.Copy(sum, snapshot); err != nil {
			return err
		}
		return sum.Check()
	})
	return c, r.explain(err)
}

// Read reads an archive to its end, as Verify does, and returns the state that it
// holds, after checking every invariant of it and that it is what the header says.
func Read(from io.Reader) (Content, *fsm.View, error) {
	r := newReader(from)
	var v *fsm.View
	c, err := r.archive(func(snapshot io.Reader) (err error) {
		v, err = fsm.ReadSnapshot(snapshot)
		return err
	})
	if err == nil {
		err = c.check(v)
	}
	if err != nil {
		return c, nil, r.explain(err)
	}
	return c, v, nil
}

// Is reports whether bytes begin as an archive does.
func Is(begin []byte) bool { return bytes.HasPrefix(begin, []byte(magic)) }

// check compares what is said of the state with the state.
func (c Content) check(v *fsm.View) error {
	if err := v.Tree.Check(); err != nil {
		return err
	}
	is := HeaderOf(v)
	digest := v.Digest()
	for _, of := range []struct{ what, said, is string }{
		{"index", fmt.Sprint(c.Index), fmt.Sprint(is.Index)},
		{"revision", fmt.Sprint(c.Revision), fmt.Sprint(is.Revision)},
		{"number of providers", fmt.Sprint(c.Providers), fmt.Sprint(is.Providers)},
		{"number of consumers", fmt.Sprint(c.Consumers), fmt.Sprint(is.Consumers)},
		{"digest", c.Digest, hex.EncodeToString(digest[:])},
	} {
		if of.said != of.is {
			return fmt.Errorf("it says that its state has the %s %s, and that has %s", of.what, of.said, of.is)
		}
	}
	return nil
}

// reader hashes what it reads, and keeps the first failure of the source.
type reader struct {
	source io.Reader
	in     *bufio.Reader
	sum    hash.Hash
	bytes  int64
	broken error // of the source
}

func newReader(from io.Reader) *reader {
	r := &reader{source: from, sum: sha256.New()}
	r.in = bufio.NewReaderSize(sourceReader{r}, 64<<10)
	return r
}

// sourceReader notes why the source ended, if that was not its end.
type sourceReader struct{ *reader }

// Read implements io.Reader.
func (s sourceReader) Read(b []byte) (int, error) {
	n, err := s.source.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		s.broken = err
	}
	return n, err
}

// explain tells an archive that is not whole from one that could not be read.
func (r *reader) explain(err error) error {
	switch {
	case err == nil, errors.Is(err, ErrVersion):
		return err
	case r.broken != nil:
		return fmt.Errorf("reading the archive: %w", r.broken)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends after %d bytes, before its end", ErrDamaged, r.bytes)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func (r *reader) full(b []byte) error {
	n, err := io.ReadFull(r.in, b)
	r.bytes += int64(n)
	r.sum.Write(b[:n])
	return err
}

func (r *reader) length(what string, most uint32) (uint32, error) {
	var b [4]byte
	if err := r.full(b[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(b[:])
	if n > most {
		return 0, fmt.Errorf("its %s has %d bytes, over the limit of %d", what, n, most)
	}
	return n, nil
}

func (r *reader) record(what string, into any) error {
	n, err := r.length(what, recordBytesMax)
	if err != nil {
		return err
	}
	b := make([]byte, n)
	if err := r.full(b); err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("its %s can't be read: %w", what, err)
	}
	return nil
}

// archive reads all of it. Take reads the snapshot to its end.
func (r *reader) archive(take func(snapshot io.Reader) error) (Content, error) {
	var c Content
	begin := make([]byte, len(magic)+1)
	if err := r.full(begin[:len(magic)]); err != nil {
		return c, err
	}
	if !Is(begin) {
		return c, errors.New("it does not begin as one")
	}
	if err := r.full(begin[len(magic):]); err != nil {
		return c, err
	}
	if v := begin[len(magic)]; v != version {
		return c, fmt.Errorf("%w: version %d, not %d", ErrVersion, v, version)
	}
	if err := r.record("header", &c.Header); err != nil {
		return c, err
	}
	p := &pieceReader{r: r}
	if err := take(p); err != nil {
		return c, err
	}
	if !p.ended {
		return c, errors.New("bytes follow the snapshot's end")
	}
	if err := r.record("footer", &c.Footer); err != nil {
		return c, err
	}
	if c.SnapshotBytes != p.bytes {
		return c, fmt.Errorf("its snapshot has %d bytes, and its footer says %d", p.bytes, c.SnapshotBytes)
	}
	want := r.sum.Sum(nil)
	have := make([]byte, sha256.Size)
	if err := r.full(have); err != nil {
		return c, err
	}
	if !bytes.Equal(want, have) {
		return c, errors.New("its SHA-256 is not the one that it ends with")
	}
	c.Bytes = r.bytes
	switch _, err := r.in.ReadByte(); {
	case err == nil:
		return c, errors.New("bytes follow its end")
	case !errors.Is(err, io.EOF):
		return c, err
	}
	return c, nil
}

// pieceReader reads the snapshot in an archive.
type pieceReader struct {
	r     *reader
	left  uint32 // of the piece
	bytes int64
	ended bool
}

// Read implements io.Reader. Where the archive ends before the snapshot does, the
// error is io.ErrUnexpectedEOF.
func (p *pieceReader) Read(b []byte) (int, error) {
	if p.ended {
		return 0, io.EOF
	}
	if p.left == 0 {
		n, err := p.r.length("snapshot's piece", pieceBytesMax)
		switch {
		case errors.Is(err, io.EOF):
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case n == 0:
			p.ended = true
			return 0, io.EOF
		}
		p.left = n
	}
	n, err := p.r.in.Read(b[:min(uint32(min(len(b), pieceBytesMax)), p.left)])
	p.r.sum.Write(b[:n])
	p.r.bytes += int64(n)
	p.bytes += int64(n)
	p.left -= uint32(n) //nolint:gosec // at most left
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
