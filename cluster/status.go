package cluster

import (
	"time"

	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/fsm"
)

// Level is a read level.
type Level uint8

// The read levels.
const (
	// Linearizable shows everything acknowledged before the read began.
	Linearizable Level = iota
	// Session shows at least the index asked for.
	Session
	// Stale shows what this node has.
	Stale
)

// Status is what a node knows of the cluster without asking anyone.
type Status struct {
	NodeID    string
	RaftID    string
	ClusterID string
	State     string // "leader", "follower", "candidate", "shutdown", "down"
	LeaderID  string // the leader's node id; empty while unknown
	LeaderAPI string // URL of the leader's API; empty while unknown
	Term      uint64
	Commit    uint64
	Applied   uint64
	// Trouble is what is wrong, or was not long ago, and what is done about it;
	// empty if nothing is. Failures counts those in a row.
	Trouble  string
	Failures int
	// Encryption is nil where the node has no keys.
	Encryption *Encryption
}

// Encryption is what a node encrypts on its disk.
type Encryption struct {
	Active atrest.Ref   // the zero Ref where nothing new is encrypted
	InUse  []atrest.Ref // that something on disk needs; the zero Ref for what is plain
}

// encryption is how a node's keys are used.
func (c *Config) encryption() *Encryption {
	if c.Keys == nil {
		return nil
	}
	return &Encryption{Active: c.Keys.Keys().ActiveRef(), InUse: c.Keys.InUse()}
}

// Member is one server of the configuration.
type Member struct {
	RaftID  string
	NodeID  string
	Peer    string // host:port of its peer port
	Voter   bool
	Leader  bool
	Healthy bool   // it answered just now
	API     string // URL of its API, if it answered
	Applied uint64
	Version string
	// ClockOffset is how far its wall clock is ahead of that of the node asked, to
	// within the time that the answer took; nil if it does not tell.
	ClockOffset *time.Duration
	Error       string // why it did not answer
}

// View is the state a read shows.
type View = fsm.View
