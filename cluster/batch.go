package cluster

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// enqueueTimeout bounds how long an entry waits for Raft's leader loop.
const enqueueTimeout = 2 * time.Second

// proposal is a command that waits for its result.
type proposal struct {
	command []byte
	// taken is set by whoever decides first: the batcher that proposes it or
	// the caller that gives up. It makes "not applied" exact.
	taken atomic.Bool
	done  chan proposed // buffered, so that the batcher never waits
}

type proposed struct {
	result fsm.Result
	err    error
}

// batcher makes log entries of the commands that wait (group commit). While
// batchesInFlight entries wait for their commit, arriving commands gather.
type batcher struct {
	queue   chan *proposal
	slots   chan struct{}
	raft    *raft.Raft
	stopped <-chan struct{}
}

func newBatcher(r *raft.Raft, stopped <-chan struct{}) *batcher {
	b := &batcher{
		queue: make(chan *proposal, queueMax), slots: make(chan struct{}, batchesInFlight),
		raft: r, stopped: stopped,
	}
	go b.run()
	return b
}

// submit proposes the command on this node and waits for its result. Only a
// leader's Raft takes it. The error is an *Error.
func (b *batcher) submit(ctx context.Context, command []byte) (fsm.Result, error) {
	p := &proposal{command: command, done: make(chan proposed, 1)}
	select {
	case <-b.stopped:
		return fsm.Result{}, fail(CodeStopping, nil, "the node is stopping")
	default:
	}
	select {
	case b.queue <- p:
	default:
		return fsm.Result{}, fail(CodeBusy, nil, "%d commands are waiting already", queueMax)
	}
	select {
	case d := <-p.done:
		return d.result, d.err
	case <-ctx.Done():
		if p.taken.CompareAndSwap(false, true) {
			return fsm.Result{}, fail(CodeDeadline, ctx.Err(), "the command was not proposed in time")
		}
		return fsm.Result{}, fail(CodeOutcomeUnknown, ctx.Err(), "the command was proposed, its result did not come in time")
	case <-b.stopped:
		if p.taken.CompareAndSwap(false, true) {
			return fsm.Result{}, fail(CodeStopping, nil, "the node is stopping")
		}
	}
	// Stopping: Raft's shutdown answers every entry it was given.
	select {
	case d := <-p.done:
		return d.result, d.err
	case <-ctx.Done():
		return fsm.Result{}, fail(CodeOutcomeUnknown, ctx.Err(), "the node stopped before the result came")
	}
}

func (b *batcher) run() {
	var carried *proposal
	for {
		batch, size := []*proposal(nil), 0
		if carried != nil {
			batch, size, carried = append(batch, carried), len(carried.command), nil
		} else {
			select {
			case p := <-b.queue:
				if !p.taken.CompareAndSwap(false, true) {
					continue
				}
				batch, size = append(batch, p), len(p.command)
			case <-b.stopped:
				return
			}
		}
		select {
		case b.slots <- struct{}{}:
		case <-b.stopped:
			refuseAll(batch, fail(CodeStopping, nil, "the node is stopping"))
			return
		}
	gather:
		for len(batch) < batchCommandsMax {
			select {
			case p := <-b.queue:
				if !p.taken.CompareAndSwap(false, true) {
					continue
				}
				if size += len(p.command); size > entryBytesMax {
					carried = p
					break gather
				}
				batch = append(batch, p)
			default:
				break gather
			}
		}
		b.propose(batch)
	}
}

// propose hands one entry to Raft. It returns once Raft has it in order; the
// results come later.
func (b *batcher) propose(batch []*proposal) {
	commands := make([][]byte, len(batch))
	for i, p := range batch {
		commands[i] = p.command
	}
	future := b.raft.Apply(stampedEntry(commands), enqueueTimeout)
	go func() {
		defer func() { <-b.slots }()
		if err := future.Error(); err != nil {
			refuseAll(batch, raftError(err))
			return
		}
		response, ok := future.Response().(applied)
		switch {
		case !ok:
			refuseAll(batch, fail(CodeInternal, nil, "no response from the state machine"))
		case response.err != nil:
			refuseAll(batch, fail(CodeHalted, response.err, "the node has halted"))
		default:
			for i, p := range batch {
				p.done <- proposed{result: response.results[i]}
			}
		}
	}()
}

// stampedEntry is the one place where the proposer's clock enters the log.
func stampedEntry(commands [][]byte) []byte {
	return fsm.EncodeBatch(tree.Time(time.Now().UnixMicro()), commands)
}

func refuseAll(batch []*proposal, err error) {
	for _, p := range batch {
		p.done <- proposed{err: err}
	}
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
