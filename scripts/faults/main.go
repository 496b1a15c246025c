package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/treenode/treenode/scripts/faults/fleet"
)

// Exit codes.
const (
	exitFailed    = 1
	exitUsage     = 2
	exitUndecided = 3
	exitUnable    = 4
)

// runsMost bounds the runs of one campaign.
const runsMost = 100_000

const usage = `Runs a cluster of the real program, lets clients work on it while faults are
injected, and checks that nothing was lost, done twice or shown wrongly.

Usage: scripts/fault-campaign [FLAG...]      or, in scripts/faults: go run . [FLAG...]

Each run takes the next of the faults and the next seed; the first seed says with
which fault it begins. It prints what came of
it, and keeps report.txt, report.json, timeline.svg, history.json and the nodes'
logs below -out where it did not pass, or -keep was given.

Examples:
  scripts/fault-campaign                                 # 10 runs, faults in turn
  scripts/fault-campaign -list
  scripts/fault-campaign -runs 3 -faults kill-leader,pause-leader -nodes 5
  scripts/fault-campaign -runs 1 -seed 42 -mix -faults partition-flap,kill-follower
  scripts/fault-campaign -runs 200 -jobs 3 -o json > campaign.json
  scripts/fault-campaign -for 9m -jobs 2                 # a slice, as CI plays
  scripts/fault-campaign -previous v1.0.0 -faults rolling-upgrade,mixed-versions
  scripts/fault-campaign -compose -faults kill-leader,loss     # in containers
  scripts/fault-campaign -sum campaign.json other.json   # statistics of both

After the last run comes a table: for each fault the outcomes, how long no write
was acknowledged, and how long it took until all was well after the healing.

A run fails also where the cluster takes too long to recover: usually a write is
acknowledged within 3 s of the fault (of its healing, where the quorum was lost)
and all is well 5 s after the healing; -list shows what else a fault has. Where
the driver's own ticks came late at that time, the machine was too busy to tell:
the run is invalid.

Exit codes: 0 all is well, 1 a run failed, or what is promised of many did not
hold, 2 wrong usage, 3 a run was undecided, or more than a quarter were invalid,
4 a run could not be made here.

Flags:
`

// options are the flags.
type options struct {
	runs         int
	jobs         int
	lasting      time.Duration // 0 for as long as it takes
	seed         uint64
	nodes        []int
	faults       []string
	mix          bool
	duration     time.Duration
	clients      int
	rate         int
	checkTimeout time.Duration
	treenode     string
	failpoints   string
	out          string
	keep         bool
	loopback     bool
	compose      bool
	previous     string
	repository   string
	list         bool
	output       string
	sum          []string // files
}

var errWrong = errors.New("see --help")

