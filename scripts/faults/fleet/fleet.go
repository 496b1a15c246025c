package fleet

import (
	"context"
	"fmt"
)

// Ability is something that not every fleet can do.
type Ability string

// The abilities.
const (
	// Network is Cut, Lose and Join.
	Network Ability = "network"
	// Wires is Shape.
	Wires Ability = "wires"
	// Disk is PowerCut, Fill and Free, Hang and GoOn, ReadOnly and Repair.
	Disk Ability = "disk"
	// Trace is FailSyncs and Sync.
	Trace Ability = "trace"
)

// Unable is a refusal of what a fleet can't do.
type Unable struct {
	Ability Ability
	Reason  string
}

func (e *Unable) Error() string { return fmt.Sprintf("no faults of kind %s: %s", e.Ability, e.Reason) }

// Fleet is the nodes of a cluster, counted from 0. A node that does not run
// has its address all the same. Methods are for one goroutine at a time,
// except Endpoint, Running and Names.
type Fleet interface {
	// Can returns nil or an *Unable.
	Can(Ability) error
	// Len is how many nodes there may be.
	Len() int
	// Name is the node's id.
	Name(node int) string
	// Endpoint is the URL of the node's API, and Peer its address for others.
	Endpoint(node int) string
	Peer(node int) string
	// DataDir holds what the node keeps.
	DataDir(node int) string

	// Start starts a node that does not run, from the program that it ran last.
	Start(node int) error
	// StartWith starts it from that program, empty for the fleet's own, and
	// with those variables beside the driver's. Start does the same from then on.
	StartWith(node int, program string, env ...string) error
	// Running reports whether the node's process is there.
	Running(node int) bool
	// Exited is closed when the process that runs now has ended.
	Exited(node int) <-chan struct{}
	// LastWords is the end of what the node has written.
	LastWords(node int) string
	// Kill ends nodes at once, as SIGKILL does, and waits for that.
	Kill(nodes ...int) error
	// Stop asks a node to end, and waits for that.
	Stop(ctx context.Context, node int) error
	// Pause and Resume freeze and thaw a node.
	Pause(node int) error
	Resume(node int) error
	// Wipe removes what a node that does not run keeps.
	Wipe(node int) error

	// Cut drops what one node sends to another, in this direction only.
	Cut(from, to int) error
	// Lose drops that many percent, at random, of what reaches the node from
	// others.
	Lose(node, percent int) error
	// Shape delays, reorders, duplicates and loses packets between nodes, and
	// bounds how many there are, in place of what it was told before. Connections
	// live on when it begins and ends.
	Shape(Wire) error
	// Traffic counts what that did since the last Shape.
	Traffic() Traffic
	// Join takes back all Cut, Lose and Shape.
	Join() error

	// PowerCut ends nodes and loses what they have written and not synced.
	PowerCut(nodes ...int) error
	// Fill leaves no space on the node's disk, and Free gives it back.
	Fill(node int) error
	Free(node int) error
	// Hang holds up whatever reaches the node's disk to change it, and GoOn lets
	// it through. A node must not be killed meanwhile: it would not end.
	Hang(node int) error
	GoOn(node int) error
	// ReadOnly makes the node's disk take no more, as ext4 does that has met an
	// error. Repair checks it and mounts it anew, for a node that does not run.
	ReadOnly(node int) error
	Repair(node int) error
	// FailSyncs makes each flush of the running node fail, and Sync no more.
	FailSyncs(node int) error
	Sync(node int) error

	// Close ends and removes everything but the data and the logs.
	Close() error
}
