package fsm

import (
	"crypto/sha256"

	"github.com/treenode/treenode/fsm/tree"
)

// Command is one mutation: a transaction under the request id that makes it
// happen once, however often it is proposed.
type Command struct {
	// RequestID is a UUID version 7 (RFC 9562): its first 48 bits are the
	// time in milliseconds at which the caller made it.
	RequestID tree.UUID
	Txn       tree.Txn
}

// Encode returns the command's bytes: the request id, then the transaction.
// The error names an operation that has no number in the log.
func (cmd Command) Encode() ([]byte, error) {
	c := &codec{}
	c.uuid(&cmd.RequestID)
	c.txn(&cmd.Txn)
	return c.buf, c.err
}

// DecodeCommand reads what Encode wrote.
func DecodeCommand(b []byte) (Command, error) {
	c := &codec{buf: b, decoding: true}
	var cmd Command
	c.uuid(&cmd.RequestID)
	c.txn(&cmd.Txn)
	return cmd, c.end()
}

// decoderKeep is up to how many bytes of a command a decoder keeps the memory
// that it was decoded into.
const decoderKeep = 1 << 14

// decoder reads commands one after the other, on one goroutine, each into the
// memory of the one before. Its strings have memory of their own.
type decoder struct {
	c      codec
	cmd    Command
	claims []tree.ConsumerClaim
	known  map[string]string
}

// decode is DecodeCommand; what it returns is valid until it is called again.
func (d *decoder) decode(b []byte) (*Command, error) {
	if d.known == nil {
		d.known = map[string]string{}
	}
	d.c = codec{buf: b, decoding: true, known: d.known, claims: &d.claims}
	d.c.uuid(&d.cmd.RequestID)
	d.c.txn(&d.cmd.Txn)
	cmd, err := &d.cmd, d.c.end()
	if len(b) > decoderKeep {
		cmd = &Command{cmd.RequestID, cmd.Txn}
		d.cmd, d.claims = Command{}, nil
	}
	return cmd, err
}

// fingerprint tells bodies under one request id apart.
type fingerprint [16]byte

// fingerprintOf is the start of the SHA-256 of an encoded command.
func fingerprintOf(command []byte) fingerprint {
	sum := sha256.Sum256(command)
	return fingerprint(sum[:16])
}

// Result is what became of a command.
type Result struct {
	// Index is the log index of the entry that executed the command: for a
	// replay, the first one's.
	Index uint64
	// Revision is the state's revision after the command.
	Revision uint64
	// Replayed is true when the request id had been executed before, and
	// this is the answer remembered from then.
	Replayed bool
	// Effect is what the transaction touched, when it was not refused.
	Effect tree.Effect
	// Refused is the refusal; nil when the transaction happened.
	Refused *tree.Error
}

// Encode returns the result's bytes, as nodes pass them on to each other.
func (r Result) Encode() []byte {
	c := &codec{}
	c.result(&r)
	return c.buf
}

// DecodeResult reads what Encode wrote.
func DecodeResult(b []byte) (Result, error) {
	c := &codec{buf: b, decoding: true}
	var r Result
	c.result(&r)
	return r, c.end()
}

func (c *codec) result(r *Result) {
	c.uint64(&r.Index)
	c.uint64(&r.Revision)
	c.bool(&r.Replayed)
	c.outcome(&r.Effect, &r.Refused)
}

// outcome is the part of a result that is remembered.
func (c *codec) outcome(e *tree.Effect, refused **tree.Error) {
	no := *refused != nil
	c.bool(&no)
	if !no {
		list(c, &e.Created, (*codec).uuid)
		list(c, &e.Providers, (*codec).generation)
		list(c, &e.Consumers, (*codec).generation)
		return
	}
	if c.decoding {
		*refused = &tree.Error{}
	}
	r := *refused
	c.uint16((*uint16)(&r.Code))
	c.string(&r.Message)
	c.int(&r.Op)
	c.string(&r.Field)
	c.string(&r.Provider)
	c.string(&r.Consumer)
	list(c, &r.Conflicts, func(c *codec, v *tree.Conflict) {
		c.int(&v.Precondition)
		c.string(&v.Provider)
		c.string(&v.Consumer)
		c.uint64(&v.Want)
		c.uint64(&v.Have)
		c.bool(&v.Missing)
		c.bool(&v.Structural)
	})
}

func (c *codec) generation(g *tree.Generation) {
	c.uuid(&g.UUID)
	c.uint64(&g.Generation)
}
