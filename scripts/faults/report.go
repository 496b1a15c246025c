package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/treenode/treenode/scripts/faults/check"
)

// report is what one run came to.
type report struct {
	Plan     plan            `json:"plan"`
	Outcome  string          `json:"outcome"`
	Reasons  []string        `json:"reasons,omitempty"` // for invalid
	Findings []check.Finding `json:"findings,omitempty"`
	History  check.Verdict   `json:"history"`
	Bands    []*band         `json:"faults"`
	// Warm, Healed and Done end the phases, in nanoseconds.
	Warm   int64 `json:"warm"`
	Healed int64 `json:"healed"`
	Done   int64 `json:"done"`
	// Rates are operations a second, those without answer not counted.
	RateBefore float64 `json:"rate_before"`
	RateDuring float64 `json:"rate_during"`
	RateAfter  float64 `json:"rate_after"`
	// NotApplied counts calls that certainly did not happen.
	NotApplied int `json:"not_applied"`
	// Internal has answers by which a node calls itself damaged.
	Internal []string `json:"internal,omitempty"`
	// Unread is damage of the run's own that no node has noticed, since it has
	// not read it again.
	Unread []string `json:"unread_damage,omitempty"`
	// Late is the latest tick of the driver's own.
	Late time.Duration `json:"driver_late_nanos"`

	looks []look
	ops   []*check.Op
	late  *lateness
}

func (p *report) find(rule, text string) {
	p.Findings = append(p.Findings, check.Finding{Rule: check.Rule(rule), Text: text})
}

// judgedLeast is the time in seconds from which on a rate says something.
const judgedLeast = 0.5

// lost returns the time from begin to end in which no quorum could be
// expected: from the fault to the first write after it.
func (p *report) lost(begin, end int64) (sum int64) {
	for _, b := range p.Bands {
		if !b.QuorumLost {
			continue
		}
		over := b.Wrote
		if over == 0 {
			over = end
		}
		sum += max(0, min(over, end)-max(b.Begin, begin))
	}
	return sum
}

// measure computes the rates and recoveries.
func (p *report) measure() {
	rate := func(begin, end int64) float64 {
		seconds := float64(end-begin-p.lost(begin, end)) / 1e9
		n := 0
		for _, o := range p.ops {
			if o.Outcome != check.Unknown && o.Return >= begin && o.Return < end {
				n++
			}
		}
		if seconds < judgedLeast {
			return rateLeast // too little time with a quorum to tell
		}
		return float64(n) / seconds
	}
	p.RateBefore, p.RateDuring, p.RateAfter = rate(0, p.Warm), rate(p.Warm, p.Healed), rate(p.Healed, p.Done)
	var writes []int64
	for _, o := range p.ops {
		if o.Written() {
			writes = append(writes, o.Return)
		}
	}
	slices.Sort(writes)
	for _, b := range p.Bands {
		b.Gap = b.gapIn(writes)
		b.Late = p.late.within(b.Begin, b.end())
	}
	p.Late = p.late.within(0, p.Done)
}

// from is when writes can be expected again at the earliest.
func (b *band) from() int64 {
	if b.QuorumLost {
		return b.Healed
	}
	return b.Struck
}

// gapIn finds the longest time without an acknowledged write. The times of
// acknowledgement are sorted. It counts from when the fault was there: to cut many
// nodes off takes the driver a while, in which some of them are.
func (b *band) gapIn(writes []int64) time.Duration {
	begin, end := b.from(), b.end()
	gap, last := int64(0), begin
	for _, at := range writes {
		if at > begin && at <= end {
			gap, last = max(gap, at-last), at
		}
	}
	return time.Duration(max(gap, end-last))
}

// wellIn is how long all nodes took to be well after the fault was healed.
func (b *band) wellIn() time.Duration { return time.Duration(max(0, b.Well-b.Healed)) }

func seconds(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }

// decide names the outcome. What is broken comes before what is not known.
func (p *report) decide() {
	p.Findings = append(p.Findings, p.History.Findings...)
	for _, phase := range []struct {
		name string
		rate float64
	}{{"before the faults", p.RateBefore}, {"during the faults", p.RateDuring}, {"after the faults", p.RateAfter}} {
		if phase.rate < rateLeast {
			p.Reasons = append(p.Reasons, fmt.Sprintf("%.0f operations a second %s, %d are needed", phase.rate, phase.name, rateLeast))
		}
	}
	switch {
	case len(p.Findings) > 0:
		p.Outcome = failed
	case p.History.Undecided:
		p.Outcome = undecided
	case len(p.Reasons) > 0:
		p.Outcome = invalid
	default:
		p.Outcome = passed
	}
}

// again is the command that repeats the run.
func (p plan) again() string {
	command := fmt.Sprintf("go run . -runs 1 -seed %d -nodes %d -faults %s -duration %v -clients %d -rate %d",
		p.Seed, p.Nodes, strings.Join(p.Faults, ","), p.Duration, p.Clients, p.Rate)
	if len(p.Faults) > 1 {
		command += " -mix"
	}
	if slices.ContainsFunc(p.Faults, func(name string) bool { return faultNamed(name).older != nil }) {
		command += " -previous " + p.previous
	}
	if p.Compose {
		command += " -compose"
	}
	return command
}

// text writes the report for people.
func (p *report) text(to io.Writer) error {
	out := &strings.Builder{}
	fmt.Fprintf(out, "%s  seed %d, %d nodes, %s\n", p.Outcome, p.Plan.Seed, p.Plan.Nodes, strings.Join(p.Plan.Faults, ","))
	fmt.Fprintf(out, "  %d operations checked in %v, %d open for ever, %d not applied; a second: %.0f before, %.0f during, %.0f after\n",
		p.History.Operations, seconds(p.History.Took), p.History.Unknown, p.NotApplied, p.RateBefore, p.RateDuring, p.RateAfter)
	for _, b := range p.Bands {
		fmt.Fprintf(out, "  %6.2fs %-18s %-40s %5.2fs long, no write for %5.2fs, well %5.2fs after\n", float64(b.Begin)/1e9, b.Fault, b.What,
			float64(b.Healed-b.Begin)/1e9, b.Gap.Seconds(), b.wellIn().Seconds())
	}
	for _, s := range p.Internal {
		fmt.Fprintf(out, "  internal: %s\n", s)
	}
	for _, s := range p.Unread {
		fmt.Fprintf(out, "  not read again: %s\n", s)
	}
	for _, s := range p.Reasons {
		fmt.Fprintf(out, "  invalid: %s\n", s)
	}
	for _, f := range p.Findings {
		fmt.Fprintf(out, "  BROKEN: %s: %s\n", f.Rule, strings.ReplaceAll(f.Text, "\n", "\n    "))
	}
	if p.Outcome != passed {
		fmt.Fprintf(out, "  again: %s\n  kept: %s\n", p.Plan.again(), p.Plan.dir)
	}
	_, err := io.WriteString(to, out.String())
	return err
}

// write saves the report in its three forms.
func (p *report) write() error {
	var text strings.Builder
	if err := p.text(&text); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.Plan.dir, "report.txt"), []byte(text.String()), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.Plan.dir, "timeline.svg"), []byte(p.timeline()), 0o600); err != nil {
		return err
	}
	return p.Plan.save("report.json", p)
}
