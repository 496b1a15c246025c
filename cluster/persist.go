package cluster

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
)

// A snapshot of a large state takes seconds of one processor and hundreds of
// megabytes of disk. It is written in pieces: after each the disk has it, so
// that no flush of the log ever waits behind all of it, and the writer rests, so
// that requests have most of the processor.
const (
	persistPiece = 2 << 20
	// persistRest is how long a rest takes, in times of the piece before it. On
	// a busy machine a piece takes longer, and so does its rest.
	persistRest    = 3
	persistRestMax = 500 * time.Millisecond
)

// Raft counts entries, but one entry may hold a thousand commands or providers.
// What a restart has to apply again is bounded by bytes as well: so many take
// some seconds, whatever they are.
const (
	snapshotBytes = 32 << 20
	snapshotLooks = time.Second
)

// snapshotBySize takes a snapshot after every snapshotBytes of the log.
func (n *Node) snapshotBySize() {
	tick := time.NewTicker(snapshotLooks)
	defer tick.Stop()
	for {
		select {
		case <-n.stopped:
			return
		case <-tick.C:
		}
		if n.logged.Load()-n.captured.Load() < snapshotBytes {
			continue
		}
		if err := n.Snapshot(); err != nil && n.usable() == nil {
			n.log.Warn("a snapshot will be tried again", "error", err)
		}
	}
}

// captured is one version of the state, to be written.
type captured struct {
	view *fsm.View
	n    *Node
}

// Persist implements raft.FSMSnapshot.
func (c captured) Persist(sink raft.SnapshotSink) error {
	begun := time.Now()
	bytes, err := c.persist(sink)
	c.n.config.observe(Event{Kind: EventSnapshot, Took: time.Since(begun), Count: bytes, Err: err})
	return err
}

func (c captured) persist(sink raft.SnapshotSink) (bytes int, err error) {
	// Raft may drop the entries that the snapshot covers.
	if err := c.n.auditThrough(c.view.Index); err != nil {
		return 0, errors.Join(err, sink.Cancel())
	}
	// Raft does not hand its file out. Any descriptor of a file flushes it.
	file, err := os.OpenFile(c.n.config.path(filepath.Join(snapshotDir, sink.ID()+".tmp", "state.bin")), os.O_WRONLY, 0)
	if err != nil {
		return 0, errors.Join(err, sink.Cancel())
	}
	p := &paced{to: sink, stopped: c.n.stopped, began: time.Now(), flush: file.Sync}
	if err := errors.Join(c.view.WriteSnapshot(p), file.Close()); err != nil {
		return 0, errors.Join(err, sink.Cancel())
	}
	return p.total, sink.Close()
}

// Release implements raft.FSMSnapshot.
func (captured) Release() {}

// paced writes in pieces, and ends early when the node stops.
type paced struct {
	to      io.Writer
	flush   func() error
	stopped <-chan struct{}
	size    int // of the piece
	total   int
	began   time.Time
}

func (p *paced) Write(b []byte) (int, error) {
	n, err := p.to.Write(b)
	p.total += n
	if p.size += n; err != nil || p.size < persistPiece {
		return n, err
	}
	if err := p.flush(); err != nil {
		return n, err
	}
	rest := time.NewTimer(min(persistRest*time.Since(p.began), persistRestMax))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-p.stopped:
		return n, errClosed
	}
	p.size, p.began = 0, time.Now()
	return n, nil
}
