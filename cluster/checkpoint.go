package cluster

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/fsm"
)

// marksMax bounds the marks whose digests a node remembers. A leader makes one
// at a time, so more than one is of an earlier leader or of a log that is
// applied again after a start.
const marksMax = 4

// Digest is the SHA-256 of a state; see fsm.View.Digest.
type Digest [sha256.Size]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	b, err := hex.DecodeString(string(text))
	if err != nil || len(b) != len(d) {
		return fmt.Errorf("a digest is %d hexadecimal digits", 2*len(d))
	}
	copy(d[:], b)
	return nil
}

// Divergence is why a node stopped whose state is not the one that the other
// nodes have at the same index. It is the cause inside a *fsm.Halt.
type Divergence struct {
	// Index is the log index that the digests are of.
	Index uint64 `json:"index"`
	// Own is this node's digest.
	Own Digest `json:"own"`
	// Agreed is the digest of more than half of the voters; zero where no
	// digest has so many, and every node stopped that had one.
	Agreed Digest `json:"agreed,omitzero"`
	// Voters has the digest of each voter that gave one, by server id, where
	// they agreed on none.
	Voters map[string]Digest `json:"voters,omitempty"`
}

// Error implements error.
func (d *Divergence) Error() string {
	if d.Agreed != (Digest{}) {
		return fmt.Sprintf("the state at index %d has digest %v, but most voters have %v", d.Index, d.Own, d.Agreed)
	}
	var others []string
	for server, digest := range d.Voters {
		others = append(others, fmt.Sprintf("%s has %v", server, digest))
	}
	slices.Sort(others)
	return fmt.Sprintf("the state at index %d has digest %v, and no digest has a majority: %s", d.Index, d.Own, strings.Join(others, ", "))
}

// mark is a state whose digest this node computes.
type mark struct {
	index uint64
	view  *fsm.View     // until the digest is known
	done  chan struct{} // closed when it is known, or never will be

	digest  Digest
	skipped bool    // there is no digest
	agreed  *Digest // from a checkpoint that came before the digest was known
}

// checkpoints are the marks of this node. Its digests are computed one at a
// time, beside applying; where they lag, marks are skipped.
type checkpoints struct {
	mu      sync.Mutex
	marks   []*mark // by rising index
	working bool
	// newest is the index of the newest checkpoint in the log, as far as this
	// process has applied it.
	newest uint64
	last   atomic.Pointer[CheckpointStats] // nil before the first one

	taking sync.Mutex // one checkpoint at a time
}

// add notes a mark and reports whether a worker has to be started.
func (c *checkpoints) add(v *fsm.View) (work bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks = append(c.marks, &mark{index: v.Index, view: v, done: make(chan struct{})})
	if len(c.marks) > marksMax {
		c.marks[0].skip()
		c.marks = slices.Delete(c.marks, 0, 1)
	}
	work, c.working = !c.working, true
	return work
}

// skip gives a mark up. The lock must be held.
func (m *mark) skip() {
	if m.view != nil {
		m.view, m.skipped = nil, true
		close(m.done)
	}
}

// next returns the newest mark without a digest and its state, which the mark
// itself may lose meanwhile, and skips those before it. Without one it returns
// nil.
func (c *checkpoints) next() (*mark, *fsm.View) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var newest *mark
	for _, m := range c.marks {
		if m.view == nil {
			continue
		}
		if newest != nil {
			newest.skip()
		}
		newest = m
	}
	if c.working = newest != nil; !c.working {
		return nil, nil
	}
	return newest, newest.view
}

// known sets a mark's digest, and returns the one that a checkpoint has said
// before.
func (c *checkpoints) known(m *mark, digest Digest) (agreed *Digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.view == nil { // skipped meanwhile
		return nil
	}
	m.view, m.digest = nil, digest
	close(m.done)
	return m.agreed
}

