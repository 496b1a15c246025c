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

// tally counts the runs of one fault.
type tally struct {
	Runs       int            `json:"runs"`
	Outcomes   map[string]int `json:"outcomes"`
	Injected   int            `json:"injected"`
	Operations int            `json:"operations"`
	// Gap and Well are the slowest recoveries.
	Gap  time.Duration `json:"longest_gap_nanos"`
	Well time.Duration `json:"slowest_well_nanos"`
	Seed uint64        `json:"slowest_seed"`
}

// campaign makes all runs and returns the exit code.
func campaign(ctx context.Context, o options, a abilities, out, errs io.Writer) int {
	var chosen []string
	code := 0
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
		return exitUnable
	}
	tallies := map[string]*tally{}
	fmt.Fprintf(errs, "faults: seeds from %d on\n", o.seed)
	for i := range o.runs {
		p := plan{
			Seed: o.seed + uint64(i), Nodes: o.nodes[i%len(o.nodes)], Faults: []string{chosen[i%len(chosen)]},
			Duration: o.duration, Clients: o.clients, Rate: o.rate,
			program: o.treenode, loopback: o.loopback, checkTimeout: o.checkTimeout,
		}
		if o.mix {
			p.Faults = chosen
		}
		p.dir = filepath.Join(o.out, fmt.Sprintf("%d-%dn-%s", p.Seed, p.Nodes, p.label()))
		if abs, err := filepath.Abs(p.dir); err == nil {
			p.dir = abs
		}
		if err := os.RemoveAll(p.dir); err != nil {
			fmt.Fprintln(errs, "faults:", err)
			return exitUnable
		}
		r, err := execute(ctx, p)
		if ctx.Err() != nil {
			fmt.Fprintln(errs, "faults: interrupted")
			return exitUnable
		}
		if err != nil {
			fmt.Fprintf(errs, "faults: seed %d, %s: %v\n  again: %s\n  kept: %s\n", p.Seed, p.label(), err, p.again(), p.dir)
			code = worse(code, exitUnable)
		}
		if r == nil {
			continue
		}
		r.add(tallies)
		if o.output == "json" {
			if err := json.NewEncoder(out).Encode(r); err != nil {
				fmt.Fprintln(errs, "faults:", err)
				return exitUnable
			}
		} else {
			r.text(out)
		}
		switch r.Outcome {
		case failed:
			code = exitFailed
		case invalid, undecided:
			code = worse(code, exitUndecided)
		case passed:
			if !o.keep && err == nil {
				if err := os.RemoveAll(p.dir); err != nil {
					fmt.Fprintln(errs, "faults:", err)
				}
			}
		}
	}
	if o.output == "text" {
		summary(out, tallies)
	}
	return code
}

// worse keeps the exit code that matters more: a failed run before all.
func worse(have, next int) int {
	if have != 0 {
		return have
	}
	return next
}

func (p *plan) label() string {
	if len(p.Faults) == 1 {
		return p.Faults[0]
	}
	return "mix"
}

// add counts the run.
func (p *report) add(tallies map[string]*tally) {
	t := tallies[p.Plan.label()]
	if t == nil {
		t = &tally{Outcomes: map[string]int{}}
		tallies[p.Plan.label()] = t
	}
	t.Runs++
	t.Outcomes[p.Outcome]++
	t.Injected += len(p.Bands)
	t.Operations += p.History.Operations
	for _, b := range p.Bands {
		if b.Gap > t.Gap {
			t.Gap, t.Seed = b.Gap, p.Plan.Seed
		}
		t.Well = max(t.Well, b.wellIn())
	}
}

// summary prints a row for each fault.
func summary(out io.Writer, tallies map[string]*tally) {
	fmt.Fprintf(out, "\n%-20s %5s %7s %7s %9s %7s %9s %11s %11s\n", "fault", "runs", passed, failed, undecided, invalid, "injected", "operations", "slowest")
	var names []string
	for name := range tallies {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		t := tallies[name]
		fmt.Fprintf(out, "%-20s %5d %7d %7d %9d %7d %9d %11d  no write %.2fs (seed %d), well %.2fs\n", name, t.Runs, t.Outcomes[passed], t.Outcomes[failed],
			t.Outcomes[undecided], t.Outcomes[invalid], t.Injected, t.Operations, t.Gap.Seconds(), t.Seed, t.Well.Seconds())
	}
}
