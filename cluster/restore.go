package cluster

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// How far numbers are raised in a cluster that begins with an earlier state of
// another: beyond what the other may have come to since. The first bound is for
// clocks that are wrong. What grows with time also keeps two clusters apart that
// begin with the same archive: their clients may be the same.
const (
	// RaiseLeast and RaisePerSecond are for generations, of which each is one
	// provider's or consumer's.
	RaiseLeast     = 1_000_000
	RaisePerSecond = 1000
	// RaiseIndexFactor is how many times as far indexes and revisions go, which
	// count what happens to all of them.
	RaiseIndexFactor = 100
)

// RaiseSince is how far the numbers of a state are raised that was taken at a time.
func RaiseSince(taken, now time.Time) fsm.Raise {
	seconds := max(0, int64(now.Sub(taken)/time.Second))
	return RaiseBy(RaiseLeast + RaisePerSecond*uint64(seconds))
}

// RaiseBy is how far the numbers of a state are raised for a step of the
// generations.
func RaiseBy(generations uint64) fsm.Raise {
	return fsm.Raise{Generations: generations, Index: RaiseIndexFactor * generations}
}

// Restoration describes a cluster that is to begin with the state of an archive.
type Restoration struct {
	// DataDir must not be there, or be empty. It is made with mode 0700.
	DataDir string
	// NodeID is the only member's, as Config has it.
	NodeID string
	// Advertise is host:port at which the other nodes reach it. The node tells the
	// cluster if it is another one once it is started. Empty means loopback.
	Advertise string
	// RaftLog is what keeps the log on disk. Empty means EngineWAL.
	RaftLog logstore.Engine
	// View is the state, and Term the newest term that its cluster had.
	View *fsm.View
	Term uint64
	// Raise is how much higher its numbers become.
	Raise fsm.Raise
	// Keys are what the directory is encrypted with. Nil for nothing.
	Keys *atrest.Keys
	// Progress is told how many bytes were written each time. Optional.
	Progress func(bytes int64)
}

// advertiseDefault is where the only member of a new cluster is until it says more.
const advertiseDefault = "127.0.0.1:8779"

// Restore makes the data directory of a new cluster, which has one member and begins
// with a state: whole, or not at all. A node that is opened on it leads at once, and
// takes others in. The cluster has an id that no other one has: nodes of the one
// that the state is from can't mix with it.
//
// Numbers are raised, so that a client that goes by what it knew of the old cluster
// gets a conflict rather than overwrite what others did. Request ids stay remembered:
// one that was executed before the archive was taken gets its answer again, one
// that was executed after it, which is lost, is executed.
//
// The error is an *Error, of CodeInvalid where an argument or the directory is at
// fault.
func Restore(r Restoration) (Founded, error) {
	if r.Advertise == "" {
		r.Advertise = advertiseDefault
	}
	if r.RaftLog == "" {
		r.RaftLog = logstore.EngineWAL
	}
	_, _, err := net.SplitHostPort(r.Advertise)
	switch {
	case !nodeIDForm.MatchString(r.NodeID):
		return Founded{}, fail(CodeInvalid, nil, "node id %q: letters, digits, dot, dash and underscore, 1 to 64 of them", r.NodeID)
	case r.DataDir == "":
		return Founded{}, fail(CodeInvalid, nil, "a data directory is needed")
	case r.RaftLog != logstore.EngineBolt && r.RaftLog != logstore.EngineWAL:
		return Founded{}, fail(CodeInvalid, nil, "raft-log %q is none of %s, %s", r.RaftLog, logstore.EngineWAL, logstore.EngineBolt)
	case err != nil:
		return Founded{}, fail(CodeInvalid, nil, "advertise: %q is not host:port", r.Advertise)
	}
	made, err := checkEmpty(r.DataDir)
	if err != nil {
		return Founded{}, err
	}
	f := founding{dataDir: r.DataDir, nodeID: r.NodeID, advertise: r.Advertise, engine: r.RaftLog, view: r.View, term: r.Term, progress: r.Progress, keys: r.Keys}
	founded, err := f.found(r.Raise)
	if err != nil && made {
		// Only what is empty goes.
		err = errors.Join(err, ignoreNotThere(os.Remove(r.DataDir)))
	}
	return founded, err
}

// found does both steps.
func (f founding) found(raise fsm.Raise) (Founded, error) {
	var err error
	if f.view, err = f.view.Raised(raise); err != nil {
		return Founded{}, fail(CodeInvalid, err, "the state can't be raised")
	}
	f.term = max(f.term, 1)
	founded, err := f.write()
	if err == nil {
		founded.RaisedBy = Raised{Generations: raise.Generations, Index: raise.Index, Revision: raise.Index}
		founded.Replaced, err = f.commit()
	}
	if err != nil {
		return Founded{}, fail(CodeInvalid, err, "data directory %s can't be made", f.dataDir)
	}
	return founded, nil
}

// checkEmpty reports whether a data directory is still to be made, and refuses one
// that holds anything but what file systems put at their root and what is left of a
// restore that was interrupted.
func checkEmpty(dir string) (missing bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fail(CodeInvalid, err, "data directory %s can't be read", dir)
	}
	for _, e := range entries {
		if e.Name() != "lost+found" && e.Name() != foundingDir {
			return false, fail(CodeInvalid, nil, "data directory %s is not empty: it has %s; nothing is restored over it", dir, filepath.Join(dir, e.Name()))
		}
	}
	return false, nil
}

func ignoreNotThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
