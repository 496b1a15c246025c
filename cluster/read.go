package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"time"
)

// roundTimeout bounds one round of asking the voters for their term.
const roundTimeout = 2 * time.Second

var (
	errStopped   = errors.New("the node is stopping")
	errNotLeader = errors.New("this node does not lead, or not yet surely")
)

// Read returns a view as fresh as the level asks for. index counts for Session
// only. The error is an *Error; a read that failed can always be tried again.
func (n *Node) Read(ctx context.Context, level Level, index uint64) (*View, error) {
	if err := n.usable(); err != nil {
		return nil, err
	}
	if level == Stale {
		return n.machine.View(), nil
	}
	ctx, cancel := n.withDeadline(ctx)
	defer cancel()
	if level == Session {
		return n.caughtUp(ctx, index)
	}
	span, begun := n.begin(ctx, SpanRead, nil), time.Now()
	index, err := n.ReadIndex(ctx)
	confirmed := time.Now()
	var v *View
	if err == nil {
		v, err = n.caughtUp(ctx, index)
	}
	if span != nil {
		span.Part(SpanReadIndex, begun, confirmed)
		span.Part(SpanCatchUp, confirmed, time.Now())
		span.Set("treenode.raft.index", index)
		span.End(err)
	}
	return v, err
}

// caughtUp waits until an index is applied, and returns a view that shows it.
func (n *Node) caughtUp(ctx context.Context, index uint64) (*View, error) {
	for {
		if err := n.progress.wait(ctx, index, n.stopped); err != nil {
			if errors.Is(err, errStopped) {
				return nil, n.stoppedError()
			}
			return nil, fail(CodeNotReady, err, "index %d is not applied here yet (applied is %d)", index, n.machine.View().Index)
		}
		if err := n.usable(); err != nil { // it may have halted while we waited
			return nil, err
		}
		// A snapshot that came in between may show less, for a moment.
		if v := n.machine.View(); v.Index >= index {
			return v, nil
		}
	}
}

// ReadIndex returns an index that covers everything acknowledged before the
// call: a node that has applied it answers linearizably.
func (n *Node) ReadIndex(ctx context.Context) (uint64, error) {
	begun := time.Now()
	index, err := n.readIndex(ctx)
	n.config.observe(Event{Kind: EventReadIndex, Took: time.Since(begun), Err: err})
	return index, err
}

func (n *Node) readIndex(ctx context.Context) (uint64, error) {
	for {
		changed := n.leaderChanged.Wait()
		index, err := n.readRounds.join(ctx)
		if err == nil {
			return index, nil
		}
		if stopped := n.usable(); stopped != nil {
			return 0, stopped
		}
		pause(ctx, changed)
		if ctx.Err() != nil {
			return 0, fail(CodeNoLeader, err, "no leader confirmed the read in time")
		}
	}
}

// askReadIndex is one round: here if this node leads, else at the leader.
func (n *Node) askReadIndex(ctx context.Context) (uint64, error) {
	leader, self, ok := n.leader()
	switch {
	case !ok:
		return 0, errNotLeader
	case self:
		return n.confirmIndex(ctx)
	}
	ctx, cancel := n.untilReplaced(ctx, leader)
	defer cancel()
	answer, err := n.config.Network.Call(ctx, leader, VerbReadIndex, nil)
	if err != nil {
		return 0, err
	}
	return decodeIndex(answer)
}

// confirmIndex returns the commit index after a majority of the voters, asked
// from now on, has answered with a term no later than ours. A later leader
// needs a majority that has moved to its term; one of those would have said
// so, or have answered before it moved, and then after this call began.
func (n *Node) confirmIndex(ctx context.Context) (uint64, error) {
	l := n.leads.Load()
	if l == nil {
		return 0, errNotLeader
	}
	index := n.raft.CommitIndex()
	servers, err := n.servers()
	if err != nil {
		return 0, err
	}
	agreed, voters := n.followed(ctx, l, servers, "")
	if agreed <= voters/2 || n.leads.Load() != l {
		return 0, errors.Join(errNotLeader, ctx.Err())
	}
	return index, nil
}

func encodeIndex(index uint64) []byte { return binary.BigEndian.AppendUint64(nil, index) }

func decodeIndex(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, &PeerError{Code: PeerBadRequest, Message: "an index has 8 bytes"}
	}
	return binary.BigEndian.Uint64(b), nil
}
