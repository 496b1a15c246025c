package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are what the command line says.
type options struct {
	previous   string
	entryLevel int
	writers    int
	acks       int
	gap        time.Duration
	dir        string
}

func main() {
	var o options
	limit := flag.Duration("timeout", 5*time.Minute, "bound of the whole")
	flag.StringVar(&o.previous, "previous", "", "previous version: a git `ref`, or the path of its program; needed")
	flag.IntVar(&o.entryLevel, "entry-level", 2, "newest `level` of log entries that the previous version reads (its treenode version)")
	flag.IntVar(&o.writers, "writers", 4, "clients that work at once")
	flag.IntVar(&o.acks, "acks", 200, "acknowledged writes to wait for between two steps")
	flag.DurationVar(&o.gap, "gap", 15*time.Second, "longest time that may pass without an acknowledged write")
	flag.StringVar(&o.dir, "dir", "", "keep the nodes' directories and logs here (default: a temporary directory)")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Upgrades a cluster of three nodes from a previous version to this one, back, and\n"+
			"again, while clients work, and checks that nothing is lost or done twice.\n\n"+
			"Usage: go run ./scripts/upgrade -previous REF|PROGRAM [flags]\n\n"+
			"Example: go run ./scripts/upgrade -previous 004e84f\n\nFlags:\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if o.previous == "" || flag.NArg() > 0 || o.writers < 1 || o.acks < 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, *limit)
	err := upgrade(ctx, o)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "upgrade:", err)
		os.Exit(1)
	}
}

func upgrade(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "treenode-upgrade-"); err != nil {
			return err
		}
		defer func() {
			if err == nil {
				err = os.RemoveAll(o.dir)
			} else {
				fmt.Fprintln(os.Stderr, "upgrade: the nodes' logs are in", o.dir)
			}
		}()
	}
	began := time.Now()
	previous, present, err := programs(ctx, o)
	if err != nil {
		return err
	}
	fmt.Printf("both programs are there after %.0f s\n", time.Since(began).Seconds())
	r, err := newRun(o, previous)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.stop(ctx)) }()
	if err := r.begin(ctx); err != nil {
		return err
	}
	wayBack := fmt.Sprintf("TREENODE_ENTRY_LEVEL=%d", o.entryLevel)
	for _, round := range []round{
		{name: "forward", program: present, env: []string{wayBack}},
		{name: "back", program: previous},
		{name: "forward for good", program: present},
	} {
		if err := r.roll(ctx, round); err != nil {
			return fmt.Errorf("%s: %w", round.name, err)
		}
	}
	if err := r.stop(ctx); err != nil {
		return err
	}
	if err := r.directories(ctx, present); err != nil {
		return err
	}
	fmt.Printf("%d writes, none lost, none done twice; longest gap %v (%s); %.0f s\n",
		r.pulse.total, r.pulse.longest.Round(time.Millisecond), r.pulse.where, time.Since(began).Seconds())
	return nil
}
