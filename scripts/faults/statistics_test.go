package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/scripts/faults/check"
)

// recovered is a run of one fault with recoveries of so many milliseconds.
func recovered(seed uint64, fault, outcome string, gaps ...int64) *report {
	p := &report{Plan: plan{Seed: seed, Nodes: 3, Faults: []string{fault}}, Outcome: outcome, Done: int64(seed), History: check.Verdict{Operations: 10}}
	for _, gap := range gaps {
		p.Bands = append(p.Bands, &band{Fault: fault, Begin: 1e9, Struck: 1e9, Healed: 2e9, Wrote: 1e9 + gap*1e6, Well: 2e9 + 2*gap*1e6, Gap: time.Duration(gap) * time.Millisecond})
	}
	return p
}

func TestSpread(t *testing.T) {
	var all []recovery
	for i := range 200 {
		all = append(all, recovery{time.Duration((i*77)%200+1) * time.Millisecond, uint64((i*77)%200 + 1)})
	}
	if got, want := spreadOf(all), (spread{200, 100 * time.Millisecond, 198 * time.Millisecond, 200 * time.Millisecond, 200}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got, want := spreadOf(all[:1]), (spread{1, all[0].took, all[0].took, all[0].took, all[0].seed}); got != want {
		t.Errorf("of one: %+v, want %+v", got, want)
	}
	if got := spreadOf(nil); got != (spread{}) {
		t.Errorf("of none: %+v", got)
	}
}

func TestStatistics(t *testing.T) {
	busy := recovered(5, "kill-all", invalid, 4000)
	busy.Bands[0].Late, busy.Reasons = time.Second, []string{"the driver was late"}
	never := recovered(6, "kill-all", failed, 10)
	never.Bands[0].Well = 0
	never.find("cluster does not recover", "n1")
	refused := recovered(7, "transfer-leader", passed, 20, 2000)
	refused.Bands[1].Refused = true
	mixed := recovered(8, "kill-all", passed, 700)
	mixed.Plan.Faults = []string{"kill-all", "loss"}
	s := statisticsOf([]*report{recovered(3, "kill-all", passed, 500, 900), busy, never, refused, mixed}, func(string) bounds { return bounds{} })
	var table strings.Builder
	if err := s.text(&table); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"kill-all            3       1       1          0        1         5          30        0.70 s  0.90 s  0.90 s     3    1.40 s  1.80 s",
		"mix                 1",
		"transfer-leader     1       1       0          0        0         2          10        0.02 s",
		"all                 5       3       1          0        1         7          50",
		"kill-all: 1 of 5 not measured", "kill-all: 1 of 5 did not recover", "transfer-leader: 1 of 2 refused",
		"invalid: seed 5, 3 nodes, kill-all: the driver was late", "FAILED: seed 6, 3 nodes, kill-all: cluster does not recover",
	} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is missing in\n%s", want, table.String())
		}
	}
	var pasted strings.Builder
	if err := s.markdown(&pasted); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| fault | runs |", "|---|---:|", "| kill-all | 3 | 1 | 1 |", "| all | 5 |", "\n- kill-all: 1 of 5 did not recover"} {
		if !strings.Contains(pasted.String(), want) {
			t.Errorf("%q is missing in\n%s", want, pasted.String())
		}
	}
}

// What is promised of most recoveries is judged where there are enough.
func TestManyRecoveries(t *testing.T) {
	of := func(string) bounds { return bounds{p50: time.Second, p99: 2500 * time.Millisecond} }
	for _, c := range []struct {
		name       string
		n          int
		gap, worst int64
		broken     string
	}{
		{"too few", 49, 2900, 2900, ""},
		{"as promised", 200, 1000, 2500, ""},
		{"half too slow", 50, 1001, 1001, "p50"},
		{"one in 50 too slow", 50, 900, 2600, "p99"},
	} {
		var runs []*report
		for i := range c.n {
			gap := c.gap
			if i == 7 {
				gap = c.worst
			}
			runs = append(runs, recovered(uint64(i)+1, "kill-leader", passed, gap)) //nolint:gosec // small
		}
		s := statisticsOf(runs, of)
		if c.broken == "" && (len(s.Broken) > 0 || s.code() != 0) || c.broken != "" && (len(s.Broken) != 1 || !strings.Contains(s.Broken[0], c.broken) || s.code() != exitFailed) {
			t.Errorf("%s: %v, code %d", c.name, s.Broken, s.code())
		}
	}
}

