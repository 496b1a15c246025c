package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// header names the columns of the table.
var header = []string{
	"fault", "runs", passed, failed, undecided, invalid, "injected", "operations",
	"no write p50", "p99", "max", "seed", "well p50", "max",
}

func (f *faultStatistics) cells() []string {
	cells := []string{f.Fault}
	for _, n := range []int{f.Runs, f.Passed, f.Failed, f.Undecided, f.Invalid, f.Injected, f.Operations} {
		cells = append(cells, strconv.Itoa(n))
	}
	if f.NoWrite.Count == 0 {
		return append(cells, "", "", "", "", "", "")
	}
	in := func(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
	return append(cells, in(f.NoWrite.P50), in(f.NoWrite.P99), in(f.NoWrite.Max), strconv.FormatUint(f.NoWrite.Seed, 10),
		in(f.Well.P50), in(f.Well.Max))
}

func (s *statistics) rows() [][]string {
	var rows [][]string
	for _, f := range s.Faults {
		rows = append(rows, f.cells())
	}
	t := s.total()
	return append(rows, t.cells())
}

// notes are what does not fit into the table.
func (s *statistics) notes() []string {
	var notes []string
	for _, f := range s.Faults {
		for _, c := range []struct {
			n    int
			text string
		}{
			{f.Refused, "refused by the cluster, not measured"},
			{f.Disturbed, "not measured, the machine was too busy"},
			{f.Never, "did not recover"},
		} {
			if c.n > 0 {
				notes = append(notes, fmt.Sprintf("%s: %d of %d %s", f.Fault, c.n, f.Injected, c.text))
			}
		}
	}
	if d := s.Deposed; d.Faults > 0 {
		notes = append(notes, fmt.Sprintf("the leader paused or cut off %d times: %d linearizable reads answered by nodes that were not the newest leader, %d of them by the former one; %d stale",
			d.Faults, d.Others, d.Former, d.Stale))
	}
	for _, o := range s.Others {
		notes = append(notes, fmt.Sprintf("%s: seed %d, %d nodes, %s: %s", o.Outcome, o.Seed, o.Nodes, o.Fault, o.Why))
	}
	for _, b := range s.Broken {
		notes = append(notes, "BROKEN: "+b)
	}
	return notes
}

// text prints the table for people.
func (s *statistics) text(out io.Writer) error {
	rows := append([][]string{header}, s.rows()...)
	width := make([]int, len(header))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&line, "%-*s", width[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", width[i], cell)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	for _, note := range s.notes() {
		b.WriteString(note + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// markdown prints the table to be pasted into a document.
func (s *statistics) markdown(out io.Writer) error {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(header)
	b.WriteString("|---" + strings.Repeat("|---:", len(header)-1) + "|\n")
	for _, row := range s.rows() {
		line(row)
	}
	b.WriteByte('\n')
	for _, note := range s.notes() {
		b.WriteString("- " + note + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
