package cluster

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
)

// leadership is a term that this node leads and has committed an entry in.
// From then on its commit index covers everything acknowledged by leaders
// before it (Raft dissertation, section 6.4), and every later index of the
// term reaches the state machine.
type leadership struct {
	term  uint64
	index uint64 // of the term's first entry of our own
}

// watchLeadership follows Raft's notices of winning and losing. They must be
// taken at once: Raft waits for it.
func (n *Node) watchLeadership(notices <-chan bool) {
	cancel := func() {}
	defer func() { cancel() }()
	for {
		select {
		case leads := <-notices:
			cancel()
			n.leads.Store(nil)
			if leads {
				cancel = n.lead()
			}
		case <-n.stopped:
			return
		}
	}
}

// lead starts the work of a leader and returns what ends it.
func (n *Node) lead() context.CancelFunc {
	ctx, cancel := context.WithCancel(context.Background())
	go n.beginTerm(ctx)
	return cancel
}

// beginTerm commits an empty entry and then looks after the members, until the
// context ends with the leadership.
func (n *Node) beginTerm(ctx context.Context) {
	for ctx.Err() == nil {
		term := n.raft.CurrentTerm()
		index, err := n.firstEntry(ctx)
		if err == nil && n.raft.State() == raft.Leader && n.raft.CurrentTerm() == term {
			l := &leadership{term: term, index: index}
			n.leads.Store(l)
			if ctx.Err() != nil { // lost meanwhile: the watcher cleared it before
				n.leads.CompareAndSwap(l, nil)
				return
			}
			n.leaderChanged.Broadcast()
			n.log.Info("leading", "term", term, "index", l.index)
			go n.keepTime(ctx)
			go n.checkpointRegularly(ctx)
			n.tendMembers(ctx)
			return
		}
		n.log.Debug("the term's first entry is not committed yet", "term", term, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// firstEntry commits an empty entry, once this node knows the time to stamp it
// with, and returns its index.
func (n *Node) firstEntry(ctx context.Context) (uint64, error) {
	if err := n.agreeOnTime(ctx, true); err != nil {
		return 0, err
	}
	at, err := n.stamp()
	if err != nil {
		return 0, err
	}
	future := n.apply(fsm.EncodeBatch(at, nil))
	if err := future.Error(); err != nil {
		return 0, err
	}
	return future.Index(), nil
}

// untilReplaced returns a context that ends also once this node knows of another
// leader: the one that was asked may be cut off or hang, and never answer.
func (n *Node) untilReplaced(ctx context.Context, leader string) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			changed := n.leaderChanged.Wait()
			if now, _, ok := n.leader(); ok && now != leader {
				cancel()
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, cancel
}

// sendsTo reports whether this node leads in a term, and replicates to a server at
// an address.
func (n *Node) sendsTo(term uint64, id raft.ServerID, addr raft.ServerAddress) bool {
	select {
	case <-n.opened:
	default:
		return false // n.raft is not there yet
	}
	servers, err := n.servers()
	return err == nil && n.raft.State() == raft.Leader && n.raft.CurrentTerm() == term &&
		slices.ContainsFunc(servers, func(s raft.Server) bool { return s.ID == id && s.Address == addr })
}

// leadsOthers reports whether this node leads and commits nothing alone, as
// Raft has it at this moment: then it may send entries on while its own disk
// writes them (see logstore.Ahead). A change of the voters is itself an entry
// that is not sent ahead, so that the answer can't be out of date.
func (n *Node) leadsOthers() bool {
	select {
	case <-n.opened:
	default:
		return false // n.raft is not there yet
	}
	if n.raft.State() != raft.Leader {
		return false
	}
	servers, err := n.servers()
	voters := 0
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
	}
	return err == nil && voters > 1
}
