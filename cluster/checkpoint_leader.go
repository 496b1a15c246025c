package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

const (
	// checkpointLooks is how often a leader sees whether one is due.
	checkpointLooks = time.Second
	// checkpointShare bounds what checkpoints cost: the next one begins no
	// earlier than so many times what the last one took.
	checkpointShare = 10
	// collectTimeout bounds how much longer than for its own digest a leader
	// waits for a majority of them.
	collectTimeout = 2 * time.Minute
	// digestRetry is how long a leader waits before it asks a voter again that
	// it could not reach.
	digestRetry = 200 * time.Millisecond
	// haltTries is how often a member is told to halt.
	haltTries = 3
)

// Checkpoint is a state that more than half of the voters have found to be the
// same.
type Checkpoint struct {
	Marked uint64 // the index the digest is of
	Index  uint64 // of the entry that carries it
	Digest Digest
}

var errOpen = errors.New("too few voters gave a digest")

// checkpointRegularly takes checkpoints until the context ends with the
// leadership.
func (n *Node) checkpointRegularly(ctx context.Context) {
	if n.config.CheckpointInterval < 0 {
		return
	}
	tick := time.NewTicker(min(checkpointLooks, n.config.CheckpointInterval))
	defer tick.Stop()
	last, took := time.Now(), time.Duration(0)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		moved, since := n.machine.View().Index-n.newestCheckpoint(), time.Since(last)
		if moved == 0 || since < checkpointShare*took || since < n.config.CheckpointInterval && moved < n.config.CheckpointEntries {
			continue
		}
		begun := time.Now()
		if _, err := n.Checkpoint(ctx); err != nil && ctx.Err() == nil {
			n.log.Info("no checkpoint was taken", "reason", err)
		}
		last = time.Now()
		took = last.Sub(begun)
	}
}

func (n *Node) newestCheckpoint() uint64 {
	n.checkpoints.mu.Lock()
	defer n.checkpoints.mu.Unlock()
	return n.checkpoints.newest
}

// Checkpoint compares the voters' states now and puts what most of them have
// into the log, where every node compares it with its own. This node must lead.
// The error is an *Error; inside it is a *Divergence if the voters agree on
// nothing, and this node has halted.
func (n *Node) Checkpoint(ctx context.Context) (Checkpoint, error) {
	begun := time.Now()
	c, differing, err := n.checkpoint(ctx)
	n.config.observe(Event{Kind: EventCheckpoint, Took: time.Since(begun), Count: differing, Err: err})
	return c, err
}

// checkpoint also returns how many voters have another digest than most.
func (n *Node) checkpoint(ctx context.Context) (Checkpoint, int, error) {
	n.checkpoints.taking.Lock()
	defer n.checkpoints.taking.Unlock()
	var c Checkpoint
	var votes map[string]Digest
	// A second round gives a voter that had nothing to say, because it had
	// just started, its say.
	for range 2 {
		if err := n.usable(); err != nil {
			return Checkpoint{}, 0, err
		}
		marked, err := n.propose(ctx, fsm.LevelMarks, fsm.EncodeMark)
		if err != nil {
			return Checkpoint{}, 0, err
		}
		c.Marked = marked
		var silent int
		c.Digest, votes, silent, err = n.collect(ctx, marked)
		switch {
		case err == nil:
			c.Index, err = n.propose(ctx, fsm.LevelMarks, func(at tree.Time) []byte {
				return fsm.EncodeCheckpoint(at, c.Marked, c.Digest)
			})
			return c, differing(votes, c.Digest), err
		case ctx.Err() != nil:
			return Checkpoint{}, 0, fail(CodeDeadline, ctx.Err(), "the digests did not come in time")
		case !differ(votes):
			return Checkpoint{}, 0, fail(CodeNotReady, err, "no checkpoint at index %d", marked)
		case silent == 0:
			return Checkpoint{}, len(votes), n.haltAll(c.Marked, votes)
		}
	}
	return Checkpoint{}, len(votes), n.haltAll(c.Marked, votes)
}

// differing counts the votes for another digest.
func differing(votes map[string]Digest, agreed Digest) int {
	n := 0
	for _, d := range votes {
		if d != agreed {
			n++
		}
	}
	return n
}

// propose puts an entry of a level above the first into the log, if all
// members read that, and returns its index once it is applied here.
func (n *Node) propose(ctx context.Context, level int, entry func(at tree.Time) []byte) (uint64, error) {
	n.changing.Lock()
	defer n.changing.Unlock()
	return n.proposeAlone(ctx, level, entry)
}

// proposeAlone is propose for a caller that holds n.changing.
func (n *Node) proposeAlone(ctx context.Context, level int, entry func(at tree.Time) []byte) (uint64, error) {
	if n.leads.Load() == nil {
		return 0, fail(CodeNoLeader, nil, "this node does not lead")
	}
	if err := n.allRead(ctx, level); err != nil {
		return 0, err
	}
	at, err := n.stamp()
	if err != nil {
		return 0, err
	}
	future := n.apply(entry(at))
	if err := future.Error(); err != nil {
		return 0, raftError(err)
	}
	if response, ok := future.Response().(applied); !ok || response.err != nil {
		return 0, fail(CodeHalted, response.err, "the node has halted")
	}
	return future.Index(), nil
}

