package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/scripts/faults/check"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		bad  string // what the error names; empty for none
	}{
		{"", ""},
		{"-runs 3 -seed 7 -nodes 3,5 -faults kill-leader,partition-flap -duration 20s -keep -mix", ""},
		{"-nodes 4", "nodes"},
		{"-faults kill-everybody", "kill-everybody"},
		{"-runs 0", "runs"},
		{"-duration 1s", "duration"},
		{"-clients 1", "clients"},
		{"-rate 5000", "rate"},
		{"-o yaml", "yaml"},
		{"-for 9m -jobs 3 -seed fresh -o markdown", ""},
		{"-jobs 0", "jobs"},
		{"-for -1s", "for"},
		{"-sum one.json two.json", ""},
		{"-sum", "sum"},
		{"now", "now"},
	} {
		_, err := parse(strings.Fields(c.args), io.Discard)
		switch {
		case c.bad == "" && err != nil:
			t.Errorf("%q: %v", c.args, err)
		case c.bad != "" && (!errors.Is(err, errWrong) || !strings.Contains(err.Error(), c.bad)):
			t.Errorf("%q: %v, want an error that names %q", c.args, err, c.bad)
		}
	}
	if _, err := parse([]string{"-h"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v", err)
	}
}

// The command in a report repeats the run.
func TestAgain(t *testing.T) {
	p := plan{Seed: 9, Nodes: 5, Faults: []string{"loss"}, Duration: 20 * time.Second, Clients: 6, Rate: 300}
	words := strings.Fields(p.again())
	o, err := parse(words[3:], io.Discard)
	if err != nil || o.seed != 9 || !slices.Equal(o.nodes, []int{5}) || !slices.Equal(o.faults, p.Faults) ||
		o.duration != p.Duration || o.clients != 6 || o.rate != 300 || o.runs != 1 || o.mix {
		t.Errorf("%q: %+v, %v", p.again(), o, err)
	}
	p.Faults = []string{"loss", "kill-all"}
	if o, err := parse(strings.Fields(p.again())[3:], io.Discard); err != nil || !o.mix || !slices.Equal(o.faults, p.Faults) {
		t.Errorf("%q: %+v, %v", p.again(), o, err)
	}
}

// Where calls take longer, there are more clients, at one rate and in the
// command that repeats the run.
func TestCrowd(t *testing.T) {
	for faults, want := range map[string]int{"loss": 6, "delay": 24, "loss,delay,reorder": 24} {
		p := plan{Clients: 6, Faults: strings.Split(faults, ",")}
		if got := p.clients(); got != want || !strings.Contains(p.again(), "-clients 6") {
			t.Errorf("%s: %d clients, want %d: %s", faults, got, want, p.again())
		}
	}
}

func TestFaults(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range faults() {
		if f.name == "" || f.summary == "" || f.inject == nil || seen[f.name] {
			t.Errorf("fault %+v", f)
		}
		seen[f.name] = true
	}
	// What can't be injected is refused by name, with a reason.
	a := abilities{network: "no network", wires: "no TUN", disk: "no disk", trace: "no strace"}
	for name, why := range map[string]string{
		"partition-leader": "no network", "delay": "no TUN", "power-cut-all": "no disk", "disk-hung": "no disk", "fsync-error": "no strace",
		"snapshot-install": "treenode serve has no flag --snapshot-threshold",
		"kill-leader":      "",
	} {
		if got := a.refuses(faultNamed(name)); got != why {
			t.Errorf("%s is refused for %q, want %q", name, got, why)
		}
	}
}

// A fault that is asked for and can't be injected is no pass.
func TestRefusedFault(t *testing.T) {
	var errs strings.Builder
	o := options{faults: []string{"partition-leader"}, runs: 1}
	if chosen, code := choose(o, abilities{network: "no network"}, &errs); code != exitUnable || len(chosen) > 0 ||
		!strings.Contains(errs.String(), "partition-leader is refused: no network") {
		t.Errorf("code %d: %s", code, errs.String())
	}
}

