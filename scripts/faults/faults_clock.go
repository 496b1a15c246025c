package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Clocks of nodes, as they enter the log. The timers of Raft go by another
// clock, which nobody sets.

// lookInterval is longer than a node takes to see what its files say.
const lookInterval = 100 * time.Millisecond

func clockFaults() []fault {
	return []fault{
		{name: "clock-step", summary: "clocks of a minority, often the leader's, jump by up to 2 h four times, leadership changing in between", inside: true, inject: stepClock},
		{name: "clock-skew", summary: "clocks up to 10 minutes apart that run at different rates, leadership changing, for 4 to 8 s", inside: true, inject: skewClocks},
	}
}

// setClock has a node's clock be ahead, or behind, from now on, and run at a
// rate of its own.
func (r *run) setClock(node int, ahead time.Duration, rate float64) error {
	return r.instruct(node, clockFile, fmt.Sprintf("%s %v %.3f", time.Now().Format(time.RFC3339Nano), ahead, rate))
}

// rightClocks sets all clocks right.
func (r *run) rightClocks() error {
	for _, n := range r.members() {
		if err := r.instruct(n, clockFile, ""); err != nil {
			return err
		}
	}
	return nil
}

// upTo draws a time from minus to plus a bound.
func (r *run) upTo(most time.Duration) time.Duration {
	return time.Duration(r.r.Int64N(2*int64(most)+1)) - most
}

// stepClock has a minority of the clocks wrong at a time: what most clocks show
// is the time of the log.
func stepClock(ctx context.Context, r *run, note noting) error {
	var wrong []int
	for range 4 {
		leader, err := r.leader(ctx)
		if err != nil {
			return err
		}
		node, who := leader, "leader"
		if r.r.IntN(3) == 0 {
			node, who = r.some(r.followers(leader), 1)[0], "follower"
		}
		ahead := r.upTo(2 * time.Hour).Round(time.Second)
		b := note(false, "clock of %s %s is %v ahead", who, r.fleet.Name(node), ahead)
		wrong = append(slices.DeleteFunc(wrong, func(n int) bool { return n == node }), node)
		if len(wrong) > (len(r.members())-1)/2 {
			if err := r.instruct(wrong[0], clockFile, ""); err != nil {
				return err
			}
			b.What += ", that of " + r.fleet.Name(wrong[0]) + " is right again"
			wrong = wrong[1:]
			// The node is to have seen it before another clock goes wrong.
			if err := pause(ctx, lookInterval); err != nil {
				return err
			}
		}
		if err := r.setClock(node, ahead, 1); err != nil {
			return err
		}
		r.struck()
		if err := r.hold(ctx, 500*time.Millisecond, 1500*time.Millisecond); err != nil {
			return err
		}
		if r.r.IntN(2) == 0 {
			to := r.some(r.followers(leader), 1)[0]
			b.What += ", then " + r.fleet.Name(to) + " leads"
			if err := r.admin.TransferLeadership(ctx, r.fleet.Name(to)); err != nil {
				b.What += ": " + err.Error()
			}
		}
	}
	return r.rightClocks()
}

func skewClocks(ctx context.Context, r *run, note noting) error {
	what := ""
	for _, n := range r.members() {
		ahead, rate := r.upTo(10*time.Minute).Round(time.Second), 0.5+1.5*r.r.Float64()
		if err := r.setClock(n, ahead, rate); err != nil {
			return err
		}
		what += fmt.Sprintf(", %s by %v at rate %.2f", r.fleet.Name(n), ahead, rate)
	}
	note(false, "clocks ahead%s", what)
	r.struck()
	for range 2 {
		if err := r.hold(ctx, 2*time.Second, 4*time.Second); err != nil {
			return err
		}
		leader, err := r.leader(ctx)
		if err != nil {
			return err
		}
		to := r.some(r.followers(leader), 1)[0]
		if err := r.admin.TransferLeadership(ctx, r.fleet.Name(to)); err != nil {
			return fmt.Errorf("hand leadership to %s: %w", r.fleet.Name(to), err)
		}
	}
	return r.rightClocks()
}
