package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// progress is a line for people that is written anew every second: how many
// runs are done, and which are under way. A nil one shows nothing.
type progress struct {
	out  io.Writer
	runs int // 0 for no certain number

	mu      sync.Mutex
	all     int
	count   map[string]int // by outcome
	running []running
	shown   bool
	stopped chan struct{}
}

type running struct {
	plan  plan
	since time.Time
}

// watched reports whether a person may be looking.
func watched(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != ""
}

func newProgress(out io.Writer, runs int) *progress {
	return &progress{out: out, runs: runs, count: map[string]int{}, stopped: make(chan struct{})}
}

func (p *progress) begin(of plan) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = append(p.running, running{of, time.Now()})
}

func (p *progress) done(of plan, r *report) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running = slices.DeleteFunc(p.running, func(r running) bool { return r.plan.Seed == of.Seed })
	p.all++
	if r != nil {
		p.count[r.Outcome]++
	}
}

// line is what is shown.
func (p *progress) line(now time.Time) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%d", p.all)
	if p.runs > 0 {
		fmt.Fprintf(&s, "/%d", p.runs)
	}
	s.WriteString(" done")
	for _, outcome := range []string{failed, undecided, invalid} {
		if n := p.count[outcome]; n > 0 {
			fmt.Fprintf(&s, ", %d %s", n, outcome)
		}
	}
	slices.SortFunc(p.running, func(a, b running) int { return cmp.Compare(a.plan.Seed, b.plan.Seed) })
	for i, r := range p.running {
		fmt.Fprintf(&s, "%s %s %d (%d s)", [...]string{"; now", ","}[min(i, 1)], r.plan.label(), r.plan.Seed, int(now.Sub(r.since).Seconds()))
	}
	return s.String()
}

// Control sequences: back to the begin of the line, and clear it.
const clearLine = "\r\x1b[K"

// show writes the line every second until the context ends.
func (p *progress) show(ctx context.Context) {
	if p == nil {
		return
	}
	go func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-p.stopped:
				return
			case now := <-tick.C:
				p.mu.Lock()
				fmt.Fprint(p.out, clearLine, p.line(now))
				p.shown = true
				p.mu.Unlock()
			}
		}
	}()
}

// aside lets others write where the line was.
func (p *progress) aside(write func()) {
	if p == nil {
		write()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.out, clearLine)
		p.shown = false
	}
	write()
}

// end takes the line away for good.
func (p *progress) end() {
	if p == nil {
		return
	}
	close(p.stopped)
	p.aside(func() {})
}
