package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

type options struct {
	references []string // URLs
	oracles    int
	script     string
	ours       []string // URLs
	cluster    int
	seed       uint64
	first      uint64
	steps      int
	length     int
	all        bool
}

func parse() options {
	var o options
	var references, ours string
	flag.StringVar(&references, "real", "", "the `URLs` of reference services, comma-separated; histories are played to them side by side")
	flag.IntVar(&o.oracles, "oracles", 0, "start `so many` reference services instead")
	flag.StringVar(&o.script, "script", "scripts/placement-oracle", "the `program` that starts a reference service")
	flag.StringVar(&ours, "ours", "", "the `URLs` of this service, comma-separated, which get the requests in turn; one in this process where none is given")
	flag.IntVar(&o.cluster, "cluster", 0, "build the program and start a cluster of `so many` nodes, which get the requests in turn")
	flag.Uint64Var(&o.seed, "seed", 0, "the `seed`; from the clock where it is 0")
	flag.IntVar(&o.steps, "steps", 2000, "how many `requests` to play to each at least")
	flag.IntVar(&o.length, "length", 40, "how many `requests` a history has")
	flag.Uint64Var(&o.first, "first", 0, "the `number` of the first history of the seed")
	flag.BoolVar(&o.all, "all", false, "go on after a difference, and shrink none; of those that look alike one is shown")
	flag.Parse()
	o.references, o.ours = list(references), list(ours)
	if (len(o.references) > 0) == (o.oracles > 0) || len(o.ours) > 0 && o.cluster > 0 || flag.NArg() > 0 || o.steps < 1 || o.length < 8 {
		fmt.Fprintln(os.Stderr, "either -real or -oracles; not both -ours and -cluster; no arguments; -steps 1 and -length 8 at least")
		flag.Usage()
		os.Exit(2)
	}
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixNano())
	}
	return o
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func main() {
	o := parse()
	fmt.Printf("seed %d\n", o.seed)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := 0
	if err := compare(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		code = 2
		var c coded
		if errors.As(err, &c) {
			code = c.code
		}
	}
	cancel()
	os.Exit(code)
}

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

func compare(ctx context.Context, o options) (failed error) {
	ours, stop, err := startOurs(ctx, o)
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, stop()) }()
	c := &comparison{options: o, known: map[string]int{}, kinds: map[string]int{}, began: time.Now()}
	c.space.Store(time.Now().UnixMilli() % 1e8)
	c.next.Store(o.first)
	var pairs []*pair
	for i := range max(o.oracles, len(o.references)) {
		p := &pair{ours: ours, client: &http.Client{Timeout: time.Minute}}
		if o.oracles > 0 {
			p.oracle = &oracle{script: o.script}
			if err := p.oracle.start(ctx); err != nil {
				return err
			}
			defer p.oracle.stop()
			p.real = p.oracle.url
		} else {
			p.real = o.references[i]
		}
		pairs = append(pairs, p)
	}
	watched := term.IsTerminal(int(os.Stderr.Fd()))
	if watched {
		done := make(chan struct{})
		defer close(done)
		go c.showProgress(done)
	}
	err = c.run(ctx, pairs)
	if watched {
		fmt.Fprintln(os.Stderr)
	}
	c.report()
	return err
}

func (c *comparison) showProgress(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "\r%d of %d requests", c.played.Load(), c.options.steps)
		}
	}
}