// parse reads the flags; what is wrong with them is told on out.
func parse(args []string, out io.Writer) (options, error) {
	var o options
	var nodes, chosen string
	flags := flag.NewFlagSet("faults", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	flags.IntVar(&o.runs, "runs", 10, "`how many` runs")
	flags.IntVar(&o.jobs, "jobs", 1, "`how many` runs at a time; each takes about half a processor")
	flags.DurationVar(&o.lasting, "for", 0, "begin no run after this `time`; -runs then has no default")
	flags.Func("seed", "`seed` of the first run; the next have the next ones (default fresh: one that nobody has tried)", func(s string) (err error) {
		if o.seed = 0; s != "fresh" {
			o.seed, err = strconv.ParseUint(s, 10, 63)
		}
		return err
	})
	summing := flags.Bool("sum", false, "make no runs: print the statistics of those in the files that follow, which -o json has printed")
	flags.StringVar(&nodes, "nodes", "3", "`number` of nodes: 3, 5, or 3,5 in turn")
	flags.StringVar(&chosen, "faults", "all", "`names` of faults, comma-separated, or all that can be injected here; a run takes one, in turn")
	flags.BoolVar(&o.mix, "mix", false, "each run injects all of the faults, in an order drawn from its seed")
	flags.DurationVar(&o.duration, "duration", 30*time.Second, "`time` that the clients work in each run")
	flags.IntVar(&o.clients, "clients", 14, "`number` of clients")
	flags.IntVar(&o.rate, "rate", 400, "`operations` a second, of all clients together")
	flags.DurationVar(&o.checkTimeout, "check-timeout", time.Minute, "`time` for the check of one history; over it the run is undecided")
	flags.StringVar(&o.treenode, "treenode", "", "the `program` (default: it is built)")
	flags.StringVar(&o.failpoints, "treenode-failpoints", "", "the same `program`, built with -tags failpoints (default: it is built where a fault needs it)")
	flags.StringVar(&o.out, "out", "../../dist/faults", "`directory` for what is kept")
	flags.BoolVar(&o.keep, "keep", false, "keep everything of runs that passed, too")
	flags.BoolVar(&o.loopback, "loopback", false, "plain processes on loopback, even where network namespaces would be possible")
	flags.StringVar(&o.previous, "previous", "", "the `program` of an earlier version, for faults that mix both; the script takes a git ref, or the newest tag without one")
	flags.BoolVar(&o.compose, "compose", false, "containers of the project's docker-compose.yml; no fault can touch their disks")
	flags.StringVar(&o.repository, "repository", "../..", "the project's `directory`, for -compose and to build the program")
	flags.BoolVar(&o.list, "list", false, "list the faults, and whether they can be injected here")
	flags.StringVar(&o.output, "o", "text", "`form` of what is printed: text, json (one object per run, then the statistics) or markdown (the table)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.sum = flags.Args(); *summing && len(o.sum) == 0 {
		return o, fmt.Errorf("sum: no file is named: %w", errWrong)
	} else if !*summing && len(o.sum) > 0 {
		return o, fmt.Errorf("%q is no flag: %w", flags.Arg(0), errWrong)
	}
	for n := range strings.SplitSeq(nodes, ",") {
		switch n {
		case "3":
			o.nodes = append(o.nodes, 3)
		case "5":
			o.nodes = append(o.nodes, 5)
		default:
			return o, fmt.Errorf("nodes: %q is neither 3 nor 5: %w", n, errWrong)
		}
	}
	named := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { named[f.Name] = true })
	if o.lasting > 0 && !named["runs"] {
		o.runs = runsMost
	}
	if chosen != "all" {
		o.faults = strings.Split(chosen, ",")
	}
	for _, name := range o.faults {
		if !slices.ContainsFunc(faults(), func(f fault) bool { return f.name == name }) {
			return o, fmt.Errorf("faults: there is no fault %q: %w", name, errWrong)
		}
	}
	for _, n := range []struct {
		name            string
		value, from, to int64
	}{
		{"runs", int64(o.runs), 1, runsMost},
		{"jobs", int64(o.jobs), 1, 64},
		{"for", int64(o.lasting.Seconds()), 0, 7 * 24 * 3600},
		{"duration", int64(o.duration.Seconds()), 5, 600},
		{"clients", int64(o.clients), 2, 100},
		{"rate", int64(o.rate), 10, 2000},
		{"check-timeout", int64(o.checkTimeout.Seconds()), 1, 3600},
	} {
		if n.value < n.from || n.value > n.to {
			return o, fmt.Errorf("%s: %d is not from %d to %d: %w", n.name, n.value, n.from, n.to, errWrong)
		}
	}
	if o.compose && o.loopback {
		return o, fmt.Errorf("compose and loopback are two kinds of fleets: %w", errWrong)
	}
	if !slices.Contains([]string{"text", "json", "markdown"}, o.output) {
		return o, fmt.Errorf("o: %q is none of text, json, markdown: %w", o.output, errWrong)
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32) //nolint:gosec // short enough to type
	}
	return o, nil
}

func main() { os.Exit(campaignOf(os.Args[1:], os.Stdout, os.Stderr)) }

func campaignOf(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		if errors.Is(err, errWrong) {
			fmt.Fprintln(errs, "faults:", err)
		}
		return exitUsage
	}
	if len(o.sum) > 0 {
		return sum(o, out, errs)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "treenode-faults-*")
	if err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return exitUnable
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the temporary directory
	if err := o.buildMissing(ctx, dir, errs); err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return exitUnable
	}
	if err := fleet.Sweep(); err != nil {
		fmt.Fprintln(errs, "faults:", err)
		return exitUnable
	}
	if o.compose {
		if unable := fleet.ContainersUnable(); unable != "" {
			fmt.Fprintln(errs, "faults:", unable)
			return exitUnable
		}
		if err := fleet.SweepContainers(); err != nil {
			fmt.Fprintln(errs, "faults:", err)
			return exitUnable
		}
		defer func() {
			if err := fleet.RemoveImages(); err != nil {
				fmt.Fprintln(errs, "faults:", err)
			}
		}()
	}
	a := abilitiesOf(o)
	if o.list {
		a.list(out)
		return 0
	}
	chosen, code := choose(o, a, errs)
	if len(chosen) == 0 {
		return code
	}
	if o.mix && clashes(chosen) {
		fmt.Fprintln(errs, "faults: -mix takes faults inside of the program or faults of versions, not both: name those you want")
		return exitUsage
	}
	c := &campaign{options: o, chosen: chosen, out: out, errs: errs, execute: execute}
	if f, ok := errs.(*os.File); ok && watched(f) {
		runs := o.runs
		if runs == runsMost {
			runs = 0
		}
		c.progress = newProgress(errs, runs)
	}
	return worse(c.run(ctx), code)
}
