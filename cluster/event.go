package cluster

import "time"

// EventKind says what an Event is about.
type EventKind uint8

// The kinds of events. "Count" and "Err" are what those fields of the Event hold;
// Took is the time from beginning to end.
const (
	// EventProposal: a command given to Propose on this node came to its end.
	// Err: why it has no result.
	EventProposal EventKind = iota + 1
	// EventCommit: an entry that this node put into the log was committed. Count:
	// its commands. Took: from Raft's taking it until the state machine had it.
	EventCommit
	// EventApply: an entry was executed here. Count: its commands.
	EventApply
	// EventForward: a call with commands to the leader came back. Count: the
	// commands. Err: why none of them has a result.
	EventForward
	// EventReadIndex: the leader was asked for what makes a read linearizable. Err:
	// why it did not say.
	EventReadIndex
	// EventSnapshot: a snapshot of this node's state was written. Count: its bytes.
	// Err: why it was not.
	EventSnapshot
	// EventRestore: a snapshot replaced this node's state. Err: why it did not.
	EventRestore
	// EventLeader: this node has learnt of a new leader, or that one leads again.
	EventLeader
	// EventCheckpoint: the leader compared the voters' states, or tried to. Count: the
	// voters whose state differs from what most have. Err: why there is none.
	EventCheckpoint
	// EventScrub: all that is on disk was read. Err: the damage found.
	EventScrub
	// EventDamage: damage on disk has stopped the node. Err: the damage.
	EventDamage
	// EventAside: a damaged directory was set aside, for the node to be rebuilt.
	EventAside
	// EventDivergence: this node's state is not the others', and it has halted.
	EventDivergence
	// EventFailure: the node failed, and will be opened again. Err: why.
	EventFailure
)

// Event is something that a node has done, for who counts it.
type Event struct {
	Kind  EventKind
	Took  time.Duration
	Count int
	Err   error
}

// observe tells of an event.
func (c *Config) observe(e Event) {
	if c.Observe != nil {
		c.Observe(e)
	}
}
