package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

const (
	slowThreshold = 200
	// slowBehind is how many entries the slow receiver lacks. The log reaches
	// two thresholds back from the last snapshot, and that may be a few seconds
	// old.
	slowBehind = 5 * slowThreshold
	slowWait   = 20 * time.Second
	// slowTry is over when a leader has tried once more to replicate to a node
	// that was away.
	slowTry = 11 * time.Second
)

func wireFaults() []fault {
	all := []fault{
		{name: "delay", summary: "every packet between nodes delayed by 10 to 200 ms, up to half of it more or less, for 3 to 6 s", crowd: 4, inject: delayPackets},
		{name: "reorder", summary: "5 to 30 percent of packets held back, 1 to 5 percent doubled, for 3 to 6 s", inject: reorderPackets},
		{name: "slow-receiver", summary: "a follower behind a link of 256 kbit/s to 2 Mbit/s gets a snapshot", flag: "snapshot-threshold",
			args: []string{"--snapshot-threshold", fmt.Sprint(slowThreshold)}, inject: slowReceiver},
	}
	for i := range all {
		all[i].needs = fleet.Wires
	}
	return all
}

// shaped holds packets up and lets them go, and adds to the band what came of
// them.
func (r *run) shaped(ctx context.Context, b *band, w fleet.Wire, least, most time.Duration) error {
	w.Seed = r.r.Uint64()
	if err := r.fleet.Shape(w); err != nil {
		return err
	}
	r.struck()
	return errors.Join(r.hold(ctx, least, most), r.unshaped(b))
}

func (r *run) unshaped(b *band) error {
	b.What += fmt.Sprintf(": %v", r.fleet.Traffic())
	return r.fleet.Join()
}

func delayPackets(ctx context.Context, r *run, note noting) error {
	w := fleet.Wire{Delay: r.between(10*time.Millisecond, 200*time.Millisecond)}
	w.Jitter = r.between(0, w.Delay/2)
	b := note(false, "packets delayed by %v, more or less by %v", w.Delay.Round(time.Millisecond), w.Jitter.Round(time.Millisecond))
	return r.shaped(ctx, b, w, 3*time.Second, 6*time.Second)
}

func reorderPackets(ctx context.Context, r *run, note noting) error {
	w := fleet.Wire{
		Delay: r.between(0, 3*time.Millisecond), HoldBack: r.between(5*time.Millisecond, 30*time.Millisecond),
		Reorder: 5 + r.r.IntN(26), Duplicate: 1 + r.r.IntN(5),
	}
	b := note(false, "%d%% of packets held back by up to %v, %d%% doubled", w.Reorder, w.HoldBack.Round(time.Millisecond), w.Duplicate)
	return r.shaped(ctx, b, w, 3*time.Second, 6*time.Second)
}

// committed waits for more entries, and returns how many there were when there
// were enough or the time was over: clients may be few.
func (r *run) committed(ctx context.Context, node int, entries uint64, most time.Duration) (more uint64, err error) {
	first := uint64(0)
	err = until(ctx, most, func() error {
		c, err := r.clusterAt(ctx, node)
		if err != nil {
			return err
		}
		if first == 0 {
			first = c.Commit
		}
		if more = c.Commit - first; more < entries {
			return fmt.Errorf("%d of %d entries", more, entries)
		}
		return nil
	})
	if ctx.Err() == nil {
		err = nil
	}
	return more, err
}

func slowReceiver(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	one := r.some(r.followers(leader), 1)[0]
	w := fleet.Wire{Nodes: []int{one}, Rate: 256_000 + r.r.IntN(1_744_001), Queue: 16_000 + r.r.IntN(48_001), Seed: r.r.Uint64()}
	b := note(false, "%s behind %d kbit/s, %d kB may wait", r.fleet.Name(one), w.Rate/1000, w.Queue/1000)
	if err := r.fleet.Kill(one); err != nil {
		return err
	}
	behind, err := r.committed(ctx, leader, slowBehind, slowWait)
	if err != nil {
		return err
	}
	b.What += fmt.Sprintf(", %d entries behind", behind)
	before, err := r.snapshots(one)
	if err != nil {
		return err
	}
	if err := r.fleet.Shape(w); err != nil {
		return err
	}
	if err := r.start(one); err != nil {
		return err
	}
	r.struck()
	comes, err := r.snapshotComes(ctx, one, before)
	if err != nil {
		return err
	}
	if !comes {
		b.What += ", no snapshot began"
	}
	return errors.Join(r.hold(ctx, 4*time.Second, 8*time.Second), r.unshaped(b))
}

// snapshotComes waits until a node has begun to write another snapshot than
// those before: it would not get one from its leader at once.
func (r *run) snapshotComes(ctx context.Context, node int, before []string) (bool, error) {
	err := until(ctx, slowTry, func() error {
		now, err := r.snapshots(node)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(now, func(name string) bool { return !slices.Contains(before, name) }) {
			return errors.New("no snapshot began")
		}
		return nil
	})
	return err == nil, ctx.Err()
}

// snapshots are the names of those that a node has, whole or not.
func (r *run) snapshots(node int) ([]string, error) {
	return filepath.Glob(filepath.Join(r.fleet.DataDir(node), "snapshots", "*"))
}
