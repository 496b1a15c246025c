package main

import (
	"context"
	"slices"
	"strings"
	"time"
)

func versionFaults() []fault {
	return []fault{
		// A checkpoint compares what both programs made of the same log.
		{name: "mixed-versions", summary: "leaders killed or replaced, while a part of the nodes stays at the previous program",
			args: []string{"--checkpoint-interval", "1s"}, older: someOlder, inject: mixedVersions},
		// A cluster whose log has entries of a newer kind can't go back. This one
		// comes last, so that a mix of both has its flag.
		{name: "rolling-upgrade", summary: "every node in turn from the previous program to this one, then back",
			args: []string{"--checkpoint-interval", "0"}, older: (*run).members, inject: rollingUpgrade},
	}
}

// previousFlag is a flag of serve that the faults of versions need.
const previousFlag = "checkpoint-interval"

// wayBack keeps entries out of the log that the previous program does not read, for
// a cluster that goes back to it. That ignores the variable.
const wayBack = "TREENODE_ENTRY_LEVEL=2"

// programOf is what a node is started from, and its variables.
func (r *run) programOf(node int) (program string, env []string) {
	switch {
	case r.older[node]:
		return r.previous, nil
	case r.failpoints != "":
		return r.failpoints, r.environment(node)
	case slices.Contains(r.Faults, "rolling-upgrade"):
		return "", []string{wayBack}
	}
	return "", nil
}

// version names the program of a node.
func (r *run) version(node int) string {
	if r.older[node] {
		return "previous"
	}
	return "this"
}

// beginOlder notes which nodes begin with the previous program.
func (r *run) beginOlder() {
	r.older = map[int]bool{}
	for _, name := range r.Faults {
		if f := faultNamed(name); f.older != nil {
			for _, n := range f.older(r) {
				r.older[n] = true
			}
		}
	}
}

// someOlder draws one node or more, and not all.
func someOlder(r *run) []int {
	return r.some(r.members(), 1+r.r.IntN(len(r.members())-1))
}

// rollingUpgrade leaves the nodes with the programs that they had.
func rollingUpgrade(ctx context.Context, r *run, note noting) error {
	var order []int
	for _, n := range r.members() {
		if r.older[n] {
			order = append(order, n)
		}
	}
	r.r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	note(false, "%v from the previous program to this one, then back", r.names(order))
	for _, older := range []bool{false, true} {
		for _, n := range order {
			r.older[n] = older
			if err := r.restarted(ctx, n); err != nil {
				return err
			}
		}
		if err := r.hold(ctx, 500*time.Millisecond, time.Second); err != nil {
			return err
		}
	}
	return nil
}

// mixedVersions ends a leader, and prefers one of the other program to follow.
func mixedVersions(ctx context.Context, r *run, note noting) error {
	leader, err := r.leader(ctx)
	if err != nil {
		return err
	}
	if r.r.IntN(2) == 0 {
		note(false, "kill -9 %s (%s program)", r.fleet.Name(leader), r.version(leader))
		return r.killed(ctx, 500*time.Millisecond, 2*time.Second, leader)
	}
	followers := r.followers(leader)
	others := slices.DeleteFunc(slices.Clone(followers), func(n int) bool { return r.older[n] == r.older[leader] })
	if len(others) > 0 {
		followers = others
	}
	to := r.some(followers, 1)[0]
	b := note(false, "%s (%s program) hands over to %s (%s)", r.fleet.Name(leader), r.version(leader), r.fleet.Name(to), r.version(to))
	if err := r.admin.TransferLeadership(ctx, r.fleet.Name(to)); err != nil {
		b.What += ": " + err.Error()
		b.Refused = true
	}
	return nil
}

// clashes reports whether a node would have to be of this version, with
// failpoints, and of the previous one.
func clashes(chosen []string) bool {
	inside, older := false, false
	for _, name := range chosen {
		f := faultNamed(name)
		inside, older = inside || f.inside, older || f.older != nil
	}
	return inside && older
}

// refusesPrevious says why there can be no older nodes; empty if there can.
func refusesPrevious(o options, help string) string {
	switch {
	case o.previous == "":
		return "no -previous program is given"
	case !strings.Contains(help, "--"+previousFlag+" "):
		return "the previous program's serve has no flag --" + previousFlag
	}
	return ""
}
