package fsm

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/treenode/treenode/fsm/tree"
)

// A snapshot is the magic and the format version, then records: a kind byte,
// the payload's length as a varint, the payload. Kinds come in rising order
// and each kind's records sorted by key. The footer holds the number of
// records of each kind and, last, the SHA-256 of every byte before the sum.
const (
	snapshotMagic   = "treenode snapshot\n"
	snapshotVersion = 1
	// snapshotTokens is the version of snapshots whose header ends with join
	// tokens. Without any they are as before, for programs from before there were.
	snapshotTokens = 2

	recordHeader   = 1
	recordClass    = 2
	recordTrait    = 3
	recordProvider = 4
	recordConsumer = 5
	recordAnswer   = 6
	recordFooter   = 7

	// recordRoom is how much of a record is read at a time, so that a damaged
	// length allocates no more than is there. Records have no limit: a
	// provider may have any number of devices.
	recordRoom = 1 << 20
)

// ErrSnapshot is wrapped by every error about a snapshot's content.
var ErrSnapshot = errors.New("snapshot is damaged or not a snapshot")

type snapshotHeader struct {
	index   uint64
	logTime tree.Time
	meta    tree.Meta
	floor   tree.UUID
	tokens  []JoinToken
}

func (c *codec) header(h *snapshotHeader) {
	c.uint64(&h.index)
	c.time(&h.logTime)
	c.meta(&h.meta)
	c.uuid(&h.floor)
}

// headerWithTokens is the header of version snapshotTokens.
func (c *codec) headerWithTokens(h *snapshotHeader) {
	c.header(h)
	list(c, &h.tokens, (*codec).joinToken)
}

// headerFields are the fields of a header in a version of the format; nil for an
// unknown one.
func headerFields(version uint8) func(*codec, *snapshotHeader) {
	switch version {
	case snapshotVersion:
		return (*codec).header
	case snapshotTokens:
		return (*codec).headerWithTokens
	}
	return nil
}

func (c *codec) meta(m *tree.Meta) {
	c.uint64(&m.Revision)
	c.uint32(&m.NextProvider)
	c.uint32(&m.NextClass)
	c.uint32(&m.NextTrait)
}

func (c *codec) term(t *tree.TermRecord) {
	c.uint32(&t.Number)
	c.string(&t.Name)
	c.time(&t.Created)
	c.time(&t.Updated)
}

func (c *codec) provider(p *tree.ProviderRecord) {
	c.uint32(&p.Number)
	c.uint32(&p.Parent)
	c.uint32(&p.Root)
	c.uuid(&p.UUID)
	c.string(&p.Name)
	c.uint64(&p.Generation)
	c.time(&p.Created)
	c.time(&p.Updated)
	list(c, &p.Inventories, func(c *codec, i *tree.InventoryRecord) {
		c.uint32(&i.Class)
		c.inventoryFields(&i.Inventory)
		c.int64(&i.Used)
	})
	list(c, &p.Traits, (*codec).uint32)
	list(c, &p.Aggregates, (*codec).uuid)
	list(c, &p.Devices, func(c *codec, d *tree.DeviceRecord) {
		c.uint32(&d.Class)
		c.string(&d.Identifier)
		c.string(&d.Metadata)
	})
}

func (c *codec) consumer(r *tree.ConsumerRecord) {
	c.uuid(&r.UUID)
	c.string(&r.Project)
	c.string(&r.User)
	c.string(&r.Type)
	c.uint64(&r.Generation)
	c.time(&r.Created)
	c.time(&r.Updated)
	list(c, &r.Allocations, func(c *codec, a *tree.AllocationRecord) {
		c.uint32(&a.Provider)
		c.uint32(&a.Class)
		c.int64(&a.Amount)
	})
}

func (c *codec) answer(a *answer) {
	c.uuid(&a.id)
	c.fixed(a.print[:])
	c.uint64(&a.index)
	c.uint64(&a.revision)
	c.bytes(&a.outcome)
}

