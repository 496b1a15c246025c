package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/transport/wire"
)

func diskFaults() []fault {
	all := []fault{
		{name: "power-cut-one", summary: "one node ends and loses what it has not synced", inject: powerCutOne},
		{name: "power-cut-majority", summary: "the same for a majority at once", bounds: restarted, inject: powerCutMajority},
		{name: "power-cut-all", summary: "the same for all nodes at once", bounds: restarted, inject: powerCutAll},
		{name: "disk-full", summary: "no space on one node's disk, the leader's as likely as not, for 4 to 9 s", stuff: true,
			bounds: reopened, inject: diskFull},
		{name: "disk-hung", summary: "one node's disk, the leader's as likely as not, hangs for 4 to 12 s",
			bounds: bounds{wrote: 10 * time.Second, well: reopened.well}, inject: diskHung},
		{name: "disk-readonly", summary: "the same disk is read-only for 2 to 6 s, then checked while the node is down",
			bounds: reopened, inject: diskReadOnly},
		{name: "fsync-error", summary: "one node's flushes, the leader's as likely as not, fail with EIO for 2 to 5 s", needs: fleet.Trace,
			bounds: reopened, inject: syncFails},
	}
	for i := range all {
		if all[i].needs == "" {
			all[i].needs = fleet.Disk
		}
	}
	return all
}

func powerCutOne(ctx context.Context, r *run, note noting) error {
	return r.powerCut(ctx, note, false, 1)
}

func powerCutMajority(ctx context.Context, r *run, note noting) error {
	return r.powerCut(ctx, note, true, len(r.members())/2+1)
}

func powerCutAll(ctx context.Context, r *run, note noting) error {
	return r.powerCut(ctx, note, true, len(r.members()))
}

func (r *run) powerCut(ctx context.Context, note noting, quorumLost bool, n int) error {
	nodes := r.some(r.members(), n)
	note(quorumLost, "power cut of %v", r.names(nodes))
	if err := r.fleet.PowerCut(nodes...); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, 300*time.Millisecond, 2*time.Second); err != nil {
		return err
	}
	return r.start(nodes...)
}

// leaderOrFollower draws a node: the leader in half of all cases.
func (r *run) leaderOrFollower(ctx context.Context) (node int, who string, err error) {
	leader, err := r.leader(ctx)
	if err != nil {
		return 0, "", err
	}
	if r.r.IntN(2) == 0 {
		node = r.some(r.followers(leader), 1)[0]
		return node, "follower " + r.fleet.Name(node), nil
	}
	return leader, "leader " + r.fleet.Name(leader), nil
}

func diskFull(ctx context.Context, r *run, note noting) error {
	node, who, err := r.leaderOrFollower(ctx)
	if err != nil {
		return err
	}
	note(false, "disk of %s full", who)
	if err := r.fleet.Fill(node); err != nil {
		return err
	}
	r.struck()
	if err := r.lives(ctx, node, 4*time.Second, 9*time.Second); err != nil {
		return err
	}
	r.mended()
	return r.fleet.Free(node)
}

func diskHung(ctx context.Context, r *run, note noting) error {
	node, who, err := r.leaderOrFollower(ctx)
	if err != nil {
		return err
	}
	note(false, "disk of %s hangs", who)
	if err := r.fleet.Hang(node); err != nil {
		return err
	}
	r.struck()
	err = r.lives(ctx, node, 4*time.Second, 12*time.Second)
	r.mended()
	return errors.Join(err, r.fleet.GoOn(node))
}

// diskReadOnly ends the node before the disk is repaired: it keeps a file open
// for what a crash prints, so that the file system could not be unmounted.
func diskReadOnly(ctx context.Context, r *run, note noting) error {
	node, who, err := r.leaderOrFollower(ctx)
	if err != nil {
		return err
	}
	note(false, "disk of %s read-only", who)
	if err := r.fleet.ReadOnly(node); err != nil {
		return err
	}
	r.struck()
	if err := r.lives(ctx, node, 2*time.Second, 6*time.Second); err != nil {
		return err
	}
	if r.fleet.Running(node) {
		stopping, cancel := context.WithTimeout(ctx, stopTimeout)
		err := r.fleet.Stop(stopping, node)
		cancel()
		if err != nil {
			return &notWell{err}
		}
	}
	if err := r.fleet.Repair(node); err != nil {
		return err
	}
	r.mended()
	return r.start(node)
}

func syncFails(ctx context.Context, r *run, note noting) error {
	node, who, err := r.leaderOrFollower(ctx)
	if err != nil {
		return err
	}
	note(false, "flushes of %s fail", who)
	if err := r.fleet.FailSyncs(node); err != nil {
		return err
	}
	r.struck()
	err = r.lives(ctx, node, 2*time.Second, 5*time.Second)
	r.mended()
	return errors.Join(err, r.fleet.Sync(node))
}

// lives holds a fault of a node's disk. Whatever its disk does, the node's
// process is to stay, and to answer stale reads.
func (r *run) lives(ctx context.Context, node int, least, most time.Duration) error {
	if err := r.hold(ctx, least, most); err != nil {
		return err
	}
	if !r.fleet.Running(node) {
		return &notWell{fmt.Errorf("%s ended for its disk: %s", r.fleet.Name(node), lastLine(r.fleet.LastWords(node)))}
	}
	err := until(ctx, readsBound, func() error {
		asking, cancel := context.WithTimeout(client.WithEndpoint(ctx, r.fleet.Endpoint(node)), askTimeout)
		defer cancel()
		_, err := r.admin.Digest(client.WithConsistency(asking, wire.Stale))
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.find("stale reads stop", "%s, while its disk takes no writes: %v", r.fleet.Name(node), err)
	}
	return ctx.Err()
}

// readsBound is how long a node may answer no stale read while its disk takes no
// writes: it may be between two of its lives.
const readsBound = 3 * time.Second
