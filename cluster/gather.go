package cluster

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/fsm"
)

// proposal is a command that waits for its result.
type proposal struct {
	command []byte
	source  *source // nil for a node's own
	// deadline is when its caller gives up; zero is never.
	deadline time.Time
	// taken is set by whoever decides first: the gatherer that sends it on or
	// the caller that gives up. It makes "not applied" exact.
	taken atomic.Bool
	done  chan proposed // buffered, so that who answers never waits

	traced *traced // nil where nobody draws
}

// size is about what it takes in an entry, or on its way there, at most.
func (p *proposal) size() int { return len(p.command) + p.source.size() }

type proposed struct {
	result fsm.Result
	err    error
	passed *passage // of a traced proposal
}

// gatherer sends commands on, those that wait together (group commit). While
// as many groups are under way as there are slots, arriving commands gather.
type gatherer struct {
	queue   chan *proposal
	waiting allowance // the bytes of what is in queue and nobody has taken
	slots   chan struct{}
	stopped <-chan struct{}
	// send sends a group on, at most batchCommandsMax commands of entryBytesMax
	// bytes. It is called from one goroutine, in the order in which the groups
	// have to go, and calls release once after all of them are answered.
	send func(group []*proposal, release func())
}

// gather starts a gatherer with room for slots groups under way. It runs until
// stopped closes.
func gather(slots int, stopped <-chan struct{}, send func([]*proposal, func())) *gatherer {
	g := &gatherer{
		queue: make(chan *proposal, queueMax), slots: make(chan struct{}, slots),
		stopped: stopped, send: send,
	}
	g.waiting.most = queueBytesMax
	go g.run()
	return g
}

// enqueue has the command sent on, or says why it certainly is not.
func (g *gatherer) enqueue(ctx context.Context, command []byte, from *source) (*proposal, error) {
	p := &proposal{command: command, source: from, done: make(chan proposed, 1), traced: tracedIn(ctx)}
	p.deadline, _ = ctx.Deadline()
	select {
	case <-g.stopped:
		return nil, fail(CodeStopping, nil, "the node is stopping")
	default:
	}
	if !g.waiting.take(p.size()) {
		return nil, fail(CodeBusy, nil, "the commands that are waiting have %d bytes, the limit is %d", g.waiting.held.Load(), queueBytesMax)
	}
	select {
	case g.queue <- p:
		return p, nil
	default:
		g.waiting.give(p.size())
		return nil, fail(CodeBusy, nil, "%d commands are waiting already", queueMax)
	}
}

// take makes a proposal from the queue the gatherer's own, unless its caller has
// given up.
func (g *gatherer) take(p *proposal) bool {
	if !p.taken.CompareAndSwap(false, true) {
		return false
	}
	g.waiting.give(p.size())
	return true
}

// giveUp takes a proposal away from the gatherer, unless that has taken it. Its place
// in the queue is free only once the gatherer comes by, but not its bytes.
func (g *gatherer) giveUp(p *proposal) bool {
	if !p.taken.CompareAndSwap(false, true) {
		return false
	}
	g.waiting.give(p.size())
	p.command, p.source = nil, nil
	return true
}

// submit sends the command on and waits for its result. The error is an
// *Error.
func (g *gatherer) submit(ctx context.Context, command []byte, from *source) (fsm.Result, error) {
	p, err := g.enqueue(ctx, command, from)
	if err != nil {
		return fsm.Result{}, err
	}
	return g.await(ctx, p)
}

// await waits for a proposal's result.
func (g *gatherer) await(ctx context.Context, p *proposal) (fsm.Result, error) {
	select {
	case d := <-p.done:
		p.traced.draw(d.passed)
		return d.result, d.err
	case <-ctx.Done():
		if g.giveUp(p) {
			return fsm.Result{}, fail(CodeDeadline, ctx.Err(), "the command was not proposed in time")
		}
		return fsm.Result{}, fail(CodeOutcomeUnknown, ctx.Err(), "the command was proposed, its result did not come in time")
	case <-g.stopped:
		if g.giveUp(p) {
			return fsm.Result{}, fail(CodeStopping, nil, "the node is stopping")
		}
	}
	// Stopping: Raft's shutdown answers every entry it was given, and the
	// closed network every call.
	select {
	case d := <-p.done:
		p.traced.draw(d.passed)
		return d.result, d.err
	case <-ctx.Done():
		return fsm.Result{}, fail(CodeOutcomeUnknown, ctx.Err(), "the node stopped before the result came")
	}
}

func (g *gatherer) run() {
	var carried *proposal
	for {
		group, size := []*proposal(nil), 0
		if carried != nil {
			group, size, carried = append(group, carried), carried.size(), nil
		} else {
			select {
			case p := <-g.queue:
				if !g.take(p) {
					continue
				}
				group, size = append(group, p), p.size()
			case <-g.stopped:
				return
			}
		}
		select {
		case g.slots <- struct{}{}:
		case <-g.stopped:
			refuseAll(group, fail(CodeStopping, nil, "the node is stopping"))
			return
		}
	more:
		for len(group) < batchCommandsMax {
			select {
			case p := <-g.queue:
				if !g.take(p) {
					continue
				}
				if size += p.size(); size > entryBytesMax {
					carried = p
					break more
				}
				group = append(group, p)
			default:
				break more
			}
		}
		g.send(group, func() { <-g.slots })
	}
}

func refuseAll(group []*proposal, err error) {
	for _, p := range group {
		p.done <- proposed{err: err}
	}
}
