package bench

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Options say what is run, how often and how long.
type Options struct {
	Workloads []string      `json:"workloads,omitempty"` // names; none for all that run unasked
	Only      []string      `json:"only,omitempty"`      // patterns of rows; none for all
	Clients   []int         `json:"clients"`             // of claims
	Hosts     int           `json:"hosts"`               // flat ones
	Trees     int           `json:"trees"`               // of candidates-tree
	Sizes     []int         `json:"sizes"`               // of scale, ascending
	Runs      int           `json:"runs"`
	WarmUp    time.Duration `json:"warm_up_nanos"`
	Duration  time.Duration `json:"duration_nanos"` // of a run
	// RequestTimeout bounds a request, RowBudget all of a row.
	RequestTimeout time.Duration `json:"request_timeout_nanos"`
	RowBudget      time.Duration `json:"row_budget_nanos"`
	Keep           bool          `json:"keep"` // leave behind what was made
	Seed           uint64        `json:"seed"`

	// Progress is told what goes on, often.
	Progress func(string) `json:"-"`
	// Done is told each row.
	Done func(target string, r Row) `json:"-"`
	// Measuring, where there is one, is called when a row's first run begins;
	// what it returns, when that run has ended.
	Measuring func(ctx context.Context, row string, d time.Duration) func() error `json:"-"`
}

// Limits of the options.
const (
	clientsMax  = 10_000
	hostsMax    = 100_000
	sizeMax     = 1_000_000
	runsMax     = 100
	durationMax = 10 * time.Minute
	budgetMax   = time.Hour
)

// Check refuses options that make no sense; the error names the flag.
func (o *Options) Check() error {
	if _, err := choose(o.Workloads); err != nil {
		return fmt.Errorf("workload: %w", err)
	}
	for _, pattern := range o.Only {
		if err := CheckPattern(pattern); err != nil {
			return fmt.Errorf("row: %w", err)
		}
	}
	for _, r := range []struct {
		flag           string
		value, min, to int
	}{
		{"hosts", o.Hosts, 10, hostsMax}, {"trees", o.Trees, 1, hostsMax}, {"runs", o.Runs, 1, runsMax},
		{"number of --clients", len(o.Clients), 1, 100}, {"number of --sizes", len(o.Sizes), 1, 100},
	} {
		if r.value < r.min || r.value > r.to {
			return fmt.Errorf("%s: %d is not from %d to %d", r.flag, r.value, r.min, r.to)
		}
	}
	for _, n := range o.Clients {
		if n < 1 || n > clientsMax {
			return fmt.Errorf("clients: %d is not from 1 to %d", n, clientsMax)
		}
	}
	for i, n := range o.Sizes {
		if n < treeSize*markedOf || n > sizeMax || i > 0 && n <= o.Sizes[i-1] {
			return fmt.Errorf("sizes: %d is not from %d to %d and above the one before", n, treeSize*markedOf, sizeMax)
		}
	}
	for _, d := range []struct {
		flag     string
		value    time.Duration
		min, max time.Duration
	}{
		{"warm-up", o.WarmUp, time.Millisecond, durationMax}, {"duration", o.Duration, time.Millisecond, durationMax},
		{"request-timeout", o.RequestTimeout, time.Millisecond, budgetMax}, {"row-budget", o.RowBudget, time.Millisecond, budgetMax},
	} {
		if d.value < d.min || d.value > d.max {
			return fmt.Errorf("%s: %v is not from %v to %v", d.flag, d.value, d.min, d.max)
		}
	}
	return nil
}

// CheckPattern refuses patterns that can't be read.
func CheckPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("%q is not a pattern such as claims@*", pattern)
	}
	return nil
}

// Row is what was measured of one row: medians over its runs.
type Row struct {
	Workload      string    `json:"workload"`
	Row           string    `json:"row"`
	Clients       int       `json:"clients"`
	Providers     int       `json:"providers"` // in the workload's world
	Unit          string    `json:"unit"`
	Runs          int       `json:"runs"`
	Work          int       `json:"work"` // in all runs
	PerSecond     float64   `json:"per_second"`
	PerSecondRuns []float64 `json:"per_second_runs"`
	P50Millis     float64   `json:"p50_millis"`
	P99Millis     float64   `json:"p99_millis"`
	P999Millis    float64   `json:"p999_millis"`
	MaxMillis     float64   `json:"max_millis"`
	AnswerBytes   int64     `json:"answer_bytes,omitempty"` // mean, where answers are large
	Errors        int       `json:"errors"`                 // warm-up included
	ErrorTexts    []string  `json:"error_texts,omitempty"`
	// LongerThanMillis, where not 0, is the time in which there was no answer.
	LongerThanMillis float64 `json:"longer_than_millis,omitempty"`
	Skipped          bool    `json:"skipped,omitempty"`
}

