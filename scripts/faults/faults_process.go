package main

import (
	"context"
	"time"
)

// noting notes a band for a fault under way.
type noting = func(quorumLost bool, format string, args ...any) *band

func processFaults() []fault {
	return []fault{
		{name: "kill-leader", summary: "SIGKILL of the leader, restart after 1 to 4 s",
			bounds: bounds{p50: time.Second, p99: 2500 * time.Millisecond}, inject: killLeader},
		{name: "kill-follower", summary: "SIGKILL of a follower, restart after 1 to 4 s", inject: killFollower},
		{name: "kill-majority", summary: "SIGKILL of a majority at once, restart after 0.5 to 2 s", bounds: restarted, inject: killMajority},
		{name: "kill-all", summary: "SIGKILL of all nodes at once, restart after 0.2 to 1 s", bounds: restarted, inject: killAll},
		{name: "pause-leader", summary: "SIGSTOP of the leader for 0.5 to 10 s", inject: pauseLeader},
		{name: "pause-follower", summary: "SIGSTOP of a follower for 0.5 to 10 s", inject: pauseFollower},
		{name: "pause-majority", summary: "SIGSTOP of a majority, with the leader, for 0.5 to 4 s", inject: pauseMajority},
		{name: "rolling-restart", summary: "SIGTERM and restart of every node in turn", inject: rollingRestart},
	}
}

func killLeader(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	note(false, "kill -9 %s", r.fleet.Name(leader))
	return r.killed(ctx, time.Second, 4*time.Second, leader)
}

func killFollower(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	one := r.some(r.followers(leader), 1)
	note(false, "kill -9 %v", r.names(one))
	return r.killed(ctx, time.Second, 4*time.Second, one...)
}

func killMajority(ctx context.Context, r *run, note noting) error {
	most := r.some(r.members(), len(r.members())/2+1)
	note(true, "kill -9 %v", r.names(most))
	return r.killed(ctx, 500*time.Millisecond, 2*time.Second, most...)
}

func killAll(ctx context.Context, r *run, note noting) error {
	all := r.members()
	note(true, "kill -9 %v", r.names(all))
	return r.killed(ctx, 200*time.Millisecond, time.Second, all...)
}

// killed kills nodes and starts them again.
func (r *run) killed(ctx context.Context, least, most time.Duration, nodes ...int) error {
	if err := r.fleet.Kill(nodes...); err != nil {
		return err
	}
	r.struck()
	if err := r.hold(ctx, least, most); err != nil {
		return err
	}
	r.mended()
	return r.start(nodes...)
}

func pauseLeader(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	note(false, "SIGSTOP %s", r.fleet.Name(leader))
	return r.paused(ctx, 10*time.Second, leader)
}

func pauseFollower(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	one := r.some(r.followers(leader), 1)
	note(false, "SIGSTOP %v", r.names(one))
	return r.paused(ctx, 10*time.Second, one...)
}

func pauseMajority(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	most := append(r.some(r.followers(leader), len(r.members())/2), leader)
	note(true, "SIGSTOP %v", r.names(most))
	return r.paused(ctx, 4*time.Second, most...)
}

// paused pauses nodes for up to a time. Short pauses are as likely as long
// ones: many bugs need the one just longer than a lease.
func (r *run) paused(ctx context.Context, most time.Duration, nodes ...int) error {
	if r.r.IntN(2) == 0 {
		most = min(most, 2*time.Second)
	}
	for _, n := range nodes {
		if err := r.fleet.Pause(n); err != nil {
			return err
		}
	}
	r.struck()
	held := r.hold(ctx, 500*time.Millisecond, most)
	for _, n := range nodes {
		if err := r.fleet.Resume(n); err != nil {
			return err
		}
	}
	return held
}

// stopTimeout is how long a node may take to stop when it is asked to.
const stopTimeout = 30 * time.Second

func rollingRestart(ctx context.Context, r *run, note noting) error {
	note(false, "SIGTERM %v in turn", r.names(r.members()))
	for _, n := range r.members() {
		if err := r.restarted(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// restarted asks a node to stop, starts it, and waits until all is well.
func (r *run) restarted(ctx context.Context, node int) error {
	stopping, cancel := context.WithTimeout(ctx, stopTimeout)
	err := r.fleet.Stop(stopping, node)
	cancel()
	if err != nil {
		return err
	}
	if err := r.start(node); err != nil {
		return err
	}
	if err := r.well(ctx, settleTimeout); err != nil {
		return &notWell{err}
	}
	return nil
}