// sample is a run of 20 s, 300 operations a second but for a gap of 3 s.
func sample() *report {
	p := &report{
		Plan: plan{Seed: 1, Nodes: 3, Faults: []string{"kill-all"}}, Warm: 5e9, Healed: 15e9, Done: 20e9,
		Bands: []*band{{Fault: "kill-all", What: "<all>", QuorumLost: true, Begin: 6e9, Struck: 6e9, Healed: 8e9, Wrote: 9e9, Well: 10e9}},
		looks: []look{{At: 1e9, Node: 0, State: "leader"}, {At: 1e9, Node: 2, State: "candidate"}, {At: 2e9, Node: 1}},
	}
	for i := range 6000 {
		at := int64(i) * 20e9 / 6000
		if at < 6e9 || at >= 9e9 {
			p.ops = append(p.ops, &check.Op{Kind: check.Claim, Outcome: check.OK, Call: at - 1e6, Return: at})
		}
	}
	return p
}

func TestMeasure(t *testing.T) {
	p := sample()
	p.measure()
	for _, rate := range []float64{p.RateBefore, p.RateDuring, p.RateAfter} {
		if rate < 299 || rate > 301 {
			t.Errorf("rates %.1f %.1f %.1f, want 300: the quorum was lost in between", p.RateBefore, p.RateDuring, p.RateAfter)
		}
	}
	if gap := p.Bands[0].Gap; gap != time.Second {
		t.Errorf("gap %v, want the second from heal to write", gap)
	}
	// A write that was refused was answered; a read and an open write were not.
	p.ops = append(p.ops, &check.Op{Kind: check.Claim, Outcome: check.Rejected, Return: 8.4e9},
		&check.Op{Kind: check.Claim, Outcome: check.Unknown, Return: 8.7e9}, &check.Op{Kind: check.ReadTree, Outcome: check.OK, Return: 8.8e9})
	p.measure()
	if gap := p.Bands[0].Gap; gap != 600*time.Millisecond {
		t.Errorf("gap %v, want that from the refusal to the write", gap)
	}
	p.ops = p.ops[:len(p.ops)-3]
	p.Bands[0].QuorumLost = false
	p.measure()
	if p.RateDuring > 211 || p.Bands[0].Gap < 2900*time.Millisecond {
		t.Errorf("with quorum: %.1f a second, gap %v", p.RateDuring, p.Bands[0].Gap)
	}
}

func TestDecide(t *testing.T) {
	for _, c := range []struct {
		name string
		with func(*report)
		want string
	}{
		{"all well", func(*report) {}, passed},
		{"too slow", func(p *report) { p.RateAfter = 99 }, invalid},
		{"undecided", func(p *report) { p.History.Undecided = true; p.RateAfter = 99 }, undecided},
		{"broken promise", func(p *report) {
			p.History.Undecided = true
			p.History.Findings = []check.Finding{{Rule: check.RuleHalf}}
		}, failed},
		{"nodes differ", func(p *report) { p.find("nodes differ", "n1 and n2") }, failed},
	} {
		p := &report{RateBefore: 300, RateDuring: 300, RateAfter: 300}
		c.with(p)
		if p.decide(); p.Outcome != c.want {
			t.Errorf("%s: %s, want %s", c.name, p.Outcome, c.want)
		}
	}
}

func TestReportFiles(t *testing.T) {
	p := sample()
	p.Plan.dir = t.TempDir()
	p.Outcome = failed
	p.find("nodes differ", "n1 and n2")
	p.measure()
	if err := p.write(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"report.txt": "again: go run . -runs 1 -seed 1", "report.json": `"nodes differ"`, "timeline.svg": "kill-all",
	} {
		b, err := os.ReadFile(filepath.Join(p.Plan.dir, name))
		if err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s does not contain %q: %v", name, want, err)
		}
		if strings.HasSuffix(name, ".svg") {
			for d := xml.NewDecoder(strings.NewReader(string(b))); ; {
				if _, err := d.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
		}
	}
}
