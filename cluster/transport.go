package cluster

import (
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// peerTransport is a network transport with five differences, four of them for safety.
//
// It has no fast path for heartbeats. On that path a heartbeat raises the term
// from the transport's goroutine while the leader's loop still appends:
// a deposed leader then stamps entries with a term it never won (hashicorp/raft
// issue 695). Without it, heartbeats take their turn in Raft's own loop.
//
// A follower's answer for entries reaches Raft only once this node has them on
// its own disk: see logstore.Ahead, which needs that.
//
// A connection belongs to a server, not to an address. Raft goes on for a while
// to send to a server that was removed; where its node is another server by now,
// that one must not take what it gets for its own: a snapshot would cut off
// entries that it has acknowledged.
//
// And no follower commits more than it was shown to have in common with the
// leader (Raft paper, figure 2: min(leaderCommit, index of last new entry)).
// hashicorp/raft commits up to the end of the follower's log, of which the rest
// may be another leader's.
//
// The fifth is for a follower that returns. Raft pauses after each failure to send
// it entries, twice as long as the time before, up to ten seconds, whatever the
// heartbeats find out meanwhile. A failure is not told to Raft here while the call
// still makes sense: it is made again.
//
// Where peers prove who they are, what one sends counts only as its own; see
// acceptors.
type peerTransport struct {
	*raft.NetworkTransport
	hooks
	accepted *acceptors // nil where streams have no names
}

// hooks are what a transport asks its node.
type hooks struct {
	// written waits until this node has an entry on disk; see logstore.Ahead.
	written func(index uint64, gone <-chan struct{}) error
	// sends reports whether this node leads in a term, and a server is a member
	// and has that address.
	sends   func(term uint64, id raft.ServerID, addr raft.ServerAddress) bool
	stopped <-chan struct{}
	// answered is told of every answer of a follower. Optional.
	answered func(raft.ServerID, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse)
}

func (h hooks) tell(id raft.ServerID, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	if h.answered != nil {
		h.answered(id, args, resp)
	}
}

// resendPause is the time before a call is made again.
const resendPause = 100 * time.Millisecond

// peersPooled is how many idle connections are kept to each peer.
const peersPooled = 3

func newTransport(n Network, timeout time.Duration, log hclog.Logger, h hooks) peerTransport {
	log = log.Named("transport")
	stream, accepted := n.Raft(), (*acceptors)(nil)
	if namesPeers(n) {
		accepted = newAcceptors(stream, timeout, log)
		stream = accepted
	}
	return peerTransport{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  stream,
		MaxPool: peersPooled,
		Timeout: timeout,
		Logger:  log,
	}), h, accepted}
}

// Consumer implements raft.Transport.
func (t peerTransport) Consumer() <-chan raft.RPC {
	if t.accepted != nil {
		return t.accepted.rpcs
	}
	return t.NetworkTransport.Consumer()
}

// SetHeartbeatHandler ignores the handler, which is what turns the path off.
func (peerTransport) SetHeartbeatHandler(func(raft.RPC)) {}

// boundCommit bounds what a follower commits on a request.
func boundCommit(args *raft.AppendEntriesRequest) {
	args.LeaderCommitIndex = min(args.LeaderCommitIndex, args.PrevLogEntry+uint64(len(args.Entries)))
}

// AppendEntries implements raft.Transport.
func (t peerTransport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	boundCommit(args)
	for {
		err := t.NetworkTransport.AppendEntries(id, StreamTarget(id, target), args, resp)
		switch {
		case err == nil:
			t.tell(id, args, resp)
			return t.await(args, resp, t.stopped)
		case isHeartbeat(args):
			return err
		}
		select {
		case <-time.After(resendPause):
		case <-t.stopped:
			return err
		}
		if !t.sends(args.Term, id, target) {
			return err
		}
	}
}

// isHeartbeat reports whether a request is one of those that Raft sends beside
// entries, at its own pace.
func isHeartbeat(args *raft.AppendEntriesRequest) bool {
	return args.PrevLogEntry == 0 && len(args.Entries) == 0 && args.LeaderCommitIndex == 0
}

// RequestVote implements raft.Transport.
func (t peerTransport) RequestVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return t.NetworkTransport.RequestVote(id, StreamTarget(id, target), args, resp)
}

// RequestPreVote implements raft.WithPreVote.
func (t peerTransport) RequestPreVote(id raft.ServerID, target raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return t.NetworkTransport.RequestPreVote(id, StreamTarget(id, target), args, resp)
}

// InstallSnapshot implements raft.Transport.
func (t peerTransport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.NetworkTransport.InstallSnapshot(id, StreamTarget(id, target), args, resp, data)
}

// TimeoutNow implements raft.Transport.
func (t peerTransport) TimeoutNow(id raft.ServerID, target raft.ServerAddress, args *raft.TimeoutNowRequest, resp *raft.TimeoutNowResponse) error {
	return t.NetworkTransport.TimeoutNow(id, StreamTarget(id, target), args, resp)
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
	inner, err := t.NetworkTransport.AppendEntriesPipeline(id, StreamTarget(id, target))
	if err != nil {
		return nil, err
	}
	p := &writtenPipeline{AppendPipeline: inner, to: id, answers: make(chan raft.AppendFuture), closed: make(chan struct{})}
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
	to      raft.ServerID
	answers chan raft.AppendFuture
	closing sync.Once
	closed  chan struct{}
}

// AppendEntries implements raft.AppendPipeline.
func (p *writtenPipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	boundCommit(args)
	return p.AppendPipeline.AppendEntries(args, resp)
}

func (p *writtenPipeline) run(t peerTransport) {
	for {
		var f raft.AppendFuture
		select {
		case f = <-p.AppendPipeline.Consumer():
		case <-p.closed:
			return
		}
		if f.Error() == nil {
			t.tell(p.to, f.Request(), f.Response())
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
