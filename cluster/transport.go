package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// peerTransport is a network transport with two differences, both for safety.
//
// It has no fast path for heartbeats. On that path a heartbeat raises the term
// from the transport's goroutine while the leader's loop still appends:
// a deposed leader then stamps entries with a term it never won (hashicorp/raft
// issue 695). Without it, heartbeats take their turn in Raft's own loop.
//
// And a follower's answer for entries reaches Raft only once this node has them
// on its own disk: see logstore.Ahead, which needs that.
type peerTransport struct {
	*raft.NetworkTransport
	written func(index uint64, gone <-chan struct{}) error
	stopped <-chan struct{}
}

// peersPooled is how many idle connections are kept to each peer.
const peersPooled = 3

func newTransport(n Network, timeout time.Duration, log hclog.Logger, written func(uint64, <-chan struct{}) error, stopped <-chan struct{}) peerTransport {
	return peerTransport{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  n.Raft(),
		MaxPool: peersPooled,
		Timeout: timeout,
		Logger:  log.Named("transport"),
	}), written, stopped}
}

// SetHeartbeatHandler ignores the handler, which is what turns the path off.
func (peerTransport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntries implements raft.Transport.
func (t peerTransport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	if err := t.NetworkTransport.AppendEntries(id, target, args, resp); err != nil {
		return err
	}
	return t.await(args, resp, t.stopped)
}

// await waits until this node has written what the answer says a follower has.
func (t peerTransport) await(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse, gone <-chan struct{}) error {
	if n := len(args.Entries); n > 0 && resp.Success {
		return t.written(args.Entries[n-1].Index, gone)
	}
	return nil
}

// AppendEntriesPipeline implements raft.Transport.
func (t peerTransport) AppendEntriesPipeline(id raft.ServerID, target raft.ServerAddress) (raft.AppendPipeline, error) {
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, target)
	if err != nil {
		return nil, err
	}
	p := &writtenPipeline{AppendPipeline: inner, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
	go p.run(t)
	return p, nil
}

// writtenPipeline holds back each answer until this node has its entries on
// disk.
//
// It closes by itself with the last answer that Raft takes. Raft's two goroutines
// for a pipeline are not told of each other's end at once: the one that sends could
// wait in AppendEntries for an answer to be taken that the other one never takes.
// That follower would get nothing from this leader any more, and Raft's shutdown
// would not end.
type writtenPipeline struct {
	raft.AppendPipeline
	answers chan raft.AppendFuture
	closing sync.Once
	closed  chan struct{}
}

func (p *writtenPipeline) run(t peerTransport) {
	for {
		var f raft.AppendFuture
		select {
		case f = <-p.AppendPipeline.Consumer():
		case <-p.closed:
			return
		}
		if f.Error() == nil && t.await(f.Request(), f.Response(), p.closed) != nil {
			_ = p.Close() // never told: this node is about to stop, or the pipeline closed
			return
		}
		last := isLastAnswer(f)
		select {
		case p.answers <- f:
		case <-p.closed:
			return
		}
		if last {
			_ = p.Close() // a connection of which nobody reads any more
			return
		}
	}
}

// isLastAnswer reports whether Raft takes no other from the pipeline after it.
func isLastAnswer(f raft.AppendFuture) bool {
	return f.Error() != nil || !f.Response().Success || f.Response().Term > f.Request().Term
}

// Consumer implements raft.AppendPipeline.
func (p *writtenPipeline) Consumer() <-chan raft.AppendFuture { return p.answers }

// Close implements raft.AppendPipeline.
func (p *writtenPipeline) Close() error {
	p.closing.Do(func() { close(p.closed) })
	return p.AppendPipeline.Close()
}
