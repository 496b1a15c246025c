package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/treenode/treenode/fsm"
)

const (
	magic   = "treenode archive\n"
	version = 1

	// pieceBytes is the size of the pieces that are written, and pieceBytesMax of
	// those that are read.
	pieceBytes    = 256 << 10
	pieceBytesMax = 1 << 20
	// recordBytesMax bounds header and footer.
	recordBytesMax = 64 << 10
)

// MediaType is that of an archive.
const MediaType = "application/vnd.treenode.archive"

// ErrDamaged is wrapped by every error about the content of an archive: it was cut
// off, it was changed, or it is none.
var ErrDamaged = errors.New("the archive is damaged, or not an archive")

// ErrVersion is wrapped by the error about an archive whose format this program
// does not know.
var ErrVersion = errors.New("the archive has a format that this program does not read")

// Header says what an archive holds. Times and names are for people; what is used
// is checked against the state.
type Header struct {
	// ClusterID and NodeID are whose state it is.
	ClusterID string `json:"cluster_id"`
	NodeID    string `json:"node_id"`
	// Index is the log index that the state is of. Term is the newest term that the
	// node knew when it took the state.
	Index    uint64 `json:"index"`
	Term     uint64 `json:"term"`
	Revision uint64 `json:"revision"`
	// Time is when the state was taken, by the node's clock.
	Time time.Time `json:"time"`
	// Consistency is that of the read: with linearizable, the state has all that
	// was acknowledged before the backup began.
	Consistency string `json:"consistency"`
	Providers   int    `json:"providers"`
	Consumers   int    `json:"consumers"`
	// Program is the version of the program that wrote it.
	Program string `json:"program"`
}

// Footer is what is known once the state is written.
type Footer struct {
	// Digest is the SHA-256 of the state's canonical form, in hexadecimal; see
	// fsm.View.Digest.
	Digest        string `json:"digest"`
	SnapshotBytes int64  `json:"snapshot_bytes"`
}

// HeaderOf is the header of a view, without what only its node knows: ClusterID,
// NodeID, Term, Time, Consistency and Program.
func HeaderOf(v *fsm.View) Header {
	return Header{
		Index: v.Index, Revision: v.Tree.Revision(), Providers: v.Tree.NumProviders(), Consumers: v.Tree.NumConsumers(),
	}
}

// Write writes the archive of a view, which may go on beside the state machine.
// Each call to the writer has about 256 KiB at most.
func Write(to io.Writer, h Header, v *fsm.View) error {
	w := &writer{to: to, sum: sha256.New()}
	w.write(append([]byte(magic), version))
	w.record(h)
	p := pieces{w: w, buf: make([]byte, 4, 4+pieceBytes)}
	digest, err := v.WriteSnapshotDigest(&p)
	if err != nil {
		return err
	}
	p.flush()
	w.write(make([]byte, 4))
	w.record(Footer{hex.EncodeToString(digest[:]), p.bytes})
	w.write(w.sum.Sum(nil))
	return w.err
}

// writer hashes what it writes, and keeps the first error.
type writer struct {
	to  io.Writer
	sum hash.Hash
	err error
}

func (w *writer) write(b []byte) {
	if w.err == nil {
		w.sum.Write(b)
		_, w.err = w.to.Write(b)
	}
}

func (w *writer) record(v any) {
	b, err := json.Marshal(v)
	if err == nil && len(b) > recordBytesMax {
		err = fmt.Errorf("a record of %d bytes is over the limit of %d", len(b), recordBytesMax)
	}
	if err != nil && w.err == nil {
		w.err = err
	}
	w.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)) //nolint:gosec // bounded above
}

// pieces cuts a snapshot.
type pieces struct {
	w     *writer
	buf   []byte // room for the length, then the piece
	bytes int64
}

// Write implements io.Writer.
func (p *pieces) Write(b []byte) (int, error) {
	all := len(b)
	for len(b) > 0 && p.w.err == nil {
		n := min(len(b), 4+pieceBytes-len(p.buf))
		p.buf = append(p.buf, b[:n]...)
		if b = b[n:]; len(p.buf) == 4+pieceBytes {
			p.flush()
		}
	}
	return all - len(b), p.w.err
}

func (p *pieces) flush() {
	if n := len(p.buf) - 4; n > 0 {
		binary.BigEndian.PutUint32(p.buf, uint32(n)) //nolint:gosec // at most pieceBytes
		p.w.write(p.buf)
		p.bytes += int64(n)
	}
	p.buf = p.buf[:4]
}
