package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

// fault is a row of the table.
type fault struct {
	name    string
	summary string
	needs   fleet.Ability
	cuts    bool     // fleet.Network beside that
	spare   int      // nodes beside those that form the cluster
	args    []string // more flags of the nodes
	stuff   bool     // a client fills the log
	crowd   int      // times as many clients, where each waits longer
	damages bool     // files are altered
	flag    string   // a flag that the program must have
	inside  bool     // it happens inside of a program that has failpoints
	// older draws the nodes that begin with the previous program; nil for none.
	older  func(*run) []int
	bounds bounds // how soon all must be as before
	// inject does all of it once: it notes a band, holds the fault, and heals
	// it. It fails only where the driver can't go on.
	inject func(ctx context.Context, r *run, b func(quorumLost bool, format string, args ...any) *band) error
}

// faults is the table, in the order of -list.
func faults() []fault {
	return slices.Concat(processFaults(), networkFaults(), wireFaults(), memberFaults(), diskFaults(), damageFaults(), scenarioFaults(), failpointFaults(), clockFaults(), versionFaults())
}

func faultNamed(name string) fault {
	for _, f := range faults() {
		if f.name == name {
			return f
		}
	}
	panic("no fault " + name) // names are checked when the flags are read
}

// schedule lets the clients work without faults, then injects faults drawn
// from the plan's, one after the other, and leaves the rest of the time to the
// healed cluster.
func (r *run) schedule(ctx context.Context) error {
	begin := time.Now()
	share := func(x float64) time.Duration { return time.Duration(float64(r.Duration) * x) }
	if err := pause(ctx, share(warmUpShare)); err != nil {
		return err
	}
	r.warm = r.rec.Now()
	end := begin.Add(share(1 - coolDownShare))
	for first := true; first || time.Now().Before(end); first = false {
		name := r.Faults[r.r.IntN(len(r.Faults))]
		before := len(r.bands)
		err := faultNamed(name).inject(ctx, r, func(quorumLost bool, format string, args ...any) *band {
			return r.begin(name, quorumLost, format, args...)
		})
		if err != nil {
			for _, b := range r.bands[before:] {
				if b.Healed == 0 {
					b.Healed = r.rec.Now() // as far as it came
				}
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := r.recover(ctx, r.bands[before:]); err != nil {
			return err
		}
		if err := r.hold(ctx, 300*time.Millisecond, 1200*time.Millisecond); err != nil {
			return err
		}
	}
	r.healed = r.rec.Now()
	return pause(ctx, max(share(1)-time.Since(begin), share(coolDownShare)))
}

// recover waits until all is well after a fault, and measures. That it does
// not become well is a finding, not an error: the report says it.
func (r *run) recover(ctx context.Context, bands []*band) error {
	bands = slices.DeleteFunc(slices.Clone(bands), func(b *band) bool { return b.Well != 0 }) // the fault has waited itself
	for _, b := range bands {
		if b.Healed == 0 {
			b.Healed = r.rec.Now()
		}
	}
	err := r.well(ctx, settleTimeout)
	now := r.rec.Now()
	patience := settleTimeout
	for _, b := range bands {
		if err == nil {
			b.Well = now
		}
		if b.Struck == 0 {
			b.Struck = b.Begin
		}
		waited := until(ctx, patience, func() error {
			at, ok := r.rec.WrittenAfter(b.from())
			if !ok {
				return errNoWrite
			}
			b.Wrote = at
			return nil
		})
		switch {
		case errors.Is(waited, errNoWrite):
			patience = 0 // later ones have waited as well
		case waited != nil:
			return waited
		}
	}
	if err != nil && ctx.Err() == nil {
		return &notWell{err}
	}
	return ctx.Err()
}

var errNoWrite = errors.New("no write was acknowledged")

// notWell is a cluster that does not recover from a healed fault.
type notWell struct{ err error }

func (e *notWell) Error() string { return "the cluster does not become well: " + e.err.Error() }
func (e *notWell) Unwrap() error { return e.err }

// hold lets a fault last, for a time drawn from the seed.
func (r *run) hold(ctx context.Context, least, most time.Duration) error {
	return pause(ctx, r.between(least, most))
}

// between draws a time.
func (r *run) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.r.Int64N(int64(most-least)+1))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// some draws n of the nodes.
func (r *run) some(nodes []int, n int) []int {
	drawn := slices.Clone(nodes)
	r.r.Shuffle(len(drawn), func(i, j int) { drawn[i], drawn[j] = drawn[j], drawn[i] })
	drawn = drawn[:n]
	slices.Sort(drawn)
	return drawn
}

// followers are the members but one.
func (r *run) followers(leader int) []int {
	return slices.DeleteFunc(r.members(), func(n int) bool { return n == leader })
}

func (r *run) names(nodes []int) []string {
	var all []string
	for _, n := range nodes {
		all = append(all, r.fleet.Name(n))
	}
	return all
}

// start starts nodes, each from its program.
func (r *run) start(nodes ...int) error {
	for _, n := range nodes {
		program, env := r.programOf(n)
		if err := r.fleet.StartWith(n, program, env...); err != nil {
			return err
		}
	}
	return nil
}
