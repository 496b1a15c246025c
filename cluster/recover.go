package cluster

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// Recovery describes how a member that survived becomes a cluster of its own.
type Recovery struct {
	// Advertise and Progress are those of a Restoration.
	Advertise string
	Progress  func(bytes int64)
	// Raise is how much higher numbers become. The zero value is that of
	// RaiseSince for the newest entry.
	Raise fsm.Raise
	// Now is when it is done.
	Now time.Time
}

// LastTime is when the newest entry of a state was made, by the time of the log.
func LastTime(v *fsm.View) time.Time { return time.UnixMicro(int64(v.LogTime())).UTC() }

// Last returns the newest state that the directory leads to: all entries applied,
// also those of which it is not known that they were committed, since they may have
// been acknowledged.
func (d *Directory) Last() (*fsm.View, error) {
	index, v, err := d.base()
	if err != nil {
		return nil, err
	}
	err = d.replay(index, v, d.end(), func(_ uint64, _ *raft.Log, next *fsm.View) error {
		v = next
		return nil
	})
	return v, err
}

// Recover makes a cluster of its own of the directory of a member whose cluster has
// lost its majority for good. It begins with the newest state that the directory
// leads to, see Last, with raised numbers and a new id, see Restore. What was
// acknowledged by members that are lost and is not here is lost with them.
//
// What was encrypted is encrypted again, with the keys that the Directory was opened
// with. What was in the directory stays beside it (Founded.Replaced). The Directory shows
// what was there before, and is to be closed. The error is an *Error; an older state
// than the log's end, or one of which the directory says itself that it is wrong,
// is refused.
func (d *Directory) Recover(r Recovery) (_ Founded, err error) {
	report := d.Report()
	switch {
	case d.diverged != nil:
		return Founded{}, fail(CodeHalted, d.diverged, "the state in %s is not what most members had; remove %s only if no other member is left",
			d.Path, d.config.path(divergedFile))
	case len(report.Damage) > 0:
		return Founded{}, fail(CodeInternal, nil, "%s is damaged: %s", d.Path, report.Damage[0])
	case len(report.Contradictions) > 0:
		return Founded{}, fail(CodeInternal, nil, "%s contradicts itself: %s", d.Path, report.Contradictions[0])
	case d.identity.ClusterID == "" || len(report.Members) == 0:
		return Founded{}, fail(CodeInvalid, nil, "%s is of a node that belongs to no cluster yet", d.Path)
	}
	v, err := d.Last()
	if err != nil {
		return Founded{}, err
	}
	if r.Raise == (fsm.Raise{}) {
		r.Raise = RaiseSince(LastTime(v), r.Now)
	}
	if r.Advertise == "" {
		r.Advertise = advertiseDefault
		for _, m := range report.Members {
			if m.RaftID == d.identity.raftID() {
				r.Advertise = m.Peer
			}
		}
	}
	// Nobody else may open the log until all of it is moved away.
	path, engine, err := d.config.logAt()
	if err != nil {
		return Founded{}, err
	}
	held, err := logstore.Open(path, logstore.Options{Engine: engine, Keys: atrest.NewRing(d.keys)})
	if err != nil {
		return Founded{}, fail(CodeInvalid, err, "data directory %s", d.Path)
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	f := founding{
		dataDir: d.Path, nodeID: d.identity.NodeID, advertise: r.Advertise, engine: d.engine,
		view: v, term: max(report.Term, report.LastTerm), progress: r.Progress, keys: d.keys,
	}
	return f.found(r.Raise)
}
