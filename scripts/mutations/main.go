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
	"strings"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitUncaught = 1
	exitUsage    = 2
	exitUnable   = 4
)

const usage = `Puts known bugs back into the program, one at a time, and shows that the fault
campaign or a test notices each. The source files are never touched.

Usage: go run ./scripts/mutations [FLAG...]

Examples:
  go run ./scripts/mutations                       # all: the campaign first, then the tests
  go run ./scripts/mutations -list
  go run ./scripts/mutations -by test              # a few minutes, no privileges needed
  go run ./scripts/mutations -only no-dedupe,two-steps -seed 7 -duration 10s
  go run ./scripts/mutations -by campaign -runs 3 -o json > mutations.json

Exit codes: 0 every mutation was noticed or is a known miss, 1 one was not
noticed, 2 wrong usage, 4 a mutation no longer fits or could not be run.

Flags:
`

// options are the flags.
type options struct {
	list     bool
	chosen   []mutation
	by       []string
	seed     uint64
	runs     int
	nodes    int
	duration time.Duration
	output   string
}

var errWrong = errors.New("see --help")

// parse reads the flags; what is wrong with them is told on errs.
func parse(args []string, errs io.Writer) (options, error) {
	var o options
	var only, by string
	flags := flag.NewFlagSet("mutations", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.list, "list", false, "list the mutations and what should notice them")
	flags.StringVar(&only, "only", "", "`names` of mutations, comma-separated (default: all)")
	flags.StringVar(&by, "by", "campaign,test", "`what` may notice them, in this order: campaign, test")
	flags.Uint64Var(&o.seed, "seed", 0, "`seed` of each fault's first campaign run; the next have the next ones (default: a fresh one)")
	flags.IntVar(&o.runs, "runs", 1, "`how many` campaign runs for each fault of a mutation")
	flags.IntVar(&o.nodes, "nodes", 3, "`number` of nodes in the campaign: 3 or 5")
	flags.DurationVar(&o.duration, "duration", 20*time.Second, "`time` that the clients work in each campaign run")
	flags.StringVar(&o.output, "o", "text", "`form` of the report: text or json")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag: %w", flags.Arg(0), errWrong)
	}
	o.chosen = mutations()
	if only != "" {
		all := o.chosen
		o.chosen = nil
		for name := range strings.SplitSeq(only, ",") {
			i := slices.IndexFunc(all, func(m mutation) bool { return m.name == name })
			if i < 0 {
				return o, fmt.Errorf("only: there is no mutation %q: %w", name, errWrong)
			}
			o.chosen = append(o.chosen, all[i])
		}
	}
	o.by = strings.Split(by, ",")
	for _, b := range o.by {
		if b != byCampaign && b != byTest {
			return o, fmt.Errorf("by: %q is neither campaign nor test: %w", b, errWrong)
		}
	}
	switch {
	case o.runs < 1 || o.runs > 1000:
		return o, fmt.Errorf("runs: %d is not from 1 to 1000: %w", o.runs, errWrong)
	case o.nodes != 3 && o.nodes != 5:
		return o, fmt.Errorf("nodes: %d is neither 3 nor 5: %w", o.nodes, errWrong)
	case o.duration < 5*time.Second || o.duration > 10*time.Minute:
		return o, fmt.Errorf("duration: %v is not from 5s to 10m: %w", o.duration, errWrong)
	case o.output != "text" && o.output != "json":
		return o, fmt.Errorf("o: %q is neither text nor json: %w", o.output, errWrong)
	}
	for o.seed == 0 {
		o.seed = rand.Uint64N(1 << 32) //nolint:gosec // short enough to type
	}
	return o, nil
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, errs io.Writer) int {
	o, err := parse(args, errs)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		if errors.Is(err, errWrong) {
			fmt.Fprintln(errs, "mutations:", err)
		}
		return exitUsage
	}
	if o.list {
		writeList(out, o.chosen)
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	all, err := check(ctx, o, errs)
	write := writeText
	if o.output == "json" {
		write = writeJSON
	}
	if err := errors.Join(err, write(out, all)); err != nil {
		fmt.Fprintln(errs, "mutations:", err)
		return exitUnable
	}
	if slices.ContainsFunc(all, func(r result) bool { return r.bad() }) {
		return exitUncaught
	}
	return 0
}

// check tries the mutations. With an error come the results so far.
func check(ctx context.Context, o options, errs io.Writer) ([]result, error) {
	root, err := repository(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "treenode-mutations-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // in the temporary directory
	// All have to fit, before the first is tried.
	overlays := make([]string, len(o.chosen))
	for i, m := range o.chosen {
		if overlays[i], err = mutated(m, root, dir); err != nil {
			return nil, err
		}
	}
	c := &campaign{options: o, root: root, dir: dir}
	all := []result{}
	for i, m := range o.chosen {
		fmt.Fprintf(errs, "mutations: %s (%d of %d)\n", m.name, i+1, len(o.chosen))
		begin := time.Now()
		r, err := c.try(ctx, m, overlays[i])
		if err != nil {
			return all, fmt.Errorf("%s: %w", m.name, err)
		}
		r.Seconds = time.Since(begin).Seconds()
		all = append(all, r)
	}
	return all, nil
}

// try lets one after the other look for a mutation, until it is noticed.
func (c *campaign) try(ctx context.Context, m mutation, overlay string) (result, error) {
	r := result{Mutation: m.name, CaughtBy: byNothing, Known: m.miss}
	for _, by := range c.by {
		var how string
		switch {
		case by == byCampaign && len(m.faults) > 0:
			found, seed, tried, err := c.catch(ctx, m, overlay)
			if err != nil {
				return r, err
			}
			r.Tried = append(r.Tried, tried...)
			how, r.Seed = found, seed
		case by == byCampaign:
			r.Tried = append(r.Tried, "campaign: can't see it: "+m.blind)
		case m.test.name == "":
			r.Tried = append(r.Tried, "test: none looks for it")
		default:
			found, err := m.test.catch(ctx, c.root, overlay, c.dir)
			if err != nil {
				return r, err
			}
			if found == "" {
				r.Tried = append(r.Tried, m.test.String()+": passed")
			} else {
				how = m.test.String() + ": " + found
			}
		}
		if how != "" {
			r.CaughtBy, r.How, r.Known = by, how, ""
			return r, nil
		}
	}
	return r, nil
}
