package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/audit"
	"github.com/treenode/treenode/cluster/logstore"
)

const (
	// roomLooks is how often a node looks at what its disk has left.
	roomLooks = 250 * time.Millisecond
	// reserveMax bounds the default of Config.DiskReserve, which is one part in
	// reservePart of the file system.
	reserveMax  = 256 << 20
	reservePart = 20
	// stepAsideEvery is how often a leader without room tries to hand over.
	stepAsideEvery = time.Second
)

// Space is what a file system has.
type Space struct {
	Free, Total uint64 // bytes
	ReadOnly    bool
}

// DiskError is a disk that takes no more: it is full, or read-only.
type DiskError struct {
	Path   string
	Reason string
	Err    error // the cause, if there is one
}

// Error implements error.
func (e *DiskError) Error() string {
	s := "disk full: " + e.Path + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *DiskError) Unwrap() error { return e.Err }

// isFull reports whether an error is that of a disk that takes no more.
func isFull(err error) bool {
	var disk *DiskError
	return errors.As(err, &disk) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// ofDisk reports whether an error is one of writing: the state in memory is as
// good as it was.
func ofDisk(err error) bool {
	var failed *logstore.WriteError
	var stalled *logstore.StallError
	var audited *audit.WriteError
	return isFull(err) || errors.As(err, &audited) || errors.As(err, &failed) || errors.As(err, &stalled)
}

// room is what a node knows of the room on its disk.
type room struct {
	lack atomic.Pointer[DiskError] // nil while there is enough
	// elsewhere is whether another voter has room, so that commands may wait for
	// the hand-over.
	elsewhere atomic.Bool
	// space is what there was at the last look; nil where that failed.
	space atomic.Pointer[Space]
}

func (r *room) stats(c *Config) DiskStats {
	space := r.space.Load()
	if space == nil {
		return DiskStats{}
	}
	return DiskStats{Space: *space, Known: true, Reserve: c.reserve(*space), Lacking: r.lack.Load() != nil}
}

// reserve is what has to stay free.
func (c *Config) reserve(s Space) uint64 {
	if c.DiskReserve > 0 {
		return c.DiskReserve
	}
	return min(reserveMax, s.Total/reservePart)
}

// lackOfRoom returns what is wrong with the disk. A disk that had too little
// must have half as much again before it counts as well.
func (c *Config) lackOfRoom(had bool) *DiskError {
	space, err := c.Space(c.DataDir)
	if err != nil {
		return nil // a write will tell
	}
	return c.lackIn(space, had)
}

func (c *Config) lackIn(space Space, had bool) *DiskError {
	need := c.reserve(space)
	switch {
	case space.ReadOnly:
		return &DiskError{Path: c.DataDir, Reason: "the file system is read-only"}
	case had && space.Free < need+need/2:
		return &DiskError{Path: c.DataDir, Reason: fmt.Sprintf("%d MiB are free, %d MiB are needed to go on", space.Free>>20, (need+need/2)>>20)}
	case space.Free < need:
		return &DiskError{Path: c.DataDir, Reason: fmt.Sprintf("%d MiB are free, %d MiB must stay free", space.Free>>20, need>>20)}
	}
	return nil
}

// watchRoom looks at the disk, and has a leader without room hand over. A
// follower goes on with what it has: the reserve is for that.
func (n *Node) watchRoom() {
	tick := time.NewTicker(roomLooks)
	defer tick.Stop()
	var tried time.Time
	for {
		had := n.room.lack.Load()
		lack := n.lookAtRoom(had != nil)
		n.room.lack.Store(lack)
		switch {
		case lack != nil && had == nil:
			n.log.Error("nothing is proposed here until there is room again", "cause", lack)
		case lack == nil && had != nil:
			n.log.Info("there is room on the disk again")
		}
		if lack != nil && n.raft.State() == raft.Leader && time.Since(tried) >= stepAsideEvery {
			n.stepAside()
			tried = time.Now()
		}
		select {
		case <-tick.C:
		case <-n.stopped:
			return
		}
	}
}

// lookAtRoom is lackOfRoom, and remembers what it saw.
func (n *Node) lookAtRoom(had bool) *DiskError {
	space, err := n.config.Space(n.config.DataDir)
	if err != nil {
		n.room.space.Store(nil)
		return nil // a write will tell
	}
	n.room.space.Store(&space)
	return n.config.lackIn(space, had)
}

// stepAside hands leadership to a voter that has room.
func (n *Node) stepAside() {
	to, ok := n.withRoom()
	if n.room.elsewhere.Store(ok); !ok {
		n.log.Warn("no other voter has room either; this node goes on leading, for reads")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), configTimeout)
	defer cancel()
	if err := n.awaitTransfer(ctx, n.raft.LeadershipTransferToServer(to.ID, to.Address)); err != nil {
		n.log.Warn("leadership will be handed over again for want of room", "to", to.ID, "error", err)
	}
}

// withRoom asks the other voters and returns one that has room.
func (n *Node) withRoom() (raft.Server, bool) {
	servers, err := n.servers()
	if err != nil {
		return raft.Server{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
	defer cancel()
	answers := make(chan raft.Server, len(servers))
	asked := 0
	for _, s := range servers {
		if s.Suffrage != raft.Voter || string(s.ID) == n.raftID {
			continue
		}
		asked++
		go func() {
			if n.ask(ctx, string(s.Address), VerbAdmin, admin{Op: "room", ID: string(s.ID)}) != nil {
				s.ID = ""
			}
			answers <- s
		}()
	}
	for ; asked > 0; asked-- {
		if s := <-answers; s.ID != "" {
			return s, true
		}
	}
	return raft.Server{}, false
}

// hasRoom answers a leader that looks for a voter with room.
func (n *Node) hasRoom(raftID string) error {
	if raftID != n.raftID {
		return fail(CodeInvalid, nil, "this is server %s", n.raftID)
	}
	if lack := n.room.lack.Load(); lack != nil {
		return fail(CodeNotReady, lack, "node %s takes no writes", n.config.NodeID)
	}
	return nil
}

// proposeWithRoom is proposeEntry, unless the disk has no room.
func (n *Node) proposeWithRoom(group []*proposal, release func()) {
	lack := n.room.lack.Load()
	if lack == nil {
		n.proposeEntry(group, release)
		return
	}
	code := CodeNotReady
	if n.room.elsewhere.Load() {
		code = CodeNoLeader // soon another one leads
	}
	refuseAll(group, fail(code, lack, "node %s takes no writes", n.config.NodeID))
	release()
}

// tryDisk returns nil once a disk that failed takes writes again.
func (c *Config) tryDisk() error {
	if lack := c.lackOfRoom(true); lack != nil {
		return lack
	}
	path := c.path("trial")
	err := replaceFile(path, make([]byte, 64<<10))
	if err == nil {
		err = os.Remove(path)
	}
	if err != nil && isFull(err) {
		err = &DiskError{Path: c.DataDir, Reason: "it takes no writes yet", Err: err}
	}
	return err
}