// Result is what was measured of one target.
type Result struct {
	Name string   `json:"name"`
	URLs []string `json:"urls"`
	Rows []Row    `json:"rows"`
}

// Errors counts the errors of all rows.
func (r Result) Errors() int {
	n := 0
	for _, row := range r.Rows {
		n += row.Errors
	}
	return n
}

type bench struct {
	Options
	// shared is the world of flat hosts, once a workload needed it.
	shared *world
}

func (b *bench) progress(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// cleanUp bounds the removal of a world after the context has ended.
const cleanUp = 30 * time.Second

// Run runs the workloads against a target. Rows with errors are part of the
// result; the error says what kept it from going on.
func Run(ctx context.Context, t *Target, o Options) (result Result, err error) {
	result = Result{Name: t.Name, URLs: t.URLs}
	if err := errors.Join(o.Check(), t.Check()); err != nil {
		return result, err
	}
	chosen, err := choose(o.Workloads)
	if err != nil {
		return result, err
	}
	b := &bench{Options: o}
	if !o.Keep {
		defer func() {
			if b.shared != nil {
				err = errors.Join(err, b.clear(ctx, b.shared))
			}
		}()
	}
	for _, l := range chosen {
		rows, err := b.workload(ctx, t, l)
		result.Rows = append(result.Rows, rows...)
		if err != nil {
			return result, fmt.Errorf("%s: %s: %w", t.Name, l.name, err)
		}
	}
	return result, nil
}

func (o *Options) wants(row string) bool {
	for _, pattern := range o.Only {
		if Match(pattern, row) {
			return true
		}
	}
	return len(o.Only) == 0
}

// world makes the workload's, or finds the one it shares. The function returned
// puts it back as it was, or removes it.
func (b *bench) world(ctx context.Context, t *Target, l workload) (w *world, done func() error, err error) {
	note := func(text string) { b.progress("%s: %s: %s", t.Name, l.name, text) }
	if l.shares && b.shared != nil {
		b.shared.note = note
		return b.shared, func() error { return b.release(ctx, b.shared) }, nil
	}
	var word [4]byte
	if _, err := rand.Read(word[:]); err != nil {
		return nil, nil, err
	}
	w = &world{target: t, word: hex.EncodeToString(word[:]), note: note}
	w.upper = strings.ToUpper(w.word)
	switch {
	case l.shares:
		b.shared = w
		done = func() error { return b.release(ctx, w) }
	case b.Keep:
		done = func() error { return nil }
	default:
		done = func() error { return b.clear(ctx, w) }
	}
	if l.lay != nil {
		l.lay(w, b.Options)
	}
	return w, done, w.build(ctx, 0)
}

// workload makes a world, runs the rows, and removes the world.
func (b *bench) workload(ctx context.Context, t *Target, l workload) (results []Row, err error) {
	w := &world{target: t} // for names alone
	rows, run := l.rows(w, b.Options), false
	for _, r := range rows {
		run = run || b.wants(r.name) && !t.skips(r.name)
	}
	if run {
		var done func() error
		w, done, err = b.world(ctx, t, l)
		if done != nil {
			defer func() { err = errors.Join(err, done()) }()
		}
		if err != nil {
			return nil, err
		}
		rows = l.rows(w, b.Options)
	}
	for _, r := range rows {
		if !b.wants(r.name) {
			continue
		}
		result := Row{Row: r.name, Clients: r.clients, Unit: r.unit, Skipped: true}
		if !t.skips(r.name) {
			if r.prepare != nil {
				if err := r.prepare(ctx); err != nil {
					return results, err
				}
			}
			result = b.measure(ctx, t, r)
		}
		result.Workload, result.Providers = l.name, len(w.providers)
		if ctx.Err() != nil {
			return results, context.Cause(ctx)
		}
		results = append(results, result)
		if b.Done != nil {
			b.Done(t.Name, result)
		}
	}
	return results, nil
}

// bounded is the context, or, where that has ended, another for a short time.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
}

// release takes back what was claimed of a world.
func (b *bench) release(ctx context.Context, w *world) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := w.release(ctx); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}

// clear removes a world and what was claimed of it.
func (b *bench) clear(ctx context.Context, w *world) error {
	ctx, cancel := bounded(ctx)
	defer cancel()
	if err := errors.Join(w.release(ctx), w.remove(ctx)); err != nil {
		return fmt.Errorf("cleaning up: %w", err)
	}
	return nil
}
