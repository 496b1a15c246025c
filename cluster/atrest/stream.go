package atrest

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A sealed stream is a header and chunks:
//
//	magic(16) version(1) id(8) nameLen(1) name salt(32) crc32c(4)
//
// The checksum covers all before it: a damaged header must not pass for one of
// another key. Each chunk is chunkLen bytes and their tag, the last one fewer; it
// is empty only where the whole stream is.
const (
	streamMagic   = "treenode sealed\n"
	streamVersion = 1
	saltLen       = 32
	chunkLen      = 64 << 10
	streamFixed   = len(streamMagic) + 1 + IDLen + 1
	// StreamHeadMax is how many bytes a stream's header has at most.
	StreamHeadMax = streamFixed + NameLenMax + saltLen + crc32.Size
	nonceLast     = 11 // the byte of a chunk's nonce that says that it is the last
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errHeader is a header that is damaged.
var errHeader = errors.New("the header of what is encrypted is damaged")

// chunks seals or opens the chunks of a stream one by one.
type chunks struct {
	aead  cipher.AEAD
	next  uint64
	ended bool
}

func (k *Key) chunks(header []byte, context string) (*chunks, error) {
	salt := header[len(header)-crc32.Size-saltLen : len(header)-crc32.Size]
	fixed := header[:len(header)-crc32.Size-saltLen]
	key, err := k.derive(salt, fmt.Sprintf("stream, header %x, context %s", fixed, context), KeyLen)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &chunks{aead: aead}, err
}

// nonce is that of the next chunk.
func (c *chunks) nonce(last bool) []byte {
	nonce := make([]byte, nonceLast+1)
	binary.BigEndian.PutUint64(nonce[nonceLast-8:], c.next)
	if last {
		nonce[nonceLast] = 1
	}
	c.next, c.ended = c.next+1, last
	return nonce
}

// Writer seals what is written to it. It is for one goroutine at a time.
type Writer struct {
	to     io.Writer
	chunks *chunks
	buf    []byte // what waits for its chunk to be full; room for the tag
	err    error
}

// NewWriter begins a sealed stream on w, bound to a context that its reader has
// to give as well. Nothing is whole before Close.
func NewWriter(w io.Writer, k *Key, context string) (*Writer, error) {
	header := append(make([]byte, 0, StreamHeadMax), streamMagic...)
	header = append(append(header, streamVersion), k.ref.ID[:]...)
	header = append(append(header, byte(len(k.ref.Name))), k.ref.Name...) //nolint:gosec // at most NameLenMax
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // it ends the process rather than fail
	header = append(header, salt...)
	header = binary.BigEndian.AppendUint32(header, crc32.Checksum(header, castagnoli))
	c, err := k.chunks(header, context)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(header); err != nil {
		return nil, err
	}
	return &Writer{to: w, chunks: c, buf: make([]byte, 0, chunkLen+tagLen)}, nil
}

// Write implements io.Writer. A chunk that is full waits for what follows: it may
// be the last.
func (w *Writer) Write(b []byte) (n int, err error) {
	if w.chunks.ended && w.err == nil {
		w.err = errors.New("the stream is closed")
	}
	for len(b) > 0 {
		if len(w.buf) == chunkLen {
			w.flush(false)
		}
		if w.err != nil {
			return n, w.err
		}
		m := min(len(b), chunkLen-len(w.buf))
		w.buf = append(w.buf, b[:m]...)
		b, n = b[m:], n+m
	}
	return n, w.err
}

func (w *Writer) flush(last bool) {
	if w.err != nil {
		return
	}
	_, w.err = w.to.Write(w.chunks.aead.Seal(w.buf[:0], w.chunks.nonce(last), w.buf, nil))
	w.buf = w.buf[:0]
}

// Close writes the last chunk. It leaves the writer below open.
func (w *Writer) Close() error {
	if !w.chunks.ended {
		w.flush(true)
	}
	return w.err
}

// StreamHead reads what a stream begins with. Sealed is false where it is none,
// and ref names its key where it is one. The error is a header that is damaged.
// Head are the first StreamHeadMax bytes of the stream, fewer where it is shorter.
func StreamHead(head []byte) (ref Ref, size int, sealed bool, err error) {
	if !bytes.HasPrefix(head, []byte(streamMagic)) {
		return Ref{}, 0, false, nil
	}
	if len(head) < streamFixed {
		return Ref{}, 0, true, errHeader
	}
	name := int(head[streamFixed-1])
	size = streamFixed + name + saltLen + crc32.Size
	if name > NameLenMax || size > len(head) {
		return Ref{}, 0, true, errHeader
	}
	sum := head[size-crc32.Size : size]
	if binary.BigEndian.Uint32(sum) != crc32.Checksum(head[:size-crc32.Size], castagnoli) {
		return Ref{}, 0, true, errHeader
	}
	if v := head[len(streamMagic)]; v != streamVersion {
		return Ref{}, 0, true, fmt.Errorf("what is encrypted has format %d, this program reads %d", v, streamVersion)
	}
	id := ID(head[len(streamMagic)+1:][:IDLen])
	return Ref{Name: string(head[streamFixed : streamFixed+name]), ID: id}, size, true, nil
}

// Reader opens a sealed stream. It is for one goroutine at a time.
type Reader struct {
	from   io.Reader
	header int64 // its length
	chunks *chunks
	sealed []byte // the next chunk as it is sealed, and one byte of what follows
	have   int    // of sealed
	opened []byte // where a chunk is opened
	plain  []byte // what of it was not read yet
	err    error
}

// Open reads a stream that may be sealed: with NewReader, or as it is.
func Open(r io.Reader, keys *Keys, context string) (io.Reader, error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(len(streamMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.HasPrefix(head, []byte(streamMagic)) {
		return b, nil
	}
	return NewReader(b, keys, context)
}

// NewReader opens a stream that was written with one of the keys and for the same
// context. The error is a *MissingKeyError, or says that it is no such stream.
func NewReader(r io.Reader, keys *Keys, context string) (*Reader, error) {
	head := make([]byte, StreamHeadMax)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	ref, size, sealed, err := StreamHead(head[:n])
	switch {
	case err != nil:
		return nil, err
	case !sealed:
		return nil, errors.New("it is not encrypted")
	}
	if err := keys.Need("", ref); err != nil {
		return nil, err
	}
	c, err := keys.Find(ref.ID).chunks(head[:size], context)
	if err != nil {
		return nil, err
	}
	return &Reader{
		from: io.MultiReader(bytes.NewReader(head[size:n]), r), header: int64(size), chunks: c, sealed: make([]byte, chunkLen+tagLen+1), opened: make([]byte, 0, chunkLen),
	}, nil
}

// Read implements io.Reader. It gives nothing that is not authentic; an error that
// is ErrForged says that what comes next is not, or is missing.
func (r *Reader) Read(b []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.err != nil {
			return 0, r.err
		}
		r.open()
	}
	n := copy(b, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// PlainSize is how many bytes the whole stream has once it is opened, given how
// many it has sealed. False where no stream has that size.
func (r *Reader) PlainSize(size int64) (int64, bool) {
	sealed := size - r.header
	if sealed < tagLen {
		return 0, false
	}
	n := (sealed + chunkLen + tagLen - 1) / (chunkLen + tagLen)
	plain := sealed - n*tagLen
	return plain, n == 1 || plain > (n-1)*chunkLen
}

// open opens the next chunk. It is the last if nothing follows.
func (r *Reader) open() {
	if r.chunks.ended {
		r.err = io.EOF
		return
	}
	n, err := io.ReadFull(r.from, r.sealed[r.have:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		r.err = err
		return
	}
	have := r.have + n
	last := have < len(r.sealed)
	chunk := r.sealed[:min(have, chunkLen+tagLen)]
	r.plain, err = r.chunks.aead.Open(r.opened[:0], r.chunks.nonce(last), chunk, nil)
	if err != nil || len(r.plain) == 0 && r.chunks.next > 1 {
		r.plain, r.err = nil, fmt.Errorf("chunk %d: %w", r.chunks.next-1, ErrForged)
		return
	}
	if !last {
		r.sealed[0], r.have = r.sealed[chunkLen+tagLen], 1
	}
}
