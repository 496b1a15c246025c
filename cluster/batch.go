package cluster

import (
	"errors"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/fsm"
)

// enqueueTimeout bounds how long an entry waits for Raft's leader loop.
const enqueueTimeout = 2 * time.Second

// proposeEntry hands a group of commands to Raft as one entry. It returns once
// Raft has it in order; the results come later. Only a leader's Raft takes it.
func (n *Node) proposeEntry(group []*proposal, release func()) {
	entry, err := n.entryOf(group)
	if err != nil {
		refuseAll(group, err)
		release()
		return
	}
	begun := time.Now()
	future := n.apply(entry)
	go func() {
		defer release()
		if err := future.Error(); err != nil {
			refuseAll(group, raftError(err))
			return
		}
		response, ok := future.Response().(applied)
		switch {
		case !ok:
			refuseAll(group, fail(CodeInternal, nil, "no response from the state machine"))
		case response.err != nil:
			refuseAll(group, fail(CodeHalted, response.err, "the node has halted"))
		default:
			n.config.observe(Event{Kind: EventCommit, Took: response.began.Sub(begun), Count: len(group)})
			failpoint.Reach(failpoint.CommitAnswer)
			for i, p := range group {
				d := proposed{result: response.results[i]}
				if p.traced != nil {
					d.passed = &passage{
						proposed: begun, committed: response.began, applied: response.ended,
						index: future.Index(), term: response.term, commands: len(group),
					}
				}
				p.done <- d
			}
		}
	}()
}

// entryOf encodes a group of commands. What a group says of where it comes from
// is left out while some member can't read that.
func (n *Node) entryOf(group []*proposal) ([]byte, error) {
	commands := make([][]byte, len(group))
	var origins []*fsm.Origin
	for i, p := range group {
		commands[i] = p.command
		if p.source == nil {
			continue
		}
		if origins == nil {
			origins = make([]*fsm.Origin, len(group))
		}
		origins[i] = &p.source.logged
	}
	read := false
	if origins != nil {
		var err error
		if read, err = n.originsRead(); err != nil {
			return nil, err
		}
	}
	at, err := n.stamp()
	switch {
	case err != nil:
		return nil, err
	case read:
		return fsm.EncodeOrigins(at, commands, origins), nil
	}
	return fsm.EncodeBatch(at, commands), nil
}

// raftError says what a failed Apply means for the caller: whether the entry
// is certainly not in the log.
func raftError(err error) *Error {
	switch {
	case errors.Is(err, raft.ErrNotLeader):
		return fail(CodeNoLeader, err, "this node does not lead")
	case errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return fail(CodeNoLeader, err, "leadership is being handed over")
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fail(CodeBusy, err, "the leader is busy")
	}
	// Leadership lost, shutdown, storage: the entry may be in some log.
	return fail(CodeOutcomeUnknown, err, "the outcome is unknown")
}
