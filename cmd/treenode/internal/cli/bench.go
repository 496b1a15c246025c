package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/bench"
)

// benchFlags are the flags of bench.
type benchFlags struct {
	bench.Options
	targets, skip []string
	compare       []string
	skipOnCompare []string
	token         string
	nodes         int
	dir           string
	profile       string
	output, save  string
	list          bool
	leaderOnly    bool
	nodeArgs      []string
	tls           *tls.Config // of the targets
}

func newBench() *cobra.Command {
	var o benchFlags
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure rates and latencies of a cluster, or of any Placement service",
		Long: "Run workloads against services that speak the Placement API, check every answer, and report rates and\n" +
			"latencies: medians over several runs, after a warm-up. Without --target it starts a cluster of its own on\n" +
			"this machine, and stops it afterwards. --compare measures a second service and prints how many times\n" +
			"better the first is.\n\n" +
			"What is made there has names with \"bench\" and is removed at the end. Answers that are not right are\n" +
			"errors, never work; with any, the exit code is 1.",
		Example: "  treenode bench                                  # three nodes of its own, all workloads\n" +
			"  treenode bench --list\n" +
			"  treenode bench --workload claims --clients 1,64 --duration 10s\n" +
			"  treenode bench --target http://10.0.0.1:8778,http://10.0.0.2:8778 -o json\n" +
			"  treenode bench --compare http://127.0.0.1:8000 --skip-on-compare 'claims@1000'\n" +
			"  treenode bench --row claims@64 --cpu-profile cpu.pprof\n" +
			"  treenode bench --workload scale --sizes 1000,10000,100000 -o json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := oneOf(cmd, "output", benchFormats); err != nil {
				return err
			}
			var err error
			if o.tls, err = clientTLS(cmd); err != nil {
				return err
			}
			if err := o.check(); err != nil {
				return err
			}
			if o.list {
				return listWorkloads(cmd.OutOrStdout(), o)
			}
			return runBench(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.Workloads, "workload", nil, "workloads to run, comma-separated (default: all but those that --list says are run when asked)")
	f.StringSliceVar(&o.Only, "row", nil, "only rows of these names or patterns, such as claims@64 or claims@*")
	f.BoolVar(&o.list, "list", false, "list the workloads and their rows")
	f.StringSliceVar(&o.targets, "target", nil, "URLs of the service to measure; clients take them in turn (default: a cluster of its own)")
	clientTLSFlags(cmd)
	f.StringSliceVar(&o.skip, "skip", nil, "rows to leave out, by name or pattern")
	f.StringSliceVar(&o.compare, "compare", nil, "URLs of a second service, measured after the first")
	f.StringSliceVar(&o.skipOnCompare, "skip-on-compare", nil, "rows that the second service is spared, by name or pattern")
	f.StringVar(&o.token, "token", "admin", "what to send as X-Auth-Token")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of its own cluster")
	f.StringVar(&o.dir, "dir", "", "directory below which its own cluster's data is, for the time of the run (default: the temporary one)")
	f.StringArrayVar(&o.nodeArgs, "node-arg", nil, "a further argument of every node of its own cluster's \"serve\"; may be repeated")
	f.BoolVar(&o.leaderOnly, "leader-only", false, "all clients talk to the leader of its own cluster, none to the others")
	f.StringVar(&o.profile, "cpu-profile", "", "file for a CPU profile of its own cluster's leader during the first run; with several rows, one file each")
	f.IntSliceVar(&o.Clients, "clients", []int{1, 10, 16, 64, 256, 1000}, "numbers of clients of claims")
	f.IntVar(&o.Hosts, "hosts", 1000, "flat hosts")
	f.IntVar(&o.Trees, "trees", 1000, "trees of candidates-tree")
	f.IntSliceVar(&o.Sizes, "sizes", []int{1000, 10_000, 100_000}, "numbers of providers of scale")
	f.IntVar(&o.Runs, "runs", 3, "runs of each row")
	f.DurationVar(&o.WarmUp, "warm-up", 500*time.Millisecond, "time before the first run of each row")
	f.DurationVar(&o.Duration, "duration", 2*time.Second, "time of each run")
	f.DurationVar(&o.RequestTimeout, "request-timeout", 30*time.Second, "longest wait for an answer")
	f.DurationVar(&o.RowBudget, "row-budget", 90*time.Second, "longest time for a row; runs that no longer fit are left out")
	f.BoolVar(&o.Keep, "keep", false, "leave behind what was made")
	f.Uint64Var(&o.Seed, "seed", 1, "of the choice of hosts")
	f.StringVarP(&o.output, "output", "o", benchFormats[0], strings.Join(benchFormats, ", "))
	f.StringVar(&o.save, "save", "", "file for the report as JSON, besides what is printed")
	completeFlag(cmd, "output", benchFormats...)
	return cmd
}

