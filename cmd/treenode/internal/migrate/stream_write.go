package migrate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
)

// WriteStream writes the contents, which are arranged, as a stream. The same
// contents at the same state give the same bytes.
func WriteStream(to io.Writer, c *Contents, at At) error {
	w := &streamWriter{to: bufio.NewWriterSize(to, 1<<20), sum: sha256.New()}
	w.line(line{Header: &Header{formatName, formatVersion, at}})
	for _, name := range c.ResourceClasses {
		w.line(line{ResourceClass: &name})
	}
	for _, name := range c.Traits {
		w.line(line{Trait: &name})
	}
	for i := range c.Providers {
		w.line(line{Provider: &c.Providers[i]})
	}
	for i := range c.Consumers {
		w.line(line{Consumer: &c.Consumers[i]})
	}
	w.line(line{Footer: &Footer{
		len(c.ResourceClasses), len(c.Traits), len(c.Providers), len(c.Consumers), hex.EncodeToString(w.sum.Sum(nil)),
	}})
	if w.err != nil {
		return w.err
	}
	return w.to.Flush()
}

type streamWriter struct {
	to    *bufio.Writer
	sum   hash.Hash
	lines int
	buf   bytes.Buffer
	err   error // the first one; nothing is written after it
}

func (w *streamWriter) line(l line) {
	if w.err != nil {
		return
	}
	w.buf.Reset()
	e := json.NewEncoder(&w.buf)
	e.SetEscapeHTML(false)
	if w.err = e.Encode(l); w.err != nil {
		return
	}
	if w.lines++; w.buf.Len() > lineBytesMax || w.lines > linesMax {
		w.err = fmt.Errorf("line %d has %d bytes: over the limits of the format, %d bytes and %d lines", w.lines, w.buf.Len(), lineBytesMax, linesMax)
		return
	}
	_, _ = w.sum.Write(w.buf.Bytes()) // a hash does not fail
	_, w.err = w.to.Write(w.buf.Bytes())
}
