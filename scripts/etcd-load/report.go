package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// errorTextsMax is how many different errors of a row are kept.
const errorTextsMax = 5

// ratioWanted is how many times better treenode is meant to be.
const ratioWanted = 1.5

// row is what one side did in one round.
type row struct {
	Row        string   `json:"row"`
	Clients    int      `json:"clients"`
	PerSecond  float64  `json:"per_second"`
	P50Millis  float64  `json:"p50_millis"`
	P99Millis  float64  `json:"p99_millis"`
	Errors     int      `json:"errors"`
	ErrorTexts []string `json:"error_texts"`
}

// round is one turn of both.
type round struct {
	etcd     []row
	version  string
	treenode benchReport
}

// side is one side of a line: medians over the rounds.
type side struct {
	PerSecond       float64   `json:"per_second"`
	PerSecondRounds []float64 `json:"per_second_rounds"`
	P50Millis       float64   `json:"p50_millis"`
	P99Millis       float64   `json:"p99_millis"`
	Errors          int       `json:"errors"`
	ErrorTexts      []string  `json:"error_texts,omitempty"`
}

// line compares the two. A ratio is how many times better treenode is, 0 where
// one side has no figure.
type line struct {
	Row            string  `json:"row"`
	Clients        int     `json:"clients"`
	Treenode       side    `json:"treenode"`
	Etcd           side    `json:"etcd"`
	PerSecondRatio float64 `json:"per_second_ratio"`
	P50Ratio       float64 `json:"p50_ratio"`
}

// report is all that was measured.
type report struct {
	Machine         json.RawMessage `json:"machine"`
	FdatasyncMillis float64         `json:"fdatasync_millis"` // median over the rounds
	EtcdVersion     string          `json:"etcd_version"`
	Options         options         `json:"options"`
	RatioWanted     float64         `json:"ratio_wanted"`
	Lines           []line          `json:"lines"`
}

func newReport(o options, rounds []round) report {
	r := report{Machine: rounds[0].treenode.Machine, EtcdVersion: rounds[0].version, Options: o, RatioWanted: ratioWanted}
	var flushes []float64
	for _, one := range rounds {
		flushes = append(flushes, one.treenode.fdatasyncMillis)
	}
	r.FdatasyncMillis = median(flushes)
	for _, first := range rounds[0].etcd {
		var etcd, treenode []row
		for _, one := range rounds {
			etcd = append(etcd, named(one.etcd, first.Row)...)
			treenode = append(treenode, named(one.treenode.Results[0].Rows, first.Row)...)
		}
		l := line{Row: first.Row, Clients: first.Clients, Treenode: newSide(treenode), Etcd: newSide(etcd)}
		l.PerSecondRatio = ratio(l.Treenode.PerSecond, l.Etcd.PerSecond)
		l.P50Ratio = ratio(l.Etcd.P50Millis, l.Treenode.P50Millis)
		r.Lines = append(r.Lines, l)
	}
	return r
}

func named(rows []row, name string) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.Row != name })
}

func newSide(rows []row) (s side) {
	var p50, p99 []float64
	for _, r := range rows {
		s.PerSecondRounds = append(s.PerSecondRounds, r.PerSecond)
		s.Errors += r.Errors
		for _, text := range r.ErrorTexts {
			if !slices.Contains(s.ErrorTexts, text) && len(s.ErrorTexts) < errorTextsMax {
				s.ErrorTexts = append(s.ErrorTexts, text)
			}
		}
		if r.P50Millis > 0 {
			p50, p99 = append(p50, r.P50Millis), append(p99, r.P99Millis)
		}
	}
	s.PerSecond, s.P50Millis, s.P99Millis = median(s.PerSecondRounds), median(p50), median(p99)
	return s
}

// ratio is 0 where there is none.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// median of no value is 0.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return sorted[n/2]
	default:
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
}

// failed reports whether a request of either side did.
func (r report) failed() bool {
	return slices.ContainsFunc(r.Lines, func(l line) bool { return l.Treenode.Errors+l.Etcd.Errors > 0 })
}

func (r report) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "ROW\tTREENODE/S\tETCD/S\tRATIO\tWANTED\tTREENODE P50 MS\tETCD P50 MS\tRATIO\tTREENODE P99 MS\tETCD P99 MS\tERRORS\n")
	for _, l := range r.Lines {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.2fx\t%.1fx\t%.2f\t%.2f\t%.2fx\t%.2f\t%.2f\t%d\n", l.Row,
			l.Treenode.PerSecond, l.Etcd.PerSecond, l.PerSecondRatio, r.RatioWanted,
			l.Treenode.P50Millis, l.Etcd.P50Millis, l.P50Ratio, l.Treenode.P99Millis, l.Etcd.P99Millis,
			l.Treenode.Errors+l.Etcd.Errors)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\netcd %s; medians over %d rounds of %v; fdatasync %.2f ms\n",
		r.EtcdVersion, r.Options.Rounds, r.Options.Duration, r.FdatasyncMillis)
	for _, l := range r.Lines {
		if l.Row == "claims@1" && r.FdatasyncMillis > 0 {
			fmt.Fprintf(out, "p50 of one write, one client: treenode %.1f fdatasync, etcd %.1f\n",
				l.Treenode.P50Millis/r.FdatasyncMillis, l.Etcd.P50Millis/r.FdatasyncMillis)
		}
		for _, text := range append(l.Treenode.ErrorTexts, l.Etcd.ErrorTexts...) {
			fmt.Fprintf(out, "%s: %s\n", l.Row, text)
		}
	}
	return nil
}