// agree notes a checkpoint at index. It returns this node's digest if that is
// known and another.
func (c *checkpoints) agree(index, marked uint64, agreed Digest) (own Digest, differs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.newest = index
	m := c.find(marked)
	switch {
	case m == nil || m.skipped:
	case m.view != nil:
		m.agreed = &agreed
	default:
		return m.digest, m.digest != agreed
	}
	return Digest{}, false
}

// find returns a mark. The lock must be held.
func (c *checkpoints) find(index uint64) *mark {
	i, found := slices.BinarySearchFunc(c.marks, index, func(m *mark, index uint64) int { return cmp.Compare(m.index, index) })
	if !found {
		return nil
	}
	return c.marks[i]
}

// forget drops all marks: a snapshot replaced what they are of.
func (c *checkpoints) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.marks {
		m.skip()
	}
	c.marks = nil
}

// at returns the mark at an index, nil if this node has none.
func (c *checkpoints) at(index uint64) *mark {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(index)
}

// entryApplied looks at an entry that the machine has just applied.
func (n *Node) entryApplied(index uint64, entry []byte) {
	kind := fsm.KindOf(entry)
	if kind == fsm.KindBatch {
		return
	}
	n.reachLevel(fsm.LevelOf(entry))
	if kind == fsm.KindOrigins || kind == fsm.KindJoinToken {
		return
	}
	e, err := fsm.DecodeEntry(entry)
	if err != nil {
		n.stop(n.machine.Stop(index, err)) // it was applied: this can't be
		return
	}
	switch kind {
	case fsm.KindMark:
		if n.checkpoints.add(n.machine.View()) {
			go n.digestMarks()
		}
	case fsm.KindCheckpoint:
		n.checkpoints.last.Store(&CheckpointStats{Index: index, At: time.UnixMicro(int64(e.At))})
		if own, differs := n.checkpoints.agree(index, e.Marked, e.Digest); differs {
			n.diverge(&Divergence{Index: e.Marked, Own: own, Agreed: e.Digest})
		}
	case fsm.KindBatch, fsm.KindOrigins, fsm.KindJoinToken, fsm.KindLevel:
	}
}

// digestMarks computes the digests that are due, and returns. It takes its
// rests as the writer of a snapshot does.
func (n *Node) digestMarks() {
	for m, v := n.checkpoints.next(); m != nil; m, v = n.checkpoints.next() {
		p := &paced{to: io.Discard, flush: func() error { return nil }, stopped: n.stopped, began: time.Now()}
		digest, err := v.DigestThrough(p)
		if err != nil { // the node stops
			n.checkpoints.forget()
			return
		}
		if agreed := n.checkpoints.known(m, digest); agreed != nil && *agreed != Digest(digest) {
			n.diverge(&Divergence{Index: m.index, Own: digest, Agreed: *agreed})
		}
	}
}

// halted ends a node whose machine takes no more. Whoever found a Divergence
// does that after it was noted.
func (n *Node) halted(err error) {
	if d := new(Divergence); !errors.As(err, &d) {
		n.stop(err)
	}
}

// diverge ends this node. Nothing is applied or read from here on.
func (n *Node) diverge(d *Divergence) { n.leave(n.machine.Stop(d.Index, d), d) }

// leave ends this node for a divergence that has halted its machine. The note
// comes before Failed, upon which the process may end.
func (n *Node) leave(halt *fsm.Halt, d *Divergence) {
	n.config.observe(Event{Kind: EventDivergence, Err: d})
	if err := n.config.Network.Close(); err != nil {
		n.log.Warn("closing the peer port", "error", err)
	}
	noted := make(chan error, 1)
	go func() { noted <- noteDivergence(n.config.DataDir, d) }()
	select {
	case err := <-noted:
		if err != nil {
			n.log.Error("the divergence could not be noted in the data directory", "error", err)
		}
	case <-time.After(n.config.Timing.Stall):
		n.log.Error("the divergence could not be noted in the data directory", "error", "the disk hangs")
	}
	n.stop(halt)
}
