package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Exit codes.
const (
	exitFailed  = 1
	exitUsage   = 2
	exitMissing = 3
)

// errMissing is wrapped where a program to measure isn't there.
var errMissing = errors.New("it is missing")

// errWrong is wrapped where a flag is.
var errWrong = errors.New("see --help")

// errRows says that some answers were wrong or did not come.
var errRows = errors.New("some requests failed, see the report")

// options are the flags.
type options struct {
	Writers    []int         `json:"writers"` // numbers of clients
	Readers    []int         `json:"readers"`
	Rounds     int           `json:"rounds"`
	Duration   time.Duration `json:"duration_nanos"`
	WarmUp     time.Duration `json:"warm_up_nanos"`
	LeaderOnly bool          `json:"leader_only"`
	Dir        string        `json:"dir"`

	treenode, etcd, save, output string
}

// Limits of the options.
const (
	clientsMax  = 10_000
	roundsMax   = 100
	durationMax = 10 * time.Minute
)

const usage = `Measures three etcd members and three treenode nodes in turn, on this machine,
and prints how many times better treenode is. Five minutes by default.

Usage: scripts/side-by-side-etcd [FLAG...]

Examples:
  scripts/side-by-side-etcd
  scripts/side-by-side-etcd -writers 1,64 -readers none -rounds 5 -duration 10s
  scripts/side-by-side-etcd -leader-only -o json

Exit codes: 0 measured, 1 it could not be or some requests failed, 2 wrong
usage, 3 etcd or treenode is missing.

Flags:
`

// parse reads the flags; what is wrong with them is told on out.
func parse(args []string, out io.Writer) (options, error) {
	var o options
	var writers, readers string
	flags := flag.NewFlagSet("etcd-load", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.Usage = func() {
		fmt.Fprint(out, usage)
		flags.PrintDefaults()
	}
	flags.StringVar(&writers, "writers", "1,16,64,256,1000", "`numbers` of clients that write, or none")
	flags.StringVar(&readers, "readers", "256", "`numbers` of clients that read, 1 or 256, or none")
	flags.IntVar(&o.Rounds, "rounds", 3, "`how often` each side is measured")
	flags.DurationVar(&o.Duration, "duration", 3*time.Second, "`time` of each row in a round")
	flags.DurationVar(&o.WarmUp, "warm-up", time.Second, "`time` before each row")
	flags.BoolVar(&o.LeaderOnly, "leader-only", false, "all clients talk to the leader, on both sides")
	flags.StringVar(&o.Dir, "dir", "", "`directory` below which both sides' data is for the time of the run (default: the temporary one)")
	flags.StringVar(&o.treenode, "treenode", "treenode", "treenode's `program`")
	flags.StringVar(&o.etcd, "etcd", "etcd", "etcd's `program`")
	flags.StringVar(&o.save, "save", "", "`file` for the report as JSON, besides what is printed")
	flags.StringVar(&o.output, "o", "table", "`form` of what is printed: table or json")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.Writers, err = numbers(writers); err != nil {
		return o, fmt.Errorf("writers: %w", err)
	}
	if o.Readers, err = numbers(readers); err != nil {
		return o, fmt.Errorf("readers: %w", err)
	}
	for _, n := range o.Readers {
		if n != 1 && n != 256 {
			return o, fmt.Errorf("readers: %d is neither 1 nor 256, for which \"treenode bench\" has rows: %w", n, errWrong)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("%q is no flag: %w", flags.Arg(0), errWrong)
	case len(o.Writers)+len(o.Readers) == 0:
		return o, fmt.Errorf("writers, readers: there are neither: %w", errWrong)
	case o.Rounds < 1 || o.Rounds > roundsMax:
		return o, fmt.Errorf("rounds: %d is not from 1 to %d: %w", o.Rounds, roundsMax, errWrong)
	case o.Duration < time.Millisecond || o.Duration > durationMax:
		return o, fmt.Errorf("duration: %v is not from 1ms to %v: %w", o.Duration, durationMax, errWrong)
	case o.WarmUp < time.Millisecond || o.WarmUp > durationMax:
		return o, fmt.Errorf("warm-up: %v is not from 1ms to %v: %w", o.WarmUp, durationMax, errWrong)
	case o.output != "table" && o.output != "json":
		return o, fmt.Errorf("o: %q is neither table nor json: %w", o.output, errWrong)
	}
	return o, nil
}

// numbers reads a list of numbers of clients.
func numbers(text string) ([]int, error) {
	if text == "none" {
		return nil, nil
	}
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > clientsMax || slices.Contains(all, n) {
			return nil, fmt.Errorf("%q is not a number from 1 to %d that isn't there already: %w", part, clientsMax, errWrong)
		}
		all = append(all, n)
	}
	return all, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, errWrong):
		fmt.Fprintln(os.Stderr, "side-by-side-etcd:", err)
		os.Exit(exitUsage)
	case errors.Is(err, errMissing):
		fmt.Fprintln(os.Stderr, "side-by-side-etcd:", err)
		os.Exit(exitMissing)
	default:
		fmt.Fprintln(os.Stderr, "side-by-side-etcd:", err)
		os.Exit(exitFailed)
	}
}

func run(ctx context.Context, args []string, out, log io.Writer) (err error) {
	o, err := parse(args, log)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return err
	case err != nil && !errors.Is(err, errWrong): // the flag package's, and told
		return fmt.Errorf("%w: %w", err, errWrong)
	case err != nil:
		return err
	}
	if _, err := exec.LookPath(o.etcd); err != nil {
		return fmt.Errorf("%s: %w: apt-get install --no-install-recommends etcd-server", o.etcd, errMissing)
	}
	if _, err := exec.LookPath(o.treenode); err != nil {
		return fmt.Errorf("%s: %w: scripts/side-by-side-etcd builds it", o.treenode, errMissing)
	}
	dir, err := os.MkdirTemp(o.Dir, "side-by-side-etcd-")
	if err != nil {
		return fmt.Errorf("dir: %w", err)
	}
	o.Dir = dir
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if info, statErr := os.Stderr.Stat(); statErr != nil || info.Mode()&os.ModeCharDevice == 0 {
		log = io.Discard
	}
	var rounds []round
	for n := range o.Rounds {
		var one round
		fmt.Fprintf(log, "round %d of %d: etcd\n", n+1, o.Rounds)
		if one.etcd, one.version, err = measureEtcd(ctx, o); err != nil {
			return fmt.Errorf("etcd: %w", err)
		}
		fmt.Fprintf(log, "round %d of %d: treenode\n", n+1, o.Rounds)
		if one.treenode, err = measureTreenode(ctx, o); err != nil {
			return fmt.Errorf("treenode: %w", err)
		}
		rounds = append(rounds, one)
	}
	return tell(newReport(o, rounds), o, out)
}

// tell prints the report and saves it.
func tell(r report, o options, out io.Writer) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if o.save != "" {
		if err := os.WriteFile(o.save, b, 0o644); err != nil { //nolint:gosec // a report for everybody
			return fmt.Errorf("save: %w", err)
		}
	}
	if o.output == "json" {
		_, err = out.Write(b)
	} else {
		err = r.table(out)
	}
	if err == nil && r.failed() {
		err = errRows
	}
	return err
}
