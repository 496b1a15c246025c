package bench

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// errorTextsMax is how many different errors of a row are reported.
const errorTextsMax = 5

// run is what one run of a row saw.
type run struct {
	took      time.Duration
	latencies []time.Duration // of what succeeded
	work      int
	bytes     int64
	errors    map[string]int // by text
	timeouts  int
}

func (r *run) failed() int {
	n := 0
	for _, count := range r.errors {
		n += count
	}
	return n
}

// runOnce lets the callers work until the duration is over; what they have
// begun by then is finished and counts.
func runOnce(ctx context.Context, callers []*caller, do func(*caller) (int, error), duration time.Duration) run {
	parts := make([]run, len(callers))
	began := time.Now()
	end := began.Add(duration)
	var wait sync.WaitGroup
	for i, c := range callers {
		wait.Go(func() { parts[i] = runCaller(ctx, c, do, end) })
	}
	wait.Wait()
	all := run{took: time.Since(began), errors: map[string]int{}}
	for _, p := range parts {
		all.latencies = append(all.latencies, p.latencies...)
		all.work += p.work
		all.bytes += p.bytes
		all.timeouts += p.timeouts
		for text, n := range p.errors {
			all.errors[text] += n
		}
	}
	slices.Sort(all.latencies)
	return all
}

func runCaller(ctx context.Context, c *caller, do func(*caller) (int, error), end time.Time) run {
	r := run{errors: map[string]int{}}
	c.bytes = 0
	for {
		began := time.Now()
		if !began.Before(end) || ctx.Err() != nil {
			r.bytes = c.bytes
			return r
		}
		work, err := do(c)
		switch {
		case err == nil:
			r.latencies = append(r.latencies, time.Since(began))
			r.work += work
		case ctx.Err() != nil:
			// Given up from outside: neither work nor the target's fault.
		default:
			if errors.Is(err, errTimeout) {
				r.timeouts++
			}
			r.errors[err.Error()]++
		}
	}
}

// measure warms a row up and runs it so often. It stops early when the target
// does not answer in time at all, or when the row's budget is used up.
func (b *bench) measure(ctx context.Context, t *Target, r row) Row {
	result := Row{Row: r.name, Clients: r.clients, Unit: r.unit}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, b.RowBudget)
	defer cancel()
	callers := make([]*caller, r.clients)
	for i := range callers {
		callers[i] = &caller{
			connection: t.connect(ctx, i, b.RequestTimeout), index: i,
			random: rand.New(rand.NewPCG(b.Seed, uint64(i))), //nolint:gosec // which host is asked next needs no secrecy
		}
		defer callers[i].close()
	}
	var runs []run
	errorsSeen := map[string]int{}
	for n := 0; n <= b.Runs; n++ {
		duration, label := b.Duration, "run"
		if n == 0 {
			duration, label = b.WarmUp, "warm-up"
		}
		b.progress("%s: %s: %s %d of %d", t.Name, r.name, label, max(n, 1), b.Runs)
		var collect func() error
		if n == 1 && b.Measuring != nil {
			collect = b.Measuring(ctx, r.name, duration)
		}
		one := runOnce(ctx, callers, r.do, duration)
		if collect != nil {
			if err := collect(); err != nil {
				errorsSeen["profile: "+err.Error()]++
				result.Errors++
			}
		}
		if len(one.latencies) == 0 && (one.timeouts > 0 || ctx.Err() != nil) {
			if len(runs) == 0 {
				result.LongerThanMillis = millis(min(b.RequestTimeout, b.RowBudget))
			}
			break
		}
		for text, count := range one.errors {
			errorsSeen[text] += count
		}
		result.Errors += one.failed()
		if n > 0 {
			runs = append(runs, one)
		}
		// Another run takes as long as this one did.
		if n > 0 && time.Since(began)+one.took > b.RowBudget {
			break
		}
	}
	result.fill(runs)
	result.ErrorTexts = slices.Sorted(maps.Keys(errorsSeen))
	result.ErrorTexts = result.ErrorTexts[:min(len(result.ErrorTexts), errorTextsMax)]
	return result
}

// fill takes the median of each figure over the runs.
func (r *Row) fill(runs []run) {
	var p50, p99, p999, greatest []float64
	var bytes, answers int64
	for _, one := range runs {
		r.Runs++
		r.Work += one.work
		r.PerSecondRuns = append(r.PerSecondRuns, float64(one.work)/one.took.Seconds())
		bytes += one.bytes
		answers += int64(len(one.latencies))
		if len(one.latencies) == 0 {
			continue
		}
		p50 = append(p50, millis(quantile(one.latencies, 0.5)))
		p99 = append(p99, millis(quantile(one.latencies, 0.99)))
		p999 = append(p999, millis(quantile(one.latencies, 0.999)))
		greatest = append(greatest, millis(one.latencies[len(one.latencies)-1]))
	}
	r.PerSecond = median(r.PerSecondRuns)
	r.P50Millis, r.P99Millis, r.P999Millis, r.MaxMillis = median(p50), median(p99), median(p999), median(greatest)
	if answers > 0 {
		r.AnswerBytes = bytes / answers
	}
}

// quantile is the smallest of the sorted values that so many of them do not
// exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	i := int(q * float64(len(sorted)))
	if float64(i) == q*float64(len(sorted)) {
		i--
	}
	return sorted[max(0, min(i, len(sorted)-1))]
}

// median of no value is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}