var benchFormats = []string{"table", "json"}

// nodesMax bounds a cluster of bench's own.
const nodesMax = 9

func (o *benchFlags) check() error {
	if err := o.Check(); err != nil {
		return usage("%w", err)
	}
	for _, pattern := range append(o.skip, o.skipOnCompare...) {
		if err := bench.CheckPattern(pattern); err != nil {
			return usage("skip: %w", err)
		}
	}
	if o.nodes < 1 || o.nodes > nodesMax {
		return usage("nodes: %d; it must be from 1 to %d", o.nodes, nodesMax)
	}
	if len(o.targets) > 0 && (o.profile != "" || o.dir != "" || o.leaderOnly || len(o.nodeArgs) > 0) {
		return usage("cpu-profile, dir, node-arg and leader-only are for a cluster of its own, not for a --target")
	}
	for flag, urls := range map[string][]string{"target": o.targets, "compare": o.compare} {
		if len(urls) > 0 {
			t := bench.Target{URLs: urls, Token: o.token, TLS: o.tls}
			if err := t.Check(); err != nil {
				return usage("%s: %w", flag, err)
			}
		}
	}
	return nil
}

// benchReport is all that a run prints.
type benchReport struct {
	Machine bench.Machine  `json:"machine"`
	Options bench.Options  `json:"options"`
	Results []bench.Result `json:"results"`
	// Ratios say how many times better the first is than the second.
	Ratios []bench.Ratio `json:"ratios,omitempty"`
}

func runBench(cmd *cobra.Command, o benchFlags) error {
	ctx, errs := cmd.Context(), cmd.ErrOrStderr()
	dir := o.dir
	if dir == "" {
		dir = os.TempDir()
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return usage("dir: %w", err)
	}
	machine, err := bench.ReadMachine(dir, version)
	if err != nil {
		return err
	}
	report := benchReport{Machine: machine, Options: o.Options}
	quiet := o.watch(errs)
	defer quiet()
	failed := o.measure(ctx, &report)
	quiet()
	if len(report.Results) == 2 {
		report.Ratios = bench.Compare(report.Results[0], report.Results[1])
	}
	if len(report.Results) > 0 { // what was seen before a failure too
		print := printBench
		if o.output == "json" {
			print = func(out io.Writer, r benchReport) error { return printJSON(out, r) }
		}
		if err := errors.Join(print(cmd.OutOrStdout(), report), saveBench(o.save, report)); err != nil {
			return errors.Join(err, failed)
		}
	}
	if failed != nil {
		return failed
	}
	n := 0
	for _, r := range report.Results {
		n += r.Errors()
	}
	if n > 0 {
		return fmt.Errorf("%d errors; see the rows", n)
	}
	return nil
}

// saveBench writes the report to a file, if one is named.
func saveBench(path string, r benchReport) error {
	if path == "" {
		return nil
	}
	var b bytes.Buffer
	if err := printJSON(&b, r); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o600)
}

// watch shows people what goes on and each row as it comes.
func (o *benchFlags) watch(errs io.Writer) (quiet func()) {
	var now atomic.Pointer[string]
	started := "starting"
	now.Store(&started)
	o.Progress = func(text string) { now.Store(&text) }
	if !terminal(errs) {
		return func() {}
	}
	o.Done = func(target string, r bench.Row) {
		fmt.Fprintf(errs, "\r\x1b[K%s: %s\n", target, strings.Join(benchCells(r), "  "))
	}
	return progressOf(errs, func() string { return *now.Load() })
}

// measure measures the targets in turn. A cluster of its own has stopped before
// the second begins.
func (o *benchFlags) measure(ctx context.Context, report *benchReport) error {
	first := func() (bench.Result, error) {
		if len(o.targets) == 0 {
			return o.own(ctx)
		}
		t := bench.Target{Name: strings.Join(o.targets, ","), URLs: o.targets, Token: o.token, TLS: o.tls, Skip: o.skip}
		return bench.Run(ctx, &t, o.Options)
	}
	result, err := first()
	if len(result.Rows) > 0 {
		report.Results = append(report.Results, result)
	}
	if err != nil || len(o.compare) == 0 {
		return err
	}
	t := bench.Target{Name: strings.Join(o.compare, ","), URLs: o.compare, Token: o.token, TLS: o.tls, Skip: append(o.skip, o.skipOnCompare...)}
	options := o.Options
	options.Measuring = nil
	result, err = bench.Run(ctx, &t, options)
	if len(result.Rows) > 0 {
		report.Results = append(report.Results, result)
	}
	return err
}
