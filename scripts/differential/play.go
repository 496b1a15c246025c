package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// comparison is what all workers share.
type comparison struct {
	options options
	began   time.Time
	space   atomic.Int64  // digits of the last history
	next    atomic.Uint64 // number of the next history
	played  atomic.Int64
	found   atomic.Int64

	mu    sync.Mutex
	known map[string]int // how often each known difference was met
	kinds map[string]int // how often differences that look alike were met
}

// pair is a reference service and this one, for one worker.
type pair struct {
	*comparison
	real   string
	ours   []string
	turn   int
	oracle *oracle // where this program started it
	client *http.Client
}

// difference is a step whose answers differ.
type difference struct {
	at         int
	step       step
	real, ours placementtest.Answer
}

func (d *difference) String() string {
	return fmt.Sprintf("%s\nreference: %sours:      %s", strings.Join(d.step.words(), " "), d.real, d.ours)
}

var (
	named = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\{ns\}[^/?]*|[A-Z_]+\{ns\}\w*`)
	shape = regexp.MustCompile(`[0-9]+|'[^']*'|"[^"]*"`)
)

// kind is the same for differences that look alike.
func (d *difference) kind() string {
	path, _, _ := strings.Cut(d.step.path, "?")
	text := func(a placementtest.Answer) string {
		detail := a.Body
		if _, rest, ok := strings.Cut(a.Body, `"detail":"`); ok {
			detail = rest
		}
		return fmt.Sprint(a.Status, " ", shape.ReplaceAllString(detail[:min(len(detail), 150)], "X"))
	}
	return d.step.method + " " + named.ReplaceAllString(path, "X") + "\n" + text(d.real) + "\n" + text(d.ours)
}

// generatorOf makes the same histories of the same numbers.
func generatorOf(seed, number uint64) generator {
	return generator{Rand: rand.New(rand.NewPCG(seed, number))} //nolint:gosec // repeatable on purpose
}

var errDifference = errors.New("a difference was found")

