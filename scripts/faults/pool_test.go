package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pretending is a campaign whose runs do what they are told.
func pretending(o options, out io.Writer, execute func(context.Context, plan) (*report, error)) *campaign {
	o.seed, o.nodes = max(o.seed, 1), []int{3, 5}
	return &campaign{options: o, chosen: []string{"kill-leader", "kill-all"}, out: out, errs: io.Discard, execute: execute}
}

// Runs overlap, as many as are allowed, and are told of in order and whole.
func TestJobs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		var now, most atomic.Int32
		c := pretending(options{runs: 20, jobs: 3, output: "json"}, &out, func(_ context.Context, p plan) (*report, error) {
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Duration(p.Seed*7%5+1) * time.Second) // in another order than they began
			now.Add(-1)
			return &report{Plan: p, Outcome: passed, Done: int64(p.Seed)}, nil
		})
		c.options.out = dir
		if code := c.run(t.Context()); code != 0 || most.Load() != 3 {
			t.Errorf("code %d, %d at a time", code, most.Load())
		}
		runs, err := readRunsFrom(strings.NewReader(out.String()))
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range runs {
			if p.Plan.Seed != uint64(i)+1 {
				t.Errorf("the run of seed %d is told of in place %d", p.Plan.Seed, i)
			}
		}
		if len(runs) != 20 {
			t.Errorf("%d runs are told of", len(runs))
		}
	})
}

// No run begins once the time is over; what has begun is told of.
func TestFor(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		begun := 0
		c := pretending(options{runs: runsMost, jobs: 1, lasting: time.Minute, output: "text"}, io.Discard, func(_ context.Context, p plan) (*report, error) {
			begun++
			time.Sleep(25 * time.Second)
			return &report{Plan: p, Outcome: passed}, nil
		})
		c.options.out = dir
		start := time.Now()
		if code := c.run(t.Context()); code != 0 || begun != 3 || time.Since(start) != 75*time.Second {
			t.Errorf("code %d, %d runs in %v", code, begun, time.Since(start))
		}
	})
}

func TestInterrupted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		defer cancel()
		var out strings.Builder
		c := pretending(options{runs: 100, jobs: 2, output: "json"}, &out, func(ctx context.Context, p plan) (*report, error) {
			if err := pause(ctx, 10*time.Second); err != nil {
				return nil, err
			}
			return &report{Plan: p, Outcome: passed, Done: int64(p.Seed)}, nil
		})
		c.options.out = dir
		if code := c.run(ctx); code != exitUnable {
			t.Errorf("code %d", code)
		}
		if runs, err := readRunsFrom(strings.NewReader(out.String())); err != nil || len(runs) != 4 {
			t.Errorf("%d runs are told of, 4 were made: %v", len(runs), err)
		}
	})
}

// A run that can't be made is no pass; one that failed counts more.
func TestCampaignCode(t *testing.T) {
	for _, c := range []struct {
		outcome string
		err     error
		want    int
	}{
		{passed, nil, 0},
		{"", errors.New("no space"), exitUnable},
		{failed, errors.New("no space"), exitFailed},
		{undecided, nil, exitUndecided},
		{invalid, nil, exitUndecided}, // all of one
	} {
		campaign := pretending(options{runs: 1, jobs: 1, output: "text"}, io.Discard, func(_ context.Context, p plan) (*report, error) {
			if c.outcome == "" {
				return nil, c.err
			}
			return &report{Plan: p, Outcome: c.outcome}, c.err
		})
		campaign.options.out = t.TempDir()
		if got := campaign.run(t.Context()); got != c.want {
			t.Errorf("%s, %v: code %d, want %d", c.outcome, c.err, got, c.want)
		}
	}
}

// Every fault meets every number of nodes, whichever comes first.
func TestTurns(t *testing.T) {
	met := map[string][]int{}
	c := pretending(options{seed: 41}, io.Discard, nil)
	for i := range 4 {
		p := c.plan(i)
		met[p.label()] = append(met[p.label()], p.Nodes)
		if p.Seed != 41+uint64(i) {
			t.Errorf("run %d has seed %d", i, p.Seed)
		}
	}
	for _, name := range c.chosen {
		if slices.Sort(met[name]); !slices.Equal(met[name], []int{3, 5}) {
			t.Errorf("%s meets %v nodes", name, met[name])
		}
	}
	first := c.plan(0).label()
	if c.seed++; c.plan(0).label() == first {
		t.Error("the seed does not matter for the fault that comes first")
	}
}

func TestProgress(t *testing.T) {
	now := time.Now()
	p := newProgress(io.Discard, 200)
	for seed, outcome := range []string{passed, failed, invalid, passed} {
		of := plan{Seed: uint64(seed), Faults: []string{"kill-all"}} //nolint:gosec // small
		p.begin(of)
		p.done(of, &report{Outcome: outcome})
	}
	p.running = []running{{plan{Seed: 9, Faults: []string{"a", "b"}}, now.Add(-3 * time.Second)}, {plan{Seed: 7, Faults: []string{"loss"}}, now.Add(-12 * time.Second)}}
	if got, want := p.line(now), "4/200 done, 1 FAILED, 1 invalid; now loss 7 (12 s), mix 9 (3 s)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What a campaign prints as JSON is read again as it was.
func TestPrintedIsRead(t *testing.T) {
	p := sample()
	p.Outcome = passed
	p.measure()
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := readRunsFrom(strings.NewReader(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	if *again[0].Bands[0] != *p.Bands[0] || again[0].Done != p.Done || again[0].Plan.label() != "kill-all" {
		t.Errorf("%+v", again[0])
	}
}
