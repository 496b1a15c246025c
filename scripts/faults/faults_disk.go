package main

import (
	"context"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

func diskFaults() []fault {
	all := []fault{
		{name: "power-cut-one", summary: "one node ends and loses what it has not synced", inject: powerCutOne},
		{name: "power-cut-majority", summary: "the same for a majority at once", bounds: restarted, inject: powerCutMajority},
		{name: "power-cut-all", summary: "the same for all nodes at once", bounds: restarted, inject: powerCutAll},
		{name: "disk-full", summary: "no space on one node's disk, the leader's as likely as not, for 4 to 9 s", stuff: true,
			bounds: bounds{wrote: 5 * time.Second}, inject: diskFull},
	}
	for i := range all {
		all[i].needs = fleet.Disk
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

func diskFull(ctx context.Context, r *run, note noting) error {
	node, err := r.leader(ctx)
	if err != nil {
		return err
	}
	who := "leader"
	if r.r.IntN(2) == 0 {
		node, who = r.some(r.followers(node), 1)[0], "follower"
	}
	b := note(false, "disk of %s %s full", who, r.fleet.Name(node))
	if err := r.fleet.Fill(node); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, 4*time.Second, 9*time.Second); err != nil {
		return err
	}
	if err := r.fleet.Free(node); err != nil {
		return err
	}
	if !r.fleet.Running(node) {
		b.What += ", it stopped"
		return r.start(node)
	}
	return nil
}
