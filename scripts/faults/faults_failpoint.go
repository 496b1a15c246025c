package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/treenode/treenode/cluster/failpoint"
)

// reachTimeout is how long an armed node may take to reach its point. A point
// that is not reached shows nothing, and is no failure.
const reachTimeout = 12 * time.Second

// doom is one way to have a node die at a point.
type doom struct {
	point failpoint.Point
	most  int // the count is drawn from 1 to this
	// who draws the node; lead has it arrive at the point once it is armed.
	who  func(ctx context.Context, r *run) (int, error)
	lead func(ctx context.Context, r *run, node int) error
}

func failpointFaults() []fault {
	of := func(name, what string, b bounds, all ...doom) fault {
		return fault{name: name, summary: "a node ends itself " + what, inside: true, bounds: b,
			inject: func(ctx context.Context, r *run, note noting) error {
				return r.die(ctx, note, all[r.r.IntN(len(all))])
			}}
	}
	again := []doom{
		{failpoint.SnapshotWritten, 1, someFollower, behind}, {failpoint.SnapshotUnsealed, 1, someFollower, behind},
		{failpoint.SnapshotPlaced, 1, someFollower, behind}, {failpoint.SnapshotInstalled, 1, someFollower, behind},
		{failpoint.TrimBefore, 1, someFollower, behind}, {failpoint.TrimUnmarked, 1, someFollower, behind},
		{failpoint.TrimAfter, 1, someFollower, behind},
	}
	all := []fault{
		of("failpoint-append", "where entries are written to its log", bounds{},
			doom{failpoint.AppendBefore, 200, anyNode, goOn}, doom{failpoint.AppendUnmarked, 200, anyNode, goOn},
			doom{failpoint.AppendAfter, 200, anyNode, goOn}, doom{failpoint.AppendUnmarked, 20, anyNode, startAgain}),
		of("failpoint-commit", "where it has an answer to give", bounds{},
			doom{failpoint.CommitAnswer, 100, theLeader, goOn}, doom{failpoint.CommitForwarded, 100, theLeader, goOn},
			doom{failpoint.CommitRelayed, 50, someFollower, goOn}),
		of("failpoint-apply", "where entries are applied, also while it starts", bounds{},
			doom{failpoint.ApplyBefore, 200, anyNode, goOn}, doom{failpoint.ApplyAfter, 200, anyNode, goOn},
			doom{failpoint.ApplyBefore, 100, anyNode, startAgain}, doom{failpoint.ApplyAfter, 100, anyNode, startAgain}),
		of("failpoint-snapshot", "where its snapshot takes its place and the log is trimmed", bounds{},
			doom{failpoint.SnapshotWritten, 2, anyNode, goOn}, doom{failpoint.SnapshotUnsealed, 2, anyNode, goOn},
			doom{failpoint.SnapshotPlaced, 2, anyNode, goOn}, doom{failpoint.TrimBefore, 2, anyNode, goOn},
			doom{failpoint.TrimAfter, 2, anyNode, goOn}),
		of("failpoint-install", "where a leader's snapshot takes the place of its state", bounds{}, again...),
		of("failpoint-vote", "where its term and vote are saved", rebuilt,
			doom{failpoint.VoteBefore, 4, anyNode, elect}, doom{failpoint.VoteAfter, 4, anyNode, elect},
			doom{failpoint.VoteUnlisted, 1, anyNode, loseAll}),
		of("failpoint-aside", "between the steps of setting its damaged directory aside", rebuilt,
			doom{failpoint.AsideStep, 10, anyNode, loseSegment}),
	}
	for i := range all {
		if name := all[i].name; name == "failpoint-snapshot" || name == "failpoint-install" {
			all[i].flag, all[i].args = "snapshot-threshold", []string{"--snapshot-threshold", "200"}
		}
	}
	return all
}

func theLeader(ctx context.Context, r *run) (int, error) { return r.leader(ctx) }

func someFollower(ctx context.Context, r *run) (int, error) {
	leader, err := r.leader(ctx)
	if err != nil {
		return 0, err
	}
	return r.some(r.followers(leader), 1)[0], nil
}

// anyNode is the leader as likely as not.
func anyNode(ctx context.Context, r *run) (int, error) {
	if r.r.IntN(2) == 0 {
		return r.leader(ctx)
	}
	return someFollower(ctx, r)
}

// goOn leaves the node to its work.
func goOn(context.Context, *run, int) error { return nil }

// startAgain kills the node, so that it reaches the point while it starts.
func startAgain(_ context.Context, r *run, node int) error {
	return errors.Join(r.fleet.Kill(node), r.start(node))
}

// behind keeps the node down until it needs a snapshot.
func behind(ctx context.Context, r *run, node int) error {
	if err := r.fleet.Kill(node); err != nil {
		return err
	}
	if err := r.hold(ctx, 4*time.Second, 8*time.Second); err != nil {
		return err
	}
	return r.start(node)
}

// elect hands leadership around until the node is gone. A hand-over may fail,
// for that.
func elect(ctx context.Context, r *run, node int) error {
	for range 6 {
		if !r.fleet.Running(node) {
			return nil
		}
		leader, err := r.leader(ctx)
		if err != nil {
			return err
		}
		to := r.some(r.followers(leader), 1)[0]
		asking, cancel := context.WithTimeout(ctx, askTimeout)
		_ = r.admin.TransferLeadership(asking, r.fleet.Name(to))
		cancel()
		if err := r.hold(ctx, 300*time.Millisecond, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// loseAll has the node begin anew as another server.
func loseAll(_ context.Context, r *run, node int) error {
	return errors.Join(r.fleet.Kill(node), r.fleet.Wipe(node), r.start(node))
}

// loseSegment deletes a file of the node's log.
func loseSegment(_ context.Context, r *run, node int) error {
	return errors.Join(r.fleet.Kill(node), r.loseLog(node), r.start(node))
}

// die arms a node, waits until it has ended itself, and starts it again.
func (r *run) die(ctx context.Context, note noting, d doom) error {
	node, err := d.who(ctx, r)
	if err != nil {
		return err
	}
	old, err := r.memberOf(ctx, node, "")
	if err != nil {
		return &notWell{err}
	}
	count := 1 + r.r.IntN(d.most)
	b := note(false, "%s at %s, time %d", r.fleet.Name(node), d.point, count)
	if err := r.instruct(node, failpointFile, fmt.Sprintf("%s@%d", d.point, count)); err != nil {
		return err
	}
	if err := d.lead(ctx, r, node); err != nil {
		return err
	}
	select {
	case <-r.fleet.Exited(node):
		r.struck()
	case <-time.After(reachTimeout):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.instruct(node, failpointFile, ""); err != nil {
		return err
	}
	switch said := sinceStart(r.fleet.LastWords(node)); {
	case r.fleet.Running(node):
		b.What += ": not reached"
	case !strings.Contains(said, fmt.Sprintf("failpoint: %s\n", d.point)):
		return &notWell{fmt.Errorf("%s ended, but not at %s: %s", r.fleet.Name(node), d.point, lastLine(said))}
	default:
		if err := r.hold(ctx, 300*time.Millisecond, 2*time.Second); err != nil {
			return err
		}
		if err := r.start(node); err != nil {
			return err
		}
	}
	if d.point == failpoint.AsideStep || d.point == failpoint.VoteUnlisted {
		return r.votes(ctx, node, old.RaftID) // as another server
	}
	return nil
}

// sinceStart is what a node has written since it was started last.
func sinceStart(said string) string {
	return said[strings.LastIndex(said, "--- started")+1:]
}
