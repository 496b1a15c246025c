package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// campaign is many runs.
type campaign struct {
	options
	chosen    []string // the faults
	out, errs io.Writer
	progress  *progress
	// execute makes a run.
	execute func(context.Context, plan) (*report, error)
}

// result is what came of one run: a report, an error, or both.
type result struct {
	plan   plan
	report *report
	err    error
}

// waitingMost is how many results may wait for an earlier one, as a multiple of
// the runs at a time.
const waitingMost = 4

// choose takes the faults that are asked for and possible. The code is not 0 if
// one that was asked for by name can't be injected.
func choose(o options, a abilities, errs io.Writer) (chosen []string, code int) {
	for _, f := range faults() {
		asked := slices.Contains(o.faults, f.name)
		if !asked && len(o.faults) > 0 {
			continue
		}
		if why := a.refuses(f); why != "" {
			fmt.Fprintf(errs, "faults: %s is refused: %s\n", f.name, why)
			if asked {
				code = exitUnable
			}
			continue
		}
		chosen = append(chosen, f.name)
	}
	if len(chosen) == 0 {
		code = exitUnable
	}
	return chosen, code
}

// run makes all runs, several at a time, tells of each in the order of their
// seeds, and returns the exit code.
func (c *campaign) run(ctx context.Context) int {
	fmt.Fprintf(c.errs, "faults: seeds from %d on\n", c.seed)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	c.progress.show(watching)
	var runs []*report
	code := 0
	for waiting := range c.begin(ctx) {
		r := <-waiting
		if ctx.Err() != nil && r.report == nil {
			continue
		}
		c.progress.aside(func() { code = max(code, c.tell(r)) })
		if r.report != nil {
			runs = append(runs, r.report)
		}
	}
	c.progress.end()
	if ctx.Err() != nil {
		fmt.Fprintln(c.errs, "faults: interrupted")
		code = exitUnable
	}
	s := statisticsOf(runs, boundsOf)
	if err := s.print(c.output, c.out); err != nil {
		fmt.Fprintln(c.errs, "faults:", err)
		code = exitUnable
	}
	return worse(s.code(), code)
}

// begin begins the runs. It sends a channel for each, in order.
func (c *campaign) begin(ctx context.Context) <-chan chan result {
	over := time.Now().Add(c.lasting)
	free := make(chan struct{}, c.jobs)
	ordered := make(chan chan result, waitingMost*c.jobs)
	go func() {
		defer close(ordered)
		for i := range c.runs {
			select {
			case free <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if i > 0 && c.lasting > 0 && time.Now().After(over) {
				return
			}
			p := c.plan(i)
			slot := make(chan result, 1)
			go func() {
				defer func() { <-free }()
				c.progress.begin(p)
				r := c.one(ctx, p)
				c.progress.done(p, r.report)
				slot <- r
			}()
			ordered <- slot
		}
	}()
	return ordered
}

// plan is that of one run. Which fault comes first depends on the seed, so that
// campaigns cut short have had all of them in time; faults meet other numbers
// of nodes each time they come.
func (c *campaign) plan(i int) plan {
	n := len(c.chosen)
	turn := (int(c.seed%uint64(n)) + i) % n //nolint:gosec // below the number of faults
	p := plan{
		Seed: c.seed + uint64(i), Nodes: c.nodes[(i+i/n)%len(c.nodes)], Faults: []string{c.chosen[turn]}, //nolint:gosec // i counts up from 0
		Duration: c.duration, Clients: c.clients, Rate: c.rate,
		Compose: c.compose, program: c.treenode, previous: c.previous, repository: c.repository, loopback: c.loopback, checkTimeout: c.checkTimeout,
	}
	if c.mix {
		p.Faults = c.chosen
	}
	for _, name := range p.Faults {
		if faultNamed(name).inside {
			p.failpoints = c.failpoints
		}
	}
	p.dir = filepath.Join(c.options.out, fmt.Sprintf("%d-%dn-%s", p.Seed, p.Nodes, p.label()))
	return p
}

// one makes a run in a directory of its own, which goes if nothing is to see.
func (c *campaign) one(ctx context.Context, p plan) result {
	dir, err := filepath.Abs(p.dir)
	if err == nil {
		p.dir = dir
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return result{plan: p, err: err}
	}
	r := result{plan: p}
	r.report, r.err = c.execute(ctx, p)
	if r.report != nil && r.err == nil && r.report.Outcome == passed && !c.keep {
		r.err = os.RemoveAll(p.dir)
	}
	return r
}

// tell prints what came of a run. The code is not 0 if it could not be made, or
// told of.
func (c *campaign) tell(r result) (code int) {
	if r.err != nil {
		fmt.Fprintf(c.errs, "faults: seed %d, %s: %v\n  again: %s\n  kept: %s\n", r.plan.Seed, r.plan.label(), r.err, r.plan.again(), r.plan.dir)
		code = exitUnable
	}
	if r.report == nil {
		return code
	}
	var err error
	switch c.output {
	case "json":
		err = json.NewEncoder(c.out).Encode(r.report)
	case "markdown": // is to be pasted: only the table goes there
		err = r.report.text(c.errs)
	default:
		err = r.report.text(c.out)
	}
	if err != nil {
		fmt.Fprintln(c.errs, "faults:", err)
		code = exitUnable
	}
	return code
}

// worse is the exit code that matters more: of a failed run before all, then of
// what could not be made.
func worse(a, b int) int {
	for _, code := range []int{exitFailed, exitUnable, exitUndecided} {
		if a == code || b == code {
			return code
		}
	}
	return 0
}

func (p plan) label() string {
	if len(p.Faults) == 1 {
		return p.Faults[0]
	}
	return "mix"
}