// recordsGathered is how many bytes are hashed and written at once.
const recordsGathered = 1 << 18

// recordWriter writes records and hashes what it writes.
type recordWriter struct {
	w      io.Writer
	sum    hash.Hash
	digest hash.Hash // gets what is flushed as well, unless it is nil
	c      codec     // of one record
	buf    []byte    // what is to be written
	counts [recordFooter]uint64
	err    error
}

func newRecordWriter(to io.Writer) *recordWriter {
	return &recordWriter{w: to, sum: sha256.New(), buf: make([]byte, 0, 2*recordsGathered)}
}

func (w *recordWriter) flush() {
	if w.err == nil {
		w.sum.Write(w.buf)
		if w.digest != nil {
			w.digest.Write(w.buf)
		}
		_, w.err = w.w.Write(w.buf)
	}
	w.buf = w.buf[:0]
}

func put[T any](w *recordWriter, kind uint8, v T, fields func(*codec, *T)) bool {
	w.c.buf = w.c.buf[:0]
	fields(&w.c, &v)
	w.buf = binary.AppendUvarint(append(w.buf, kind), uint64(len(w.c.buf)))
	w.buf = append(w.buf, w.c.buf...)
	if len(w.buf) >= recordsGathered {
		w.flush()
	}
	if kind < recordFooter {
		w.counts[kind]++
	}
	return w.err == nil
}

func (w *recordWriter) records(t *tree.State) {
	for r := range t.ClassRecords() {
		if !put(w, recordClass, r, (*codec).term) {
			return
		}
	}
	for r := range t.TraitRecords() {
		if !put(w, recordTrait, r, (*codec).term) {
			return
		}
	}
	for r := range t.ProviderRecords() {
		if !put(w, recordProvider, r, (*codec).provider) {
			return
		}
	}
	for r := range t.ConsumerRecords() {
		if !put(w, recordConsumer, r, (*codec).consumer) {
			return
		}
	}
}

// WriteSnapshot writes the view. It may run beside Apply: a view never changes.
func (v *View) WriteSnapshot(to io.Writer) error { return v.writeSnapshot(to, nil) }

// WriteSnapshotDigest is WriteSnapshot and Digest in one walk.
func (v *View) WriteSnapshotDigest(to io.Writer) ([sha256.Size]byte, error) {
	meta := newRecordWriter(io.Discard)
	put(meta, recordHeader, v.Tree.Meta(), (*codec).meta)
	meta.flush()
	err := v.writeSnapshot(to, meta.sum)
	return [sha256.Size]byte(meta.sum.Sum(nil)), err
}

// writeSnapshot writes the view. The digest gets the bytes of the tree's records.
func (v *View) writeSnapshot(to io.Writer, digest hash.Hash) error {
	w := newRecordWriter(to)
	version := uint8(snapshotVersion)
	if len(v.joinTokens) > 0 {
		version = snapshotTokens
	}
	w.buf = append(append(w.buf, snapshotMagic...), version)
	put(w, recordHeader, snapshotHeader{v.Index, v.logTime, v.Tree.Meta(), v.requests.floor, v.joinTokens}, headerFields(version))
	if digest != nil {
		w.flush()
	}
	w.digest = digest
	w.records(v.Tree)
	if digest != nil {
		w.flush()
	}
	w.digest = nil
	v.requests.byID.All(func(_ tree.UUID, a *answer) bool { return put(w, recordAnswer, *a, (*codec).answer) })
	counts := w.counts
	put(w, recordFooter, counts, (*codec).counts)
	w.flush()
	if w.err == nil {
		_, w.err = w.w.Write(w.sum.Sum(nil))
	}
	return w.err
}

func (c *codec) counts(v *[recordFooter]uint64) {
	for i := range v {
		c.uint64(&v[i])
	}
}

