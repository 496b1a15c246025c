package main

import (
	"context"
	"errors"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

func networkFaults() []fault {
	all := []fault{
		{name: "partition-minority", summary: "a minority cut off from the rest, both ways, for 2 to 6 s", inject: partitionMinority},
		{name: "partition-leader", summary: "the leader alone, both ways, for 2 to 6 s", inject: partitionLeader},
		{name: "partition-one-way", summary: "what the leader sends, or what it is sent, is dropped for 2 to 6 s", inject: partitionOneWay},
		{name: "partition-bridge", summary: "two halves that only one node sees both of, for 2 to 6 s", inject: partitionBridge},
		{name: "partition-flap", summary: "pairs of nodes cut and joined every 0.1 to 0.8 s", inject: partitionFlap},
		{name: "loss", summary: "2 to 8 percent of all packets between nodes lost for 3 to 6 s", inject: packetLoss},
	}
	for i := range all {
		all[i].needs = fleet.Network
	}
	return all
}

// apart cuts every node of one side off from every one of the other.
func (r *run) apart(ctx context.Context, a, b []int) error {
	if err := r.sever(a, b); err != nil {
		return err
	}
	return r.joined(ctx, 2*time.Second, 6*time.Second)
}

// sever is apart without the end.
func (r *run) sever(a, b []int) error {
	for _, x := range a {
		for _, y := range b {
			if err := errors.Join(r.fleet.Cut(x, y), r.fleet.Cut(y, x)); err != nil {
				return err
			}
		}
	}
	return nil
}

// joined holds a partition and takes it back.
func (r *run) joined(ctx context.Context, least, most time.Duration) error {
	r.struck()
	return errors.Join(r.hold(ctx, least, most), r.fleet.Join())
}

func others(all, but []int) []int {
	var rest []int
	for _, n := range all {
		in := false
		for _, m := range but {
			in = in || n == m
		}
		if !in {
			rest = append(rest, n)
		}
	}
	return rest
}

func partitionMinority(ctx context.Context, r *run, note noting) error {
	few := r.some(r.members(), 1+r.r.IntN((len(r.members())-1)/2))
	note(false, "%v apart from the rest", r.names(few))
	return r.apart(ctx, few, others(r.members(), few))
}

func partitionLeader(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	note(false, "leader %s apart from the rest", r.fleet.Name(leader))
	return r.apart(ctx, []int{leader}, r.followers(leader))
}

func partitionOneWay(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	deaf := r.r.IntN(2) == 0
	if deaf {
		note(false, "leader %s hears nobody", r.fleet.Name(leader))
	} else {
		note(false, "nobody hears leader %s", r.fleet.Name(leader))
	}
	for _, n := range r.followers(leader) {
		from, to := leader, n
		if deaf {
			from, to = to, from
		}
		if err := r.fleet.Cut(from, to); err != nil {
			return err
		}
	}
	return r.joined(ctx, 2*time.Second, 6*time.Second)
}

func partitionBridge(ctx context.Context, r *run, note noting) error {
	bridge := r.some(r.members(), 1)
	rest := others(r.members(), bridge)
	left := r.some(rest, len(rest)/2)
	right := others(rest, left)
	note(false, "%v and %v see only %v", r.names(left), r.names(right), r.names(bridge))
	return r.apart(ctx, left, right)
}

func partitionFlap(ctx context.Context, r *run, note noting) error {
	note(false, "pairs cut and joined")
	for range 6 + r.r.IntN(7) {
		pair := r.some(r.members(), 2)
		cut := r.fleet.Cut(pair[0], pair[1])
		if r.r.IntN(3) > 0 {
			cut = errors.Join(cut, r.fleet.Cut(pair[1], pair[0]))
		}
		if cut != nil {
			return cut
		}
		if err := r.joined(ctx, 100*time.Millisecond, 800*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func packetLoss(ctx context.Context, r *run, note noting) error {
	percent := 2 + r.r.IntN(7)
	note(false, "%d%% of packets lost", percent)
	for _, n := range r.members() {
		if err := r.fleet.Lose(n, percent); err != nil {
			return err
		}
	}
	return r.joined(ctx, 3*time.Second, 6*time.Second)
}