func TestStatisticsCode(t *testing.T) {
	for _, c := range []struct {
		outcomes string
		want     int
	}{
		{passed, 0},
		{"passed passed passed invalid", 0},
		{"passed passed invalid", exitUndecided},
		{"passed passed passed passed undecided", exitUndecided},
		{"undecided invalid FAILED", exitFailed},
	} {
		var runs []*report
		for i, outcome := range strings.Fields(c.outcomes) {
			runs = append(runs, recovered(uint64(i), "loss", outcome)) //nolint:gosec // small
		}
		if got := statisticsOf(runs, boundsOf).code(); got != c.want {
			t.Errorf("%s: code %d, want %d", c.outcomes, got, c.want)
		}
	}
}

// The statistics of two campaigns are those of all their runs.
func TestSum(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "a.json"), filepath.Join(dir, "b.json")}
	all := [][]*report{{recovered(1, "loss", passed, 100)}, {recovered(2, "loss", passed, 300), recovered(3, "kill-all", failed, 50)}}
	for i, runs := range all {
		f, err := os.Create(files[i])
		if err != nil {
			t.Fatal(err)
		}
		c := &campaign{options: options{output: "json"}, out: f}
		for _, p := range runs {
			if code := c.tell(result{report: p}); code != 0 {
				t.Fatalf("code %d", code)
			}
		}
		if err := statisticsOf(runs, boundsOf).print("json", f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var got, want, errs strings.Builder
	if code := campaignOf([]string{"-o", "markdown", "-sum", files[0], files[1]}, &got, &errs); code != exitFailed || errs.Len() > 0 {
		t.Errorf("code %d: %s", code, errs.String())
	}
	if err := statisticsOf(append(all[0], all[1]...), boundsOf).markdown(&want); err != nil {
		t.Fatal(err)
	}
	if got.String() != want.String() {
		t.Errorf("%s\nwant\n%s", got.String(), want.String())
	}
	// The same file twice would make the figures wrong.
	if code := campaignOf([]string{"-sum", files[0], files[0]}, &got, &errs); code != exitUsage || !strings.Contains(errs.String(), "twice") {
		t.Errorf("the same file twice: code %d: %s", code, errs.String())
	}
	if code := campaignOf([]string{"-sum", os.DevNull}, &got, &errs); code != exitUsage {
		t.Errorf("an empty file: code %d", code)
	}
}

// Counted is who answered a linearizable read and did not lead any more, or not
// yet, as far as it was seen.
func TestCountDeposed(t *testing.T) {
	nodes := []string{"http://n1", "http://n2", "http://n3"}
	looks := []look{{At: 3e9, Node: 1, State: "leader", Term: 5}, {At: 1e9, Node: 0, State: "leader", Term: 4}, {At: 3.1e9, Node: 0, State: "leader", Term: 4}}
	read := func(at int64, node string, with func(*check.Op)) *check.Op {
		o := &check.Op{Kind: check.ReadTree, Level: check.Linearizable, Outcome: check.OK, Node: node, Return: at}
		if with != nil {
			with(o)
		}
		return o
	}
	ops := []*check.Op{
		read(1.9e9, "http://n2", nil), // before the fault
		read(2.5e9, "http://n1", nil), // still the newest leader
		read(2.6e9, "http://n2", nil), // counted
		read(3.2e9, "http://n1", nil), // counted: the former leader
		read(3.3e9, "http://n2", nil), // leads by now
		read(3.4e9, "http://n3", nil), // counted
		read(3.5e9, "", nil),          // nobody knows who answered
		read(3.5e9, "http://n3", func(o *check.Op) { o.Level = check.Stale }),
		read(3.5e9, "http://n3", func(o *check.Op) { o.Outcome = check.Rejected }),
		read(9.9e9, "http://n3", nil), // long after
	}
	b := &band{Fault: "pause-leader", Begin: 2e9, Struck: 2e9, Healed: 4e9, Wrote: 3e9, Well: 5e9}
	other := &band{Fault: "kill-leader", Begin: 2e9, Struck: 2e9, Healed: 4e9, Wrote: 3e9, Well: 5e9}
	countDeposed([]*band{b, other}, looks, ops, nodes)
	if b.OtherReads != 3 || b.FormerReads != 1 || other.OtherReads != 0 {
		t.Errorf("%d by others, %d of them by the former leader, %d of a fault that leaves no leader alive", b.OtherReads, b.FormerReads, other.OtherReads)
	}
}