// Digest is the SHA-256 of the canonical bytes of the tree's state: equal on
// all nodes that have applied the same log, whatever their memory of answers.
// It walks everything.
func (v *View) Digest() [sha256.Size]byte {
	digest, _ := v.DigestThrough(io.Discard) // which takes everything
	return digest
}

// DigestThrough is Digest, and writes the bytes as well: to a writer that
// waits now and then, so that others have the processor, or that ends the walk
// with an error.
func (v *View) DigestThrough(to io.Writer) ([sha256.Size]byte, error) {
	w := newRecordWriter(to)
	put(w, recordHeader, v.Tree.Meta(), (*codec).meta)
	w.records(v.Tree)
	w.flush()
	return [sha256.Size]byte(w.sum.Sum(nil)), w.err
}

// ReadSnapshot reads and verifies a whole snapshot: its sum, its order and
// counts, and every invariant of the state. Errors about its content wrap
// ErrSnapshot.
func ReadSnapshot(from io.Reader) (*View, error) {
	r := &recordReader{r: bufio.NewReaderSize(from, 1<<16), sum: sha256.New(), owners: map[string]string{}}
	v, err := r.snapshot()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	return v, nil
}

type recordReader struct {
	r    *bufio.Reader
	sum  hash.Hash
	kind uint8
	body []byte

	keyKind uint8 // the kind that key is of
	key     []byte

	// Most records are of these two kinds: each uses the memory of the one
	// before it.
	provider tree.ProviderRecord
	consumer tree.ConsumerRecord
	owners   map[string]string
}

func (r *recordReader) snapshot() (*View, error) {
	start := make([]byte, len(snapshotMagic)+1)
	if err := r.read(start); err != nil {
		return nil, err
	}
	if string(start[:len(snapshotMagic)]) != snapshotMagic {
		return nil, errors.New("it does not begin like one")
	}
	fields := headerFields(start[len(snapshotMagic)])
	if fields == nil {
		return nil, fmt.Errorf("it has format version %d, this program reads up to %d", start[len(snapshotMagic)], snapshotTokens)
	}
	var h snapshotHeader
	if err := r.next(); err != nil {
		return nil, err
	}
	if err := decode(r, recordHeader, &h, fields); err != nil {
		return nil, err
	}
	b := tree.NewBuilder(h.meta)
	v := &View{Index: h.index, logTime: h.logTime, requests: newRequests(), joinTokens: h.tokens}
	if err := checkJoinTokens(h.tokens, start[len(snapshotMagic)]); err != nil {
		return nil, err
	}
	v.requests.floor = h.floor
	counts := [recordFooter]uint64{recordHeader: 1}
	for last := uint8(recordHeader); ; {
		if err := r.next(); err != nil {
			return nil, err
		}
		if r.kind < last {
			return nil, fmt.Errorf("record kind %d after %d", r.kind, last)
		}
		last = r.kind
		if r.kind == recordFooter {
			break
		}
		if err := r.add(b, v); err != nil {
			return nil, err
		}
		counts[r.kind]++
	}
	var written [recordFooter]uint64
	if err := decode(r, recordFooter, &written, (*codec).counts); err != nil {
		return nil, err
	}
	if written != counts {
		return nil, fmt.Errorf("it counts records as %v but has %v", written, counts)
	}
	if err := r.trailer(); err != nil {
		return nil, err
	}
	var err error
	v.Tree, err = b.Build()
	return v, err
}

