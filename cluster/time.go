package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm/tree"
)

// Time in the log never goes back, and request ids that are more than an hour
// behind it are refused. So one clock that is hours ahead could end all writes,
// even after its node is gone. No single clock enters the log, therefore: a
// leader takes the time that most voters agree on, before its first entry and
// every timeInterval after, and goes on from there by its monotonic clock, which
// nobody sets.
//
// Of the voters' clocks the median counts, the lower one of two: a time that is
// too early does no harm for minutes, and not at all once it is put right.

// timeInterval is how often a leader compares clocks.
const timeInterval = 5 * time.Second

// logTime is a time that the voters' clocks agreed on.
type logTime struct {
	at     time.Time     // of this node's clock, with a monotonic reading
	offset time.Duration // from there to the agreed time
	// ahead is by how much each voter that answered is ahead of it, by node id.
	ahead map[string]time.Duration
}

// clockAnswer is what a voter said; its offset is nil if it said nothing.
type clockAnswer struct {
	server raft.ServerID
	offset *time.Duration
}

// now is the agreed time as it is now.
func (l *logTime) now() time.Time { return l.at.Round(0).Add(l.offset + time.Since(l.at)) }

// stamp is the time for an entry.
func (n *Node) stamp() (tree.Time, error) {
	l := n.time.Load()
	if l == nil {
		return 0, fail(CodeNoLeader, nil, "this node does not know yet what time most voters have")
	}
	return tree.Time(l.now().UnixMicro()), nil
}

// agreeOnTime compares the voters' clocks, of all that answer or, if it is
// urgent, of the first majority.
func (n *Node) agreeOnTime(ctx context.Context, urgent bool) error {
	servers, err := n.servers()
	if err != nil {
		return err
	}
	begun := time.Now()
	answers := make(chan clockAnswer, len(servers))
	voters := 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
			go func() { answers <- clockAnswer{s.ID, n.clockOf(ctx, s, begun)} }()
		}
	}
	var offsets []time.Duration
	ahead := make(map[string]time.Duration, voters)
	for range voters {
		if a := <-answers; a.offset != nil {
			offsets = append(offsets, *a.offset)
			ahead[nodeIDOf(string(a.server))] = *a.offset
		}
		if urgent && len(offsets) > voters/2 {
			break
		}
	}
	if len(offsets) <= voters/2 {
		return fail(CodeNotReady, nil, "%d of %d voters told the time, that is no majority", len(offsets), voters)
	}
	slices.Sort(offsets)
	agreed := offsets[(len(offsets)-1)/2]
	for server := range ahead {
		ahead[server] -= agreed
	}
	n.time.Store(&logTime{begun, agreed, ahead})
	return nil
}

// clockOf is by how much a voter's clock is ahead of this node's monotonic one,
// counted from begun; nil if it does not answer. One from before clocks were
// told counts as if it had this node's.
func (n *Node) clockOf(ctx context.Context, s raft.Server, begun time.Time) *time.Duration {
	clock := n.config.Clock()
	if !n.isSelf(s) {
		h, err := n.greet(ctx, string(s.Address))
		if err != nil || h.RaftID != string(s.ID) {
			return nil
		}
		if h.Clock != 0 {
			clock = time.UnixMicro(h.Clock)
		}
	}
	// Without Round the monotonic readings would be compared.
	offset := clock.Round(0).Sub(begun.Round(0)) - time.Since(begun)
	return &offset
}

// keepTime compares clocks again and again, until the context ends with the
// leadership. Where that fails, the last comparison holds.
func (n *Node) keepTime(ctx context.Context) {
	tick := time.NewTicker(timeInterval)
	defer tick.Stop()
	for {
		if err := n.agreeOnTime(ctx, false); err != nil && ctx.Err() == nil {
			n.log.Debug("the clocks were not compared", "reason", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
