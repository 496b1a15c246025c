package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/treenode/treenode/scripts/faults/check"
)

// statistics is what many runs came to.
type statistics struct {
	Faults []*faultStatistics `json:"faults"` // by name
	// Deposed counts the reads while the leader was paused or cut off.
	Deposed deposedReads `json:"deposed"`
	// Others are the runs that did not pass.
	Others []otherRun `json:"not_passed,omitempty"`
	// Broken are promises about many runs that were not kept.
	Broken []string `json:"broken,omitempty"`

	silences, wells map[string][]recovery // by fault
}

// faultStatistics is the row of one fault. A run of several counts as one of
// "mix", what it injected with each.
type faultStatistics struct {
	Fault      string `json:"fault"`
	Runs       int    `json:"runs"`
	Passed     int    `json:"passed"`
	Failed     int    `json:"failed"`
	Undecided  int    `json:"undecided"`
	Invalid    int    `json:"invalid"`
	Injected   int    `json:"injected"`
	Refused    int    `json:"refused,omitempty"` // transfers that did not happen
	Operations int    `json:"operations"`
	// Disturbed recoveries are not measured: the machine was busy. Never are
	// those that did not end.
	Disturbed int `json:"disturbed,omitempty"`
	Never     int `json:"never,omitempty"`
	// NoWrite is the longest time without an acknowledged write, Well the time
	// from the healing until all was well.
	NoWrite spread `json:"no_write"`
	Well    spread `json:"well"`
}

// spread describes the times of one kind.
type spread struct {
	Count int           `json:"count"`
	P50   time.Duration `json:"p50_nanos"`
	P99   time.Duration `json:"p99_nanos"`
	Max   time.Duration `json:"max_nanos"`
	Seed  uint64        `json:"slowest_seed"`
}

// recovery is one measured time.
type recovery struct {
	took time.Duration
	seed uint64
}

// otherRun is one that did not pass.
type otherRun struct {
	Seed    uint64 `json:"seed"`
	Nodes   int    `json:"nodes"`
	Fault   string `json:"fault"`
	Outcome string `json:"outcome"`
	Why     string `json:"why"` // the first reason
}

// deposedReads are linearizable reads that were answered while the leader was
// paused or cut off, or until all was well again. Had one been stale, the check
// of the history would say so.
type deposedReads struct {
	Faults int `json:"faults"`
	// Others were answered by a node that was not the newest leader, Former of
	// these by the one that was paused or cut off.
	Others int `json:"by_others"`
	Former int `json:"by_the_former_leader"`
	Stale  int `json:"stale"` // findings
}

// manyRecoveries is how many are needed to judge a promise about most of them.
const manyRecoveries = 50

// statisticsOf counts runs. The bounds are those of a fault by its name.
func statisticsOf(runs []*report, of func(fault string) bounds) *statistics {
	s := &statistics{silences: map[string][]recovery{}, wells: map[string][]recovery{}}
	for _, p := range runs {
		s.add(p, of)
	}
	for _, f := range s.Faults {
		f.NoWrite, f.Well = spreadOf(s.silences[f.Fault]), spreadOf(s.wells[f.Fault])
		s.judge(f, of(f.Fault))
	}
	slices.SortFunc(s.Faults, func(a, b *faultStatistics) int { return cmp.Compare(a.Fault, b.Fault) })
	return s
}

// fault is the row of a fault.
func (s *statistics) fault(name string) *faultStatistics {
	for _, f := range s.Faults {
		if f.Fault == name {
			return f
		}
	}
	f := &faultStatistics{Fault: name}
	s.Faults = append(s.Faults, f)
	return f
}

func (s *statistics) add(p *report, of func(fault string) bounds) {
	f := s.fault(p.Plan.label())
	f.Runs++
	f.Operations += p.History.Operations
	switch p.Outcome {
	case passed:
		f.Passed++
	case failed:
		f.Failed++
	case undecided:
		f.Undecided++
	default:
		f.Invalid++
	}
	if p.Outcome != passed {
		s.Others = append(s.Others, otherRun{p.Plan.Seed, p.Plan.Nodes, p.Plan.label(), p.Outcome, p.why()})
	}
	for _, b := range p.Bands {
		f := s.fault(b.Fault)
		f.Injected++
		if b.deposes() {
			s.Deposed.Faults++
			s.Deposed.Others += b.OtherReads
			s.Deposed.Former += b.FormerReads
		}
		switch {
		case b.Well == 0 || b.Wrote == 0:
			f.Never++
		case b.Refused:
			f.Refused++
		case b.Late > lateAgainst(of(b.Fault).orUsual().wrote):
			f.Disturbed++
		default:
			s.silences[b.Fault] = append(s.silences[b.Fault], recovery{b.Gap, p.Plan.Seed})
			s.wells[b.Fault] = append(s.wells[b.Fault], recovery{b.wellIn(), p.Plan.Seed})
		}
	}
	for _, found := range p.Findings {
		if found.Rule == check.RuleStale {
			s.Deposed.Stale++
		}
	}
}

// why is the first reason for an outcome.
func (p *report) why() string {
	switch {
	case len(p.Findings) > 0:
		return string(p.Findings[0].Rule)
	case p.History.Undecided:
		return "the check of the history ran out of time"
	case len(p.Reasons) > 0:
		return p.Reasons[0]
	}
	return ""
}

// spreadOf orders times.
func spreadOf(all []recovery) spread {
	if len(all) == 0 {
		return spread{}
	}
	slices.SortFunc(all, func(a, b recovery) int { return cmp.Or(cmp.Compare(a.took, b.took), cmp.Compare(a.seed, b.seed)) })
	// The smallest time that so much of all does not exceed.
	at := func(share float64) time.Duration {
		return all[max(1, int(math.Ceil(share*float64(len(all)))))-1].took
	}
	last := all[len(all)-1]
	return spread{Count: len(all), P50: at(0.5), P99: at(0.99), Max: last.took, Seed: last.seed}
}

// judge compares what is promised of most recoveries, if there are enough.
func (s *statistics) judge(f *faultStatistics, most bounds) {
	if f.NoWrite.Count < manyRecoveries {
		return
	}
	for _, c := range []struct {
		name     string
		is, most time.Duration
	}{{"p50", f.NoWrite.P50, most.p50}, {"p99", f.NoWrite.P99, most.p99}} {
		if c.most > 0 && c.is > c.most {
			s.Broken = append(s.Broken, fmt.Sprintf("%s: %s of %d times without a write is %v, %v is promised",
				f.Fault, c.name, f.NoWrite.Count, seconds(c.is), c.most))
		}
	}
}

// total adds up the rows.
func (s *statistics) total() faultStatistics {
	t := faultStatistics{Fault: "all"}
	for _, f := range s.Faults {
		t.Runs += f.Runs
		t.Passed += f.Passed
		t.Failed += f.Failed
		t.Undecided += f.Undecided
		t.Invalid += f.Invalid
		t.Injected += f.Injected
		t.Operations += f.Operations
	}
	return t
}

// invalidMost is the share of runs that may be invalid, as one in so many.
const invalidMost = 4

// code is the exit code for all runs.
func (s *statistics) code() int {
	t := s.total()
	switch {
	case t.Failed > 0 || len(s.Broken) > 0:
		return exitFailed
	case t.Undecided > 0 || t.Invalid*invalidMost > t.Runs:
		return exitUndecided
	}
	return 0
}
