package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"-writers", "1, 64", "-readers", "none", "-rounds", "2", "-leader-only"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.Writers, []int{1, 64}) || o.Readers != nil || o.Rounds != 2 || !o.LeaderOnly {
		t.Errorf("parsed %+v", o)
	}
	for args, want := range map[string]string{
		"-writers 0":                  "writers",
		"-writers 1,1":                "writers",
		"-readers 2":                  "readers",
		"-writers none -readers none": "writers, readers",
		"-rounds 0":                   "rounds",
		"-duration 0s":                "duration",
		"-warm-up 1h":                 "warm-up",
		"-o yaml":                     "o: ",
		"-writers 1 64":               `"64"`,
	} {
		if _, err := parse(strings.Fields(args), &bytes.Buffer{}); !errors.Is(err, errWrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want one about %q", args, err, want)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	for args, want := range map[string]error{
		"--help":                     flag.ErrHelp,
		"-nonsense":                  errWrong,
		"-etcd /nowhere/etcd":        errMissing,
		"-etcd sh -treenode /no/one": errMissing,
	} {
		var out, log bytes.Buffer
		if err := run(context.Background(), strings.Fields(args), &out, &log); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", args, err, want)
		}
		if errors.Is(want, flag.ErrHelp) && !strings.Contains(log.String(), "Exit codes:") {
			t.Errorf("--help: %s", log.String())
		}
	}
}

func TestConnections(t *testing.T) {
	for _, c := range []struct{ clients, members, want int }{
		{1, 3, 1}, {2, 3, 2}, {16, 3, 3}, {256, 3, 3}, {300, 3, 3}, {301, 3, 6}, {1000, 3, 12}, {1, 1, 1}, {256, 1, 3}, {1000, 1, 10},
	} {
		if got := connections(c.clients, c.members); got != c.want {
			t.Errorf("%d clients, %d members: %d connections, want %d", c.clients, c.members, got, c.want)
		}
	}
}

func TestMedianAndQuantile(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 9, 2}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
	sorted := []time.Duration{time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond}
	if p50, p99 := quantile(sorted, 0.5), quantile(sorted, 0.99); p50 != 2 || p99 != 3 {
		t.Errorf("p50 %v, p99 %v", p50, p99)
	}
}

func TestFillCountsErrorsOfTheWarmUp(t *testing.T) {
	var r row
	r.fill([]callerSaw{{errors: 2, text: "no"}}, time.Second)
	r.fill([]callerSaw{{latencies: []time.Duration{time.Millisecond, 3 * time.Millisecond}}, {errors: 1, text: "no"}}, 2*time.Second)
	if r.PerSecond != 1 || r.Errors != 3 || !slices.Equal(r.ErrorTexts, []string{"no"}) {
		t.Errorf("%+v", r)
	}
}

func TestReport(t *testing.T) {
	turn := func(etcd, treenode, flush float64, errors int) round {
		r := round{version: "3.4.23", etcd: []row{{Row: "claims@1", Clients: 1, PerSecond: etcd, P50Millis: 2, P99Millis: 4}}}
		r.treenode.Machine = []byte(`{"cores":2}`)
		r.treenode.fdatasyncMillis = flush
		r.treenode.Results = append(r.treenode.Results, struct {
			Rows []row `json:"rows"`
		}{[]row{{Row: "claims@1", Clients: 1, PerSecond: treenode, P50Millis: 1, Errors: errors}}})
		return r
	}
	r := newReport(options{Rounds: 3}, []round{turn(100, 300, 0.1, 0), turn(200, 100, 0.5, 0), turn(150, 400, 0.2, 0)})
	l := r.Lines[0]
	if len(r.Lines) != 1 || l.Etcd.PerSecond != 150 || l.Treenode.PerSecond != 300 || l.PerSecondRatio != 2 || l.P50Ratio != 2 || r.FdatasyncMillis != 0.2 {
		t.Errorf("%+v", r)
	}
	var out bytes.Buffer
	if err := tell(r, options{output: "table"}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.00x", "1.5x", "etcd 3.4.23", "treenode 5.0 fdatasync, etcd 10.0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
	save := t.TempDir() + "/report.json"
	bad := newReport(options{Rounds: 1}, []round{turn(100, 300, 0.1, 1)})
	if err := tell(bad, options{output: "json", save: save}, &out); !errors.Is(err, errRows) {
		t.Errorf("a report with an error: %v", err)
	}
	if b, err := os.ReadFile(save); err != nil || !bytes.Contains(b, []byte(`"per_second_ratio": 3`)) {
		t.Errorf("saved %s, %v", b, err)
	}
}

func TestEtcdTakesNoSettingsFromOutside(t *testing.T) {
	got := withoutSettings([]string{"PATH=/bin", "ETCD_UNSAFE_NO_FSYNC=true", "ETCD_UNSUPPORTED_ARCH=arm64"})
	if !slices.Equal(got, []string{"PATH=/bin", "ETCD_UNSUPPORTED_ARCH=arm64"}) {
		t.Errorf("%q is left", got)
	}
}
