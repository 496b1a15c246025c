package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// removalTimeout bounds how long a removal is asked for again whose answer was
// lost: others elect a leader within it.
const removalTimeout = 2 * configTimeout

// RemoveMember takes a server, by server or node id, out of the cluster and
// tells it to stop.
func (n *Node) RemoveMember(ctx context.Context, id string) error {
	s, _, unknown := n.lookUp(id)
	err := n.removeMember(ctx, id)
	if unknown != nil || codeIn(err) != CodeOutcomeUnknown {
		return err
	}
	// A leader that is removed stops, perhaps before its answer is out. Whoever
	// leads next has its removal in the log, or is the one to remove it.
	ctx, cancel := context.WithTimeout(ctx, removalTimeout)
	defer cancel()
	for {
		select {
		case <-ctx.Done():
			return err
		case <-time.After(tendInterval):
		}
		again := n.removeMember(ctx, string(s.ID))
		if again == nil || codeIn(again) == CodeMemberNotFound {
			return nil
		}
	}
}

// codeIn is the code of an error; empty if it has none.
func codeIn(err error) Code {
	if e := new(Error); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func (n *Node) removeMember(ctx context.Context, id string) error {
	if done, err := n.atLeader(ctx, VerbAdmin, admin{Op: "remove", ID: id}); done {
		return err
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	s, voters, err := n.lookUp(id)
	if err != nil {
		return err
	}
	if s.Suffrage == raft.Voter && voters == 1 {
		return fail(CodeLastVoter, nil, "%s is the last voter; removing it would end the cluster", s.ID)
	}
	n.log.Info("removing a member", "server", s.ID)
	if err := answered(n.raft.RemoveServer(s.ID, 0, configTimeout), n.raftEnded).Error(); err != nil {
		return raftError(err)
	}
	if string(s.ID) != n.raftID {
		// It may not learn of its removal from the log. If it can't be told
		// now, it keeps asking for votes that pre-vote denies it.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), helloTimeout)
		defer cancel()
		if err := n.ask(ctx, string(s.Address), VerbAdmin, admin{Op: "removed", ID: string(s.ID)}); err != nil {
			n.log.Warn("the removed server could not be told", "server", s.ID, "error", err)
		}
	}
	return nil
}
