package fsm

import (
	"crypto/sha256"
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
)

// entryFormat is the first byte of a log entry. A kind byte follows, then the
// kind's fields.
const entryFormat = 1

// EntryKind is the number of a kind of log entry. Append only.
type EntryKind uint8

// The kinds of log entries.
const (
	// KindBatch has the proposer's time, then encoded commands that were
	// waiting together. Each is executed for itself. An empty one is how a
	// leader marks the start of its term.
	KindBatch EntryKind = 1
	// KindMark has the proposer's time. It changes nothing: it names the
	// state whose digest every node is to compute.
	KindMark EntryKind = 2
	// KindCheckpoint has the proposer's time, the index of a mark, and the
	// digest of the state there that more than half of the voters have. It
	// changes nothing: a node whose own digest is another one halts.
	KindCheckpoint EntryKind = 3
	// KindOrigins is a batch whose commands say where they come from. The origins
	// change nothing: not the state, not an answer, and not what makes two
	// commands the same. See origin.go.
	KindOrigins EntryKind = 4
	// KindJoinToken has the proposer's time and a change of a join token. It leaves
	// the tree alone. See jointoken.go.
	KindJoinToken EntryKind = 5
	// KindLevel has the proposer's time and a level that all members read. It
	// changes nothing: kinds of operations of that level may be in batches after it,
	// so that nobody has to look for them in there. See level.go.
	KindLevel EntryKind = 6
)

// String returns the kind's name.
func (k EntryKind) String() string {
	switch k {
	case KindBatch:
		return "batch"
	case KindMark:
		return "mark"
	case KindCheckpoint:
		return "checkpoint"
	case KindOrigins:
		return "origins"
	case KindJoinToken:
		return "join token"
	case KindLevel:
		return "level"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Entry is a log entry that was read. Fields that its kind does not have are
// zero.
type Entry struct {
	Kind EntryKind
	// At is the proposer's time.
	At tree.Time
	// Commands are encoded, and part of the bytes that were read.
	Commands [][]byte
	// Marked is the index of the mark that Digest is of.
	Marked uint64
	Digest [sha256.Size]byte
	// JoinToken is what becomes of a join token.
	JoinToken JoinTokenChange
	// Level is what all members read.
	Level uint64

	askers  [][]byte // encoded; who the commands below are of
	origins []originOf
}

// EncodeBatch makes a log entry of encoded commands, stamped with the
// proposer's time.
func EncodeBatch(at tree.Time, commands [][]byte) []byte {
	size := 16
	for _, b := range commands {
		size += len(b) + 4
	}
	c := &codec{buf: make([]byte, 0, size)}
	c.entry(&Entry{Kind: KindBatch, At: at, Commands: commands})
	return c.buf
}

// EncodeMark makes a mark.
func EncodeMark(at tree.Time) []byte {
	c := &codec{}
	c.entry(&Entry{Kind: KindMark, At: at})
	return c.buf
}

// EncodeCheckpoint makes a checkpoint of the mark at index marked.
func EncodeCheckpoint(at tree.Time, marked uint64, digest [sha256.Size]byte) []byte {
	c := &codec{}
	c.entry(&Entry{Kind: KindCheckpoint, At: at, Marked: marked, Digest: digest})
	return c.buf
}

// EncodeLevel makes a note that all members read a level, from LevelGenerations on.
func EncodeLevel(at tree.Time, level int) []byte {
	c := &codec{}
	c.entry(&Entry{Kind: KindLevel, At: at, Level: uint64(level)}) //nolint:gosec // a small number
	return c.buf
}

// DecodeEntry reads a log entry. Its commands are not looked into.
func DecodeEntry(b []byte) (Entry, error) {
	c := &codec{buf: b, decoding: true}
	var e Entry
	c.entry(&e)
	return e, c.end()
}

// KindOf returns the kind of an entry that DecodeEntry reads.
func KindOf(entry []byte) EntryKind {
	if len(entry) < 2 {
		return 0
	}
	return EntryKind(entry[1])
}

func (c *codec) entry(e *Entry) {
	format := uint8(entryFormat)
	c.uint8(&format)
	c.uint8((*uint8)(&e.Kind))
	switch {
	case c.err != nil:
		return
	case format != entryFormat:
		c.fail(fmt.Errorf("unknown entry format %d", format))
		return
	case e.Kind == 0 || e.Kind > KindLevel:
		c.fail(fmt.Errorf("unknown kind of entry %d", uint8(e.Kind)))
		return
	}
	c.time(&e.At)
	switch e.Kind {
	case KindBatch:
		list(c, &e.Commands, (*codec).bytes)
	case KindMark:
	case KindCheckpoint:
		c.uint64(&e.Marked)
		c.fixed(e.Digest[:])
	case KindOrigins:
		list(c, &e.Commands, (*codec).bytes)
		c.origins(e)
	case KindJoinToken:
		c.joinTokenChange(&e.JoinToken)
	case KindLevel:
		c.uint64(&e.Level)
		if c.err == nil && (e.Level < LevelGenerations || e.Level > Level) {
			c.fail(fmt.Errorf("unknown level %d", e.Level))
		}
	}
}
