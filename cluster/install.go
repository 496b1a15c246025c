package cluster

import (
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/failpoint"
)

// position is an entry of the log, known to be committed.
type position struct{ index, term uint64 }

// A snapshot that a leader sends may meet a log that reaches further: the leader
// did not hear of what its follower has taken. Raft's paper (figure 13, steps 6
// and 7) keeps the entries behind a snapshot that the log agrees with; they may
// be acknowledged, and this copy the one that makes a majority. hashicorp/raft
// drops all of a log that may have no gaps (raft.MonotonicLogStore), but still
// believes that it ends where it ended: it would append behind the hole, and
// panic once it applies it.
//
// It also does not know any more what it has in common with the leader when
// nothing is left of the log but what follows the snapshot, and would be sent
// the snapshot again.

var (
	// errOldSnapshot is the answer to a leader whose snapshot is of no use here.
	errOldSnapshot = errors.New("the snapshot ends before the log of this server begins")
	// errLogReplaced stops a node whose log was another leader's in part. Raft
	// must begin anew to see where it ends now.
	errLogReplaced = errors.New("a snapshot of the leader has replaced a log that differed from it")
)

// raftSnapshots are the snapshots as Raft gets them.
type raftSnapshots struct {
	*snapshots
	log *raftStore
}

// Create implements raft.SnapshotStore.
func (s raftSnapshots) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, configIndex uint64, t raft.Transport) (raft.SnapshotSink, error) {
	if caller(raftInstall) == "" {
		inner, err := s.snapshots.Create(version, index, term, c, configIndex, t)
		if err != nil {
			return nil, err
		}
		return own{inner, s.log, index}, nil
	}
	first, err := s.log.FirstIndex()
	if err != nil {
		return nil, err
	}
	if first > index+1 {
		return nil, fmt.Errorf("%w: at %d and %d", errOldSnapshot, index, first)
	}
	inner, err := s.snapshots.Create(version, index, term, c, configIndex, t)
	if err != nil {
		return nil, err
	}
	return installed{inner, s.log, position{index, term}}, nil
}

// installed is a snapshot that comes from the leader.
type installed struct {
	raft.SnapshotSink
	log *raftStore
	at  position
}

// Close implements io.Closer.
func (i installed) Close() error {
	err := i.SnapshotSink.Close()
	if err == nil {
		i.log.base.Store(&i.at)
	}
	return err
}

// own is a snapshot of this server's state. One from the leader may overtake it:
// Raft would go back to it then, and vote as if it had less than it has.
type own struct {
	raft.SnapshotSink
	log   *raftStore
	index uint64
}

// Close implements io.Closer.
func (o own) Close() error {
	if base := o.log.base.Load().index; base > o.index {
		return errors.Join(fmt.Errorf("the snapshot at %d is older than the one at %d that came meanwhile", o.index, base), o.Cancel())
	}
	return o.SnapshotSink.Close()
}

// startFrom looks up the snapshot that Raft will start from.
func (s *raftStore) startFrom(snaps *snapshots) error {
	kept, err := snaps.List()
	s.base.Store(&position{})
	if err == nil && len(kept) > 0 {
		s.base.Store(&position{kept[0].Index, kept[0].Term})
	}
	return err
}

// DeleteRange implements raft.LogStore.
func (s *raftStore) DeleteRange(lo, hi uint64) error {
	if caller(raftInstall) == "" {
		return s.LogStore.DeleteRange(lo, hi)
	}
	failpoint.Reach(failpoint.SnapshotInstalled)
	base := *s.base.Load()
	if hi < base.index {
		return s.LogStore.DeleteRange(lo, hi)
	}
	var l raft.Log
	switch err := s.LogStore.GetLog(base.index, &l); {
	case err == nil && l.Term == base.term, errors.Is(err, raft.ErrLogNotFound) && lo == base.index+1:
		return nil
	case err != nil:
		s.end(err)
		return err
	}
	err := s.LogStore.DeleteRange(lo, hi)
	if err == nil {
		err = errLogReplaced
	}
	s.end(err)
	return err
}