// run plays histories, a worker for each pair, until there were enough steps
// or a difference.
func (c *comparison) run(ctx context.Context, pairs []*pair) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for _, p := range pairs {
		p.comparison = c
		workers.Go(func() {
			for ctx.Err() == nil && c.played.Load() < int64(c.options.steps) {
				if err := p.playNext(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	workers.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errDifference) {
		return err
	}
	if n := c.found.Load(); n > 0 {
		return coded{fmt.Errorf("%d differences after %d requests; seed %d", n, c.played.Load(), c.options.seed), 1}
	}
	return nil
}

// playNext plays one history and tells about a difference.
func (p *pair) playNext(ctx context.Context) error {
	if p.oracle != nil && p.oracle.histories >= historiesPerOracle {
		p.oracle.stop()
		if err := p.oracle.start(ctx); err != nil {
			return err
		}
		p.real = p.oracle.url
	}
	if p.oracle != nil {
		p.oracle.histories++
	}
	number := p.next.Add(1) - 1
	history := generatorOf(p.options.seed, number).history(p.options.length)
	d, err := p.play(ctx, history)
	if err != nil || d == nil {
		return err
	}
	p.found.Add(1)
	if !p.isNew(d) {
		return nil
	}
	if p.options.all {
		p.mu.Lock()
		defer p.mu.Unlock()
		fmt.Printf("history %d of seed %d\n%s\n", number, p.options.seed, d)
		return nil
	}
	short, d, err := p.shrink(ctx, history[:d.at+1], d)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Printf("history %d of seed %d\n", number, p.options.seed)
	for _, s := range short {
		fmt.Println("  " + strings.Join(s.words(), " "))
	}
	fmt.Println(d)
	return errDifference
}

// isNew reports whether no difference before looked like this one.
func (c *comparison) isNew(d *difference) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[d.kind()]++
	return c.kinds[d.kind()] == 1
}

// report says what was met.
func (c *comparison) report() {
	total := 0
	for _, reason := range slices.Sorted(maps.Keys(c.known)) {
		fmt.Printf("%6d known: %s\n", c.known[reason], reason)
		total += c.known[reason]
	}
	if c.options.all {
		for _, kind := range slices.Sorted(maps.Keys(c.kinds)) {
			fmt.Printf("%6d %s\n", c.kinds[kind], strings.ReplaceAll(kind, "\n", "\n          "))
		}
	}
	fmt.Printf("%d requests in %d histories, %d differences and %d known ones in %s; seed %d\n",
		c.played.Load(), c.next.Load()-c.options.first, c.found.Load(), total, time.Since(c.began).Round(time.Second), c.options.seed)
}

// play plays a history to both and stops at the first difference.
func (p *pair) play(ctx context.Context, history []step) (*difference, error) {
	space := fmt.Sprintf("%08d", p.space.Add(1)%1e8)
	for i, s := range history {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p.played.Add(1)
		r, err := p.send(p.real, space, s)
		if err != nil {
			return nil, err
		}
		p.turn++
		o, err := p.send(p.ours[p.turn%len(p.ours)], space, s)
		if err != nil {
			return nil, err
		}
		if r.Headers["vary"] == "" { // it forgets it in some errors
			delete(o.Headers, "vary")
		}
		if r.String() == o.String() {
			if partsInSilence(s, o) {
				p.countKnown(oddForms)
				return nil, nil
			}
			continue
		}
		reason, v, err := p.judge(space, s, &r, &o)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			p.countKnown(reason)
		}
		switch v {
		case same:
		case parted:
			return nil, nil
		case differs:
			return &difference{i, s, r, o}, nil
		}
	}
	return nil, nil
}

func (c *comparison) countKnown(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[reason]++
}

func (p *pair) send(base, space string, s step) (placementtest.Answer, error) {
	body, err := p.generations(base, space, s.body)
	if err != nil {
		return placementtest.Answer{}, err
	}
	r := placementtest.Request{
		Method: s.method, Path: strings.ReplaceAll(s.path, "{ns}", space), Version: s.version,
		Headers: map[string]string{}, Body: strings.ReplaceAll(body, "{ns}", space),
	}
	for name, value := range s.headers {
		r.Headers[name] = strings.ReplaceAll(value, "{ns}", space)
	}
	a, err := placementtest.Send(p.client, base, r, "vary", "www-authenticate")
	if err != nil {
		return a, fmt.Errorf("%s: %w", strings.Join(s.words(), " "), err)
	}
	return own(a, space, r), nil
}

// wanted is a place in a body for the generation that a server has now.
var wanted = regexp.MustCompile(`"{(gen|cgen):({ns}-[0-9a-f-]{27})}"`)

func (p *pair) generations(base, space, body string) (string, error) {
	var failed error
	filled := wanted.ReplaceAllStringFunc(body, func(place string) string {
		m := wanted.FindStringSubmatch(place)
		path, member := "/resource_providers/"+m[2], "generation"
		if m[1] == "cgen" {
			path, member = "/allocations/"+m[2], "consumer_generation"
		}
		a, err := placementtest.Send(p.client, base, placementtest.Request{
			Method: http.MethodGet, Path: strings.ReplaceAll(path, "{ns}", space), Version: "1.39",
		})
		if err != nil {
			failed = err
			return place
		}
		var shown map[string]any
		if json.Unmarshal([]byte(a.Body), &shown) != nil {
			return "0"
		}
		if n, ok := shown[member].(float64); ok {
			return strconv.FormatInt(int64(n), 10)
		}
		if m[1] == "cgen" {
			return "null"
		}
		return "0"
	})
	return filled, failed
}

// shrink removes steps as long as some difference remains at the last one.
func (p *pair) shrink(ctx context.Context, history []step, d *difference) ([]step, *difference, error) {
	for size := len(history) / 2; size > 0; {
		removed := false
		for from := 0; from+size < len(history); {
			less := append(append([]step(nil), history[:from]...), history[from+size:]...)
			again, err := p.play(ctx, less)
			if err != nil {
				return nil, nil, err
			}
			if again == nil {
				from += size
				continue
			}
			history, d, removed = less[:again.at+1], again, true
		}
		if !removed || size > 1 {
			size /= 2
		}
	}
	return history, d, nil
}
