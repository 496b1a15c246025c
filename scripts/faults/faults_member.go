package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/transport/wire"
)

// leaveTimeout is how long a node may run on after it was removed from the
// cluster.
const leaveTimeout = 20 * time.Second

func memberFaults() []fault {
	return []fault{
		{name: "transfer-leader", summary: "leadership handed to another node, three times", bounds: bounds{wrote: 300 * time.Millisecond}, inject: transferLeader},
		{name: "replace-node", summary: "a node killed and its data removed; it joins anew", bounds: rebuilt, inject: replaceNode},
		{name: "remove-leader", summary: "the leader removed from the cluster; it joins anew", bounds: rebuilt, inject: removeLeader},
		{name: "grow-shrink", summary: "two nodes join, then any two are removed", spare: 2, inject: growShrink},
		{name: "snapshot-install", summary: "a node that was down for 4 to 8 s gets a snapshot, as the log is short", flag: "snapshot-threshold",
			args: []string{"--snapshot-threshold", "200"}, inject: installSnapshot},
	}
}

// memberOf is the entry of a node in the cluster's configuration: the newest,
// where it has been there before.
func (r *run) memberOf(ctx context.Context, node int, but string) (wire.Member, error) {
	c, err := r.admin.Members(ctx)
	if err != nil {
		return wire.Member{}, err
	}
	return r.memberIn(c.Members, node, but)
}

func (r *run) memberIn(members []wire.Member, node int, but string) (wire.Member, error) {
	for _, m := range members {
		if m.ID == r.fleet.Name(node) && m.RaftID != but {
			return m, nil
		}
	}
	return wire.Member{}, fmt.Errorf("%s is no member", r.fleet.Name(node))
}

// joinAnew wipes a node that does not run, starts it, and waits until it votes.
// Its old entry goes.
func (r *run) joinAnew(ctx context.Context, node int, old string) error {
	if err := r.fleet.Wipe(node); err != nil {
		return err
	}
	if err := r.start(node); err != nil {
		return err
	}
	r.member[node] = true
	return r.votes(ctx, node, old)
}

// votes waits until a node that was started without data is a voter, and
// removes its old entry.
func (r *run) votes(ctx context.Context, node int, old string) error {
	err := until(ctx, settleTimeout, func() error {
		if !r.fleet.Running(node) {
			return fmt.Errorf("%s does not run: %s", r.fleet.Name(node), r.fleet.LastWords(node))
		}
		m, err := r.memberOf(ctx, node, old)
		switch {
		case err != nil:
			return err
		case m.Role != "voter" || !m.Healthy:
			return fmt.Errorf("%s is %s, healthy: %v %s", r.fleet.Name(node), m.Role, m.Healthy, m.Error)
		}
		return nil
	})
	if err != nil {
		return &notWell{err}
	}
	return r.forget(ctx, old)
}

// forget removes an entry, if it is there.
func (r *run) forget(ctx context.Context, raftID string) error {
	if raftID == "" {
		return nil
	}
	err := until(ctx, settleTimeout, func() error {
		err := r.admin.RemoveMember(ctx, raftID)
		if client.CodeOf(err) == wire.CodeMemberNotFound {
			return nil
		}
		return err
	})
	if err != nil {
		return &notWell{err}
	}
	return nil
}

func transferLeader(ctx context.Context, r *run, note noting) error {
	for range 3 {
		leader, err := r.leader(ctx)
		if err != nil {
			return err
		}
		to := r.some(r.followers(leader), 1)[0]
		b := note(false, "%s hands over to %s", r.fleet.Name(leader), r.fleet.Name(to))
		if err := r.admin.TransferLeadership(ctx, r.fleet.Name(to)); err != nil {
			b.What += ": " + err.Error()
			b.Refused = true
		}
		b.Healed = r.rec.Now()
		if err := r.recover(ctx, []*band{b}); err != nil {
			return err
		}
		if err := r.hold(ctx, 500*time.Millisecond, 1500*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func replaceNode(ctx context.Context, r *run, note noting) error {
	node := r.some(r.members(), 1)[0]
	m, err := r.memberOf(ctx, node, "")
	if err != nil {
		return &notWell{err}
	}
	note(false, "%s loses all and joins anew", m.RaftID)
	if err := r.fleet.Kill(node); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, 200*time.Millisecond, 2*time.Second); err != nil {
		return err
	}
	r.mended()
	return r.joinAnew(ctx, node, m.RaftID)
}

// remove removes a node from the cluster and waits for its end.
func (r *run) remove(ctx context.Context, node int) error {
	m, err := r.memberOf(ctx, node, "")
	if err != nil {
		return &notWell{err}
	}
	if err := r.forget(ctx, m.RaftID); err != nil {
		return err
	}
	r.member[node] = false
	select {
	case <-r.fleet.Exited(node):
	case <-time.After(leaveTimeout):
		return &notWell{fmt.Errorf("%s was removed and still runs %v later", m.RaftID, leaveTimeout)}
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func removeLeader(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	note(false, "leader %s is removed and joins anew", r.fleet.Name(leader))
	if err := r.remove(ctx, leader); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, 200*time.Millisecond, 2*time.Second); err != nil {
		return err
	}
	r.mended()
	return r.joinAnew(ctx, leader, "")
}

func growShrink(ctx context.Context, r *run, note noting) error {
	var fresh []int
	for i, member := range r.member {
		if !member && len(fresh) < 2 {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) < 2 {
		return errors.New("there are no spare nodes")
	}
	note(false, "%v join", r.names(fresh))
	for _, n := range fresh {
		if err := r.joinAnew(ctx, n, ""); err != nil {
			return err
		}
	}
	if err := r.hold(ctx, 500*time.Millisecond, 2*time.Second); err != nil {
		return err
	}
	gone := r.some(r.members(), 2)
	r.bands[len(r.bands)-1].What += fmt.Sprintf(", then %v are removed", r.names(gone))
	for _, n := range gone {
		if err := r.remove(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// snapshotCopied is what Raft logs once a follower has got the leader's snapshot.
const snapshotCopied = "copied to local snapshot"

func installSnapshot(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	one := r.some(r.followers(leader), 1)
	b := note(false, "kill -9 %v, a snapshot is needed", r.names(one))
	if err := r.killed(ctx, 4*time.Second, 8*time.Second, one...); err != nil {
		return err
	}
	if err := r.well(ctx, settleTimeout); err != nil {
		return &notWell{err}
	}
	words := r.fleet.LastWords(one[0])
	if !strings.Contains(words[max(0, strings.LastIndex(words, fleet.Started)):], snapshotCopied) {
		b.What += ", but the log reached"
	}
	return nil
}