// ballot is one voter's digest; err says that it has none.
type ballot struct {
	server string
	digest Digest
	err    error
}

// collect asks every voter for its digest of a mark, until more than half have
// the same. Without that it returns errOpen, what it has, and how many voters
// gave nothing.
//
// Members without a vote are not asked: what is committed does not depend on
// them either. They compare what comes of it like all others.
func (n *Node) collect(ctx context.Context, marked uint64) (Digest, map[string]Digest, int, error) {
	servers, err := n.servers()
	if err != nil {
		return Digest{}, nil, 0, err
	}
	// A leader is a party to what comes of this, so it waits for its own. What
	// that takes tells how long the others may.
	begun := time.Now()
	if _, err := n.ownDigest(ctx, marked); err != nil {
		return Digest{}, nil, len(servers), err
	}
	ctx, cancel := context.WithTimeout(ctx, collectTimeout+time.Since(begun))
	defer cancel()
	ballots := make(chan ballot, len(servers))
	voters := 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
			go func() {
				digest, err := n.askDigest(ctx, s, marked)
				ballots <- ballot{string(s.ID), digest, err}
			}()
		}
	}
	votes := map[string]Digest{}
	var tie <-chan time.Time
	for asked := voters; asked > 0; asked-- {
		select {
		case b := <-ballots:
			if b.err != nil {
				n.log.Debug("a voter has no digest", "server", b.server, "index", marked, "reason", b.err)
				continue
			}
			votes[b.server] = b.digest
		case <-tie:
			return Digest{}, votes, voters - len(votes), errOpen
		case <-ctx.Done():
			return Digest{}, votes, voters - len(votes), errOpen
		}
		if agreed, ok := majority(votes, voters); ok {
			return agreed, votes, voters - len(votes), nil
		}
		if tie == nil && differ(votes) {
			tie = time.After(n.config.Timing.Tie)
		}
	}
	return Digest{}, votes, voters - len(votes), errOpen
}

// majority returns the digest that more than half of the voters have.
func majority(votes map[string]Digest, voters int) (Digest, bool) {
	counts := map[Digest]int{}
	for _, d := range votes {
		if counts[d]++; counts[d] > voters/2 {
			return d, true
		}
	}
	return Digest{}, false
}

func differ(votes map[string]Digest) bool {
	seen := map[Digest]bool{}
	for _, d := range votes {
		seen[d] = true
	}
	return len(seen) > 1
}

// askDigest gets one voter's digest of a mark, once it has it. A voter that
// can't be reached is asked again until the context ends.
func (n *Node) askDigest(ctx context.Context, s raft.Server, marked uint64) (Digest, error) {
	question := digestQuestion{Server: string(s.ID), Marked: marked}
	for {
		if string(s.ID) == n.raftID {
			return n.ownDigest(ctx, marked)
		}
		a, err := n.inquireDigest(ctx, string(s.Address), question)
		var refused *PeerError
		switch {
		case ctx.Err() != nil:
			return Digest{}, ctx.Err()
		case errors.As(err, &refused) && refused.Code == PeerRefused:
			return Digest{}, err
		case err == nil && !a.Pending:
			return a.Digest, nil
		case err != nil:
			select {
			case <-time.After(digestRetry):
			case <-ctx.Done():
			}
		}
	}
}

// haltAll ends every member that has a digest of the mark, this one last. No
// state has a majority: any answer may be a wrong one.
func (n *Node) haltAll(marked uint64, votes map[string]Digest) error {
	d := &Divergence{Index: marked, Own: votes[n.raftID], Voters: votes}
	halt := n.machine.Stop(marked, d) // from here on this node answers nothing
	if servers, err := n.servers(); err == nil {
		var wg sync.WaitGroup
		for _, s := range servers {
			if string(s.ID) != n.raftID {
				wg.Go(func() { n.tellToHalt(s, marked, votes) })
			}
		}
		wg.Wait()
	}
	n.leave(halt, d)
	return fail(CodeHalted, d, "the node has halted")
}

// tellToHalt uses no context of the leadership: that may end when the first
// member halts.
func (n *Node) tellToHalt(s raft.Server, marked uint64, votes map[string]Digest) {
	var err error
	for range haltTries {
		ctx, cancel := context.WithTimeout(context.Background(), helloTimeout)
		_, err = n.inquireDigest(ctx, string(s.Address), digestQuestion{Server: string(s.ID), Marked: marked, Halt: votes})
		cancel()
		if err == nil {
			return
		}
	}
	n.log.Warn("a member could not be told to halt", "server", s.ID, "error", err)
}

func (n *Node) inquireDigest(ctx context.Context, addr string, q digestQuestion) (digestAnswer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return digestAnswer{}, err
	}
	b, err := n.config.Network.Call(ctx, addr, VerbDigest, body)
	if err != nil {
		return digestAnswer{}, err
	}
	var a digestAnswer
	if err := json.Unmarshal(b, &a); err != nil {
		return digestAnswer{}, fmt.Errorf("the answer can't be read: %w", err)
	}
	return a, nil
}
