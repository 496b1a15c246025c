package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/treenode/treenode/fsm"
)

// retryPause is how long a node waits before it tries again where nothing
// tells it that something changed.
const retryPause = 20 * time.Millisecond

// Propose has the command executed by the cluster, whichever node leads, and
// returns its result once a majority has it on disk and this cluster's leader
// has applied it. A refusal by the state machine is in the result.
//
// It tries until the context ends (Timing.Request if it has no deadline),
// which the request id makes safe. The context also says where the change comes
// from, see WithOrigin: the leader asks Config.Authorize about it. The error is an *Error: CodeOutcomeUnknown
// if the command may have happened or may yet, otherwise it certainly has not
// and will not. CodeBusy comes at once where the commands inside Propose would weigh
// more than they may together.
func (n *Node) Propose(ctx context.Context, cmd fsm.Command) (fsm.Result, error) {
	begun := time.Now()
	n.proposing.Add(1)
	span := n.begin(ctx, SpanPropose, nil)
	result, err := n.proposeUntilDone(ctx, cmd, span)
	if span != nil {
		span.End(err)
	}
	n.proposing.Add(-1)
	n.config.observe(Event{Kind: EventProposal, Took: time.Since(begun), Count: 1, Err: err})
	return result, err
}

func (n *Node) proposeUntilDone(ctx context.Context, cmd fsm.Command, span Span) (fsm.Result, error) {
	command, err := cmd.Encode()
	if err != nil {
		return fsm.Result{}, fail(CodeInvalid, err, "the command can't be encoded")
	}
	if len(command) > commandBytesMax {
		return fsm.Result{}, fail(CodeTooLarge, nil, "the command has %d bytes, the limit is %d; split it", len(command), commandBytesMax)
	}
	if !n.held.take(len(command)) {
		return fsm.Result{}, fail(CodeBusy, nil, "the commands on their way have %d bytes, the limit is %d", n.held.held.Load(), heldBytesMax)
	}
	defer n.held.give(len(command))
	from, err := sourceOf(ctx)
	if err != nil {
		return fsm.Result{}, fail(CodeInvalid, err, "where the change comes from")
	}
	ctx, cancel := n.withDeadline(ctx)
	defer cancel()
	ctx = within(ctx, span)
	maybe := false // an attempt may have reached a log
	for {
		changed := n.leaderChanged.Wait()
		result, err := n.proposeOnce(ctx, cmd, command, from)
		if err == nil {
			return result, nil
		}
		var e *Error
		if !errors.As(err, &e) {
			e = fail(CodeInternal, err, "unexpected failure")
		}
		retriable := false
		switch e.Code {
		case CodeOutcomeUnknown:
			maybe, retriable = true, true
		case CodeNoLeader, CodeBusy:
			retriable = true
		case CodeStopping:
			retriable = n.usable() == nil // it was the leader that stopped
		default: // certain, and no other try would change it
		}
		if retriable && ctx.Err() == nil {
			pause(ctx, changed)
		}
		if !retriable || ctx.Err() != nil {
			if maybe && e.Code != CodeOutcomeUnknown {
				e = fail(CodeOutcomeUnknown, e, "an attempt may have succeeded")
			}
			return fsm.Result{}, e
		}
	}
}

// pause waits for a change of leader, but not for long: a leader may also
// become ready, or less busy, without one.
func pause(ctx context.Context, changed <-chan struct{}) {
	t := time.NewTimer(retryPause)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

func (n *Node) withDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, n.config.Timing.Request)
}

func (n *Node) proposeOnce(ctx context.Context, cmd fsm.Command, command []byte, from *source) (fsm.Result, error) {
	if err := n.usable(); err != nil {
		return fsm.Result{}, err
	}
	switch _, self, ok := n.leader(); {
	case !ok:
		return fsm.Result{}, fail(CodeNoLeader, nil, "no leader is known")
	case self:
		if err := n.authorize(from, cmd); err != nil {
			return fsm.Result{}, err
		}
		if err := n.commandRead(ctx, cmd); err != nil {
			return fsm.Result{}, err
		}
		return n.entries.submit(ctx, command, from)
	}
	return n.forwards.submit(ctx, command, from)
}
