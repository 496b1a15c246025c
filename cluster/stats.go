package cluster

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// Stats is what a node tells of itself to who watches it, without asking anyone
// and without touching the disk.
type Stats struct {
	Status
	// Down is why there is no node: "damage", "disk", "diverged", "removed" or
	// "other"; empty while there is one.
	Down string
	// FirstLog and LastLog are the indexes that the log has; 0 for none.
	FirstLog, LastLog uint64
	// Voters and NonVoters are the members of the configuration.
	Voters, NonVoters int
	// Followers are the other members, as a leader knows them; nil on others.
	Followers []Follower
	// Proposing are the commands inside Propose; Queued those of them that wait to
	// be put into the log here, Forwarding those that wait to be sent to the leader.
	// QueueMax bounds either.
	Proposing, Queued, Forwarding, QueueMax int
	// QueuedBytes and ForwardingBytes are what those that wait weigh, QueueBytesMax
	// bounds either. ProposingBytes is what all of Proposing weigh.
	ProposingBytes, QueuedBytes, ForwardingBytes, QueueBytesMax int64
	// Snapshot is the newest snapshot that this process has written or found.
	Snapshot SnapshotStats
	// Checkpoint is the newest one that this process has applied.
	Checkpoint CheckpointStats
	// Disk is what the file system had when it was last looked at.
	Disk DiskStats
	// Clocks are by how much the members' clocks are ahead of the agreed time, as a
	// leader has compared them last, by node id; nil on others.
	Clocks map[string]time.Duration
}

// Follower is a member as the leader knows it.
type Follower struct {
	NodeID string
	// Heard is false where it has not answered since this node leads.
	Heard bool
	// Match is the last entry that it has for certain, Lag how many the leader has
	// beyond it.
	Match, Lag uint64
	// Silent is the time since its last answer; 0 where it was not heard of.
	Silent time.Duration
}

// SnapshotStats describes a snapshot. Its Index is 0 where there is none.
type SnapshotStats struct {
	Index uint64
	Bytes int64
	At    time.Time // zero for one from before this process
}

// CheckpointStats describes a checkpoint. Its Index is 0 where there is none.
type CheckpointStats struct {
	Index uint64
	At    time.Time // by the log's time
}

// DiskStats describes the file system of the data directory.
type DiskStats struct {
	Space
	Known   bool   // it could be looked at
	Reserve uint64 // bytes that have to stay free
	Lacking bool   // there is too little room, and nothing is proposed here
}

// Stats returns what the node tells of itself.
func (n *Node) Stats() Stats {
	s := Stats{
		Status: n.Status(), Proposing: int(n.proposing.Load()), Queued: len(n.entries.queue),
		Forwarding: len(n.forwards.queue), QueueMax: queueMax, LastLog: n.raft.LastIndex(),
		ProposingBytes: n.held.held.Load(), QueuedBytes: n.entries.waiting.held.Load(),
		ForwardingBytes: n.forwards.waiting.held.Load(), QueueBytesMax: queueBytesMax,
		Disk: n.room.stats(&n.config),
	}
	s.FirstLog, _ = n.store.Range()
	if kept := n.snapshots.newest.Load(); kept != nil {
		s.Snapshot = *kept
	}
	if made := n.checkpoints.last.Load(); made != nil {
		s.Checkpoint = *made
	}
	servers, err := n.servers()
	if err != nil {
		return s
	}
	leads := n.raft.State() == raft.Leader
	for _, server := range servers {
		if server.Suffrage == raft.Voter {
			s.Voters++
		} else {
			s.NonVoters++
		}
		if leads && !n.isSelf(server) {
			s.Followers = append(s.Followers, n.follower(server, s.Term, s.LastLog))
		}
	}
	if t := n.time.Load(); t != nil && leads {
		s.Clocks = t.ahead
	}
	return s
}

func (n *Node) follower(server raft.Server, term, last uint64) Follower {
	f := Follower{NodeID: nodeIDOf(string(server.ID)), Lag: last}
	if known, ok := n.follows.of(term, server.ID); ok {
		f.Heard, f.Match, f.Silent = true, known.match, time.Since(known.contact)
		f.Lag = last - min(last, known.match)
	}
	return f
}

// Stats is Node.Stats; of a node that is down it has why, and little else.
func (s *Supervised) Stats() Stats {
	var stats Stats
	n, t := s.node.Load(), s.trouble.Load()
	if n != nil {
		stats = n.Stats()
	}
	stats.Status = s.Status()
	if n == nil {
		stats.Down = "other"
		if t != nil {
			stats.Down = downFor(t.err)
		}
	}
	return stats
}

func downFor(cause error) string {
	switch d := new(Divergence); {
	case cause == nil:
		return "other"
	case damageIn(cause) != nil:
		return "damage"
	case ofDisk(cause):
		return "disk"
	case errors.As(cause, &d):
		return "diverged"
	case errors.Is(cause, errRemoved):
		return "removed"
	}
	return "other"
}
