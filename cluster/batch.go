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
	commands := make([][]byte, len(group))
	for i, p := range group {
		commands[i] = p.command
	}
	at, err := n.stamp()
	if err != nil {
		refuseAll(group, err)
		release()
		return
	}
	future := n.apply(fsm.EncodeBatch(at, commands))
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
			failpoint.Reach(failpoint.CommitAnswer)
			for i, p := range group {
				p.done <- proposed{result: response.results[i]}
			}
		}
	}()
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
