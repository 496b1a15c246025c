package fsm

import (
	"fmt"

	"github.com/treenode/treenode/fsm/tree"
)

// A log entry is a format byte, a kind byte and the kind's fields.
const (
	entryFormat = 1

	// kindBatch: the proposer's time, then encoded commands that were waiting
	// together. Each is executed for itself. An empty one is how a leader
	// marks the start of its term.
	kindBatch = 1
)

// EncodeBatch makes a log entry of encoded commands, stamped with the
// proposer's time.
func EncodeBatch(at tree.Time, commands [][]byte) []byte {
	size := 16
	for _, b := range commands {
		size += len(b) + 4
	}
	c := &codec{buf: append(make([]byte, 0, size), entryFormat, kindBatch)}
	c.time(&at)
	list(c, &commands, (*codec).bytes)
	return c.buf
}

func decodeBatch(entry []byte) (tree.Time, [][]byte, error) {
	if len(entry) < 2 {
		return 0, nil, errTruncated
	}
	if entry[0] != entryFormat {
		return 0, nil, fmt.Errorf("unknown entry format %d", entry[0])
	}
	if entry[1] != kindBatch {
		return 0, nil, fmt.Errorf("unknown kind of entry %d", entry[1])
	}
	c := &codec{buf: entry[2:], decoding: true}
	var at tree.Time
	var commands [][]byte
	c.time(&at)
	list(c, &commands, (*codec).bytes)
	return at, commands, c.end()
}
