package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/treenode/treenode/cmd/treenode/internal/bench"
)

var benchHead = []string{"row", "per second", "", "p50 ms", "p99 ms", "p99.9 ms", "answer kB", "runs", "errors"}

// benchCells are a row's cells below benchHead.
func benchCells(r bench.Row) []string {
	switch {
	case r.Skipped:
		return []string{r.Row, "skipped"}
	case r.LongerThanMillis > 0:
		return []string{r.Row, "no answer", "", "> " + figure(r.LongerThanMillis), "", "", "", number(r.Runs), number(r.Errors)}
	}
	size := ""
	if r.AnswerBytes > 0 {
		size = figure(float64(r.AnswerBytes) / 1000)
	}
	return []string{
		r.Row, figure(r.PerSecond), r.Unit, figure(r.P50Millis), figure(r.P99Millis), figure(r.P999Millis),
		size, number(r.Runs), number(r.Errors),
	}
}

// figure has three digits that say something, or all before the point.
func figure(f float64) string {
	if f >= 100 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// printBench prints the report for people.
func printBench(out io.Writer, r benchReport) error {
	m := r.Machine
	if err := printPairs(out, [][]string{
		{"machine", fmt.Sprintf("%d cores, %s", m.Cores, m.CPU)},
		{"memory", fmt.Sprintf("%.1f GiB", float64(m.MemoryBytes)/(1<<30))},
		{"kernel", m.Kernel},
		{"fdatasync", fmt.Sprintf("%s ms in %s", figure(m.FdatasyncMillis), m.FdatasyncMeasured)},
		{"go", m.Go},
		{"treenode", m.Treenode},
		{"runs", fmt.Sprintf("medians of %d, %v each, after %v; figures in milliseconds", r.Options.Runs, r.Options.Duration, r.Options.WarmUp)},
	}); err != nil {
		return err
	}
	for _, result := range r.Results {
		fmt.Fprintf(out, "\n%s\n", result.Name)
		var rows [][]string
		for _, row := range result.Rows {
			rows = append(rows, benchCells(row))
		}
		if err := printTable(out, benchHead, rows); err != nil {
			return err
		}
		for _, row := range result.Rows {
			for _, text := range row.ErrorTexts {
				fmt.Fprintf(out, "%s: error: %s\n", row.Row, strings.ReplaceAll(text, "\n", " "))
			}
		}
	}
	if len(r.Ratios) == 0 {
		return nil
	}
	fmt.Fprintf(out, "\nhow many times better %s is than %s\n", r.Results[0].Name, r.Results[1].Name)
	var rows [][]string
	for _, ratio := range r.Ratios {
		least := ""
		if ratio.AtLeast {
			least = "> "
		}
		rows = append(rows, []string{ratio.Row, least + figure(ratio.PerSecond), least + figure(ratio.Latency)})
	}
	return printTable(out, []string{"row", "rate", "p50"}, rows)
}

// listWorkloads prints what --list asks for.
func listWorkloads(out io.Writer, o benchFlags) error {
	all := bench.Workloads(o.Options)
	if o.output == "json" {
		return printJSON(out, all)
	}
	var rows [][]string
	for _, w := range all {
		about := w.About
		if w.Asked {
			about += " (when asked)"
		}
		rows = append(rows, []string{w.Name, about}, []string{"", "rows: " + strings.Join(w.Rows, " ")})
	}
	return printTable(out, []string{"workload", "what"}, rows)
}