// add puts one record into what is being built.
func (r *recordReader) add(b *tree.Builder, v *View) error {
	switch r.kind {
	case recordClass, recordTrait:
		var t tree.TermRecord
		if err := decode(r, r.kind, &t, (*codec).term); err != nil {
			return err
		}
		if err := r.rising(binary.BigEndian.AppendUint32(nil, t.Number)); err != nil {
			return err
		}
		if r.kind == recordClass {
			b.AddClass(t)
		} else {
			b.AddTrait(t)
		}
	case recordProvider:
		p := &r.provider
		if err := decode(r, r.kind, p, (*codec).provider); err != nil {
			return err
		}
		if err := r.rising(binary.BigEndian.AppendUint32(nil, p.Number)); err != nil {
			return err
		}
		b.AddProvider(*p)
	case recordConsumer:
		c := &r.consumer
		if err := decode(r, r.kind, c, (*codec).consumer); err != nil {
			return err
		}
		if err := r.rising(c.UUID[:]); err != nil {
			return err
		}
		b.AddConsumer(*c)
	case recordAnswer:
		var a answer
		if err := decode(r, r.kind, &a, (*codec).answer); err != nil {
			return err
		}
		if err := r.rising(a.id[:]); err != nil {
			return err
		}
		if bytes.Compare(a.id[:], v.requests.floor[:]) <= 0 {
			return fmt.Errorf("request id %s is remembered, but all up to %s are forgotten", a.id, v.requests.floor)
		}
		if _, err := a.result(); err != nil {
			return fmt.Errorf("answer to %s: %w", a.id, err)
		}
		a.outcome = append([]byte(nil), a.outcome...)
		v.requests.byID.Set(v.requests.mark, a.id, &a)
		v.requests.bytes += len(a.outcome) + answerOverhead
	default:
		return fmt.Errorf("unknown record kind %d", r.kind)
	}
	return nil
}

// rising refuses a record that is not behind the one before it, by key.
func (r *recordReader) rising(key []byte) error {
	if r.keyKind == r.kind && bytes.Compare(key, r.key) <= 0 {
		return fmt.Errorf("record kind %d: key %x after %x", r.kind, key, r.key)
	}
	r.keyKind, r.key = r.kind, append(r.key[:0], key...)
	return nil
}

func (r *recordReader) read(b []byte) error {
	if _, err := io.ReadFull(r.r, b); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	r.sum.Write(b)
	return nil
}

// next reads one record's kind and payload.
func (r *recordReader) next() error {
	var b [1]byte
	if err := r.read(b[:]); err != nil {
		return err
	}
	r.kind = b[0]
	size, err := r.size()
	if err != nil {
		return err
	}
	r.body = r.body[:0]
	for size > 0 {
		n, have := min(size, recordRoom), len(r.body)
		r.body = append(r.body, make([]byte, n)...)
		if err := r.read(r.body[have:]); err != nil {
			return err
		}
		size -= n
	}
	return nil
}

// size reads a record's length, a varint.
func (r *recordReader) size() (uint64, error) {
	var b [binary.MaxVarintLen64]byte
	for n := range b {
		if err := r.read(b[n : n+1]); err != nil {
			return 0, err
		}
		if b[n] < 0x80 {
			var size uint64
			c := &codec{buf: b[:n+1], decoding: true}
			c.uint64(&size)
			return size, c.end()
		}
	}
	return 0, errors.New("a record's length is wider than 64 bits")
}

func decode[T any](r *recordReader, kind uint8, v *T, fields func(*codec, *T)) error {
	if r.kind != kind {
		return fmt.Errorf("record kind %d where %d belongs", r.kind, kind)
	}
	c := &codec{buf: r.body, decoding: true}
	if kind == recordConsumer {
		c.known = r.owners
	}
	fields(c, v)
	if err := c.end(); err != nil {
		return fmt.Errorf("record kind %d: %w", kind, err)
	}
	return nil
}

// trailer compares the sum and makes sure that nothing follows it.
func (r *recordReader) trailer() error {
	want := r.sum.Sum(nil)
	have := make([]byte, sha256.Size)
	if err := r.read(have); err != nil {
		return err
	}
	if string(want) != string(have) {
		return errors.New("its SHA-256 does not match its content")
	}
	if _, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("bytes follow its end")
	}
	return nil
}
