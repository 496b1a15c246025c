package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// fullestShown is how many providers are listed, of fullestOf that are looked
	// at, every fullestEvery.
	fullestShown = 10
	fullestOf    = 5000
	fullestPage  = 1000
	fullestEvery = 10 * time.Second
)

var errQuit = errors.New("a key was pressed")

// watching is "treenode top" from one look to the next.
type watching struct {
	s     *session
	at    time.Time
	nodes map[string]counters // by node id, at the last look
	seen  topLook

	fullest   []fullProvider
	fullestAt time.Time
}

// counters are what a node has counted up to a moment.
type counters struct {
	revision, requests, failed float64
	// buckets counts requests by the upper bound of their duration in seconds.
	buckets map[float64]float64
}

// topLook is what one look shows.
type topLook struct {
	ClusterID string         `json:"cluster_id"`
	Leader    string         `json:"leader"`
	Term      uint64         `json:"term"`
	Commit    uint64         `json:"commit"`
	Writes    float64        `json:"writes_per_second"`
	Nodes     []topNode      `json:"nodes"`
	Fullest   []fullProvider `json:"fullest"`
}

type topNode struct {
	ID       string  `json:"id"`
	Role     string  `json:"role"`
	Version  string  `json:"version"`
	Lag      uint64  `json:"lag_entries"`
	Requests float64 `json:"requests_per_second"`
	Failed   float64 `json:"failed_per_second"` // answered with 500 and above
	P50      float64 `json:"p50_seconds"`
	P99      float64 `json:"p99_seconds"`
	Error    string  `json:"error,omitempty"`
}

type fullProvider struct {
	Provider string `json:"provider"`
	Class    string `json:"resource_class"`
	Used     int64  `json:"used"`
	Capacity int64  `json:"capacity"`
}

func (f fullProvider) share() float64 {
	if f.Capacity <= 0 {
		return math.Inf(1) // in use, and nothing to give
	}
	return float64(f.Used) / float64(f.Capacity)
}

// rest ends with the time, or with an error when the context or a key ends it.
func rest(ctx context.Context, d time.Duration, quit <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-quit:
		return errQuit
	case <-ctx.Done():
		return ctx.Err()
	}
}

// look asks the cluster and each member, and works out what happened since the
// look before.
func (w *watching) look(ctx context.Context) error {
	c, err := w.s.Members(ctx)
	if err != nil {
		return err
	}
	now, counted, failures := time.Now(), make([]counters, len(c.Members)), make([]error, len(c.Members))
	var wait sync.WaitGroup
	for i, m := range c.Members {
		if m.Healthy && m.API != "" {
			wait.Go(func() { counted[i], failures[i] = w.count(ctx, m.API) })
		}
	}
	wait.Wait()
	seen := topLook{ClusterID: c.ClusterID, Leader: c.LeaderID, Term: c.Term, Commit: c.Commit}
	nodes, seconds := map[string]counters{}, now.Sub(w.at).Seconds()
	for i, m := range c.Members {
		node := topNode{ID: m.ID, Role: m.Role, Version: m.Version, Error: m.Error}
		if m.Leader {
			node.Role = "leader"
		}
		if m.Healthy {
			node.Lag = c.Commit - min(c.Commit, m.Applied)
		}
		if failures[i] != nil {
			node.Error = failures[i].Error()
		}
		if before, known := w.nodes[m.ID]; known && counted[i].buckets != nil {
			node.since(before, counted[i], seconds)
			seen.Writes = max(seen.Writes, (counted[i].revision-before.revision)/seconds)
		}
		if counted[i].buckets != nil {
			nodes[m.ID] = counted[i]
		}
		seen.Nodes = append(seen.Nodes, node)
	}
	if now.Sub(w.fullestAt) >= fullestEvery {
		if w.fullest, err = w.fill(ctx); err != nil {
			return err
		}
		w.fullestAt = now
	}
	seen.Fullest = w.fullest
	w.at, w.nodes, w.seen = now, nodes, seen
	return nil
}

// since works out rates from two moments. A node that was started again counts
// from nothing: then what it has counted is all there was.
func (n *topNode) since(before, now counters, seconds float64) {
	if now.requests < before.requests {
		before = counters{}
	}
	n.Requests = (now.requests - before.requests) / seconds
	n.Failed = max(0, now.failed-before.failed) / seconds
	n.P50 = quantile(0.50, before.buckets, now.buckets)
	n.P99 = quantile(0.99, before.buckets, now.buckets)
}

// quantile is the upper bound of the bucket that the quantile of what came
// between falls into; 0 where nothing came.
func quantile(q float64, before, now map[float64]float64) float64 {
	bounds := make([]float64, 0, len(now))
	for bound := range now {
		bounds = append(bounds, bound)
	}
	slices.Sort(bounds)
	if len(bounds) == 0 {
		return 0
	}
	last := bounds[len(bounds)-1]
	total := now[last] - before[last]
	if total <= 0 {
		return 0
	}
	for i, bound := range bounds {
		if now[bound]-before[bound] >= q*total {
			if math.IsInf(bound, 1) && i > 0 {
				return bounds[i-1] // it was longer than any bucket tells
			}
			return bound
		}
	}
	return last
}

// count reads a node's metrics.
func (w *watching) count(ctx context.Context, api string) (counters, error) {
	text, err := w.s.Metrics(client.WithEndpoint(ctx, api))
	if err != nil {
		return counters{}, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return counters{}, fmt.Errorf("its metrics can't be read: %w", err)
	}
	c := counters{buckets: map[float64]float64{}}
	for _, m := range families["treenode_state_revision"].GetMetric() {
		c.revision = m.GetGauge().GetValue()
	}
	for _, m := range families["treenode_http_requests_total"].GetMetric() {
		c.requests += m.GetCounter().GetValue()
		if code := label(m, "code"); code != "" && code[0] == '5' {
			c.failed += m.GetCounter().GetValue()
		}
	}
	for _, m := range families["treenode_http_request_duration_seconds"].GetMetric() {
		for _, b := range m.GetHistogram().GetBucket() {
			c.buckets[b.GetUpperBound()] += float64(b.GetCumulativeCount())
		}
	}
	return c, nil
}

func label(m *dto.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// fill finds the providers that are the fullest in any class, as the node asked
// has them.
func (w *watching) fill(ctx context.Context) ([]fullProvider, error) {
	all := []fullProvider{}
	ctx = client.WithConsistency(ctx, wire.Stale)
	for after, looked := "", 0; looked < fullestOf; {
		page, err := w.s.ProvidersPage(ctx, client.ProviderFilter{}, fullestPage, after)
		if err != nil {
			return nil, err
		}
		for _, p := range page.Providers {
			for class, inventory := range p.Inventories {
				if inventory.Used > 0 {
					all = append(all, fullProvider{p.Name, class, inventory.Used, inventory.Capacity})
				}
			}
		}
		looked += len(page.Providers)
		if after = page.Next; after == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b fullProvider) int {
		return cmp.Or(cmp.Compare(b.share(), a.share()), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Class, b.Class))
	})
	return all[:min(len(all), fullestShown)], nil
}

func (l topLook) print(out io.Writer) error {
	fmt.Fprintf(out, "cluster %s   leader %s   term %d   commit %d   %.0f writes/s\n\n", dash(l.ClusterID), dash(l.Leader), l.Term, l.Commit, l.Writes)
	var rows [][]string
	for _, n := range l.Nodes {
		rows = append(rows, []string{
			n.ID, n.Role, number(n.Lag), fmt.Sprintf("%.0f", n.Requests), fmt.Sprintf("%.0f", n.Failed), duration(n.P50), duration(n.P99), dash(n.Version), n.Error,
		})
	}
	if err := printTable(out, []string{"node", "role", "lag", "requests/s", "failed/s", "p50 up to", "p99 up to", "version", ""}, rows); err != nil || len(l.Fullest) == 0 {
		return err
	}
	rows = nil
	for _, f := range l.Fullest {
		share := "over"
		if s := f.share(); !math.IsInf(s, 1) {
			share = fmt.Sprintf("%.0f %%", 100*s)
		}
		rows = append(rows, []string{share, f.Class, number(f.Used), number(f.Capacity), f.Provider})
	}
	fmt.Fprintln(out)
	return printTable(out, []string{"full", "class", "used", "of", "provider"}, rows)
}

func duration(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).String()
}
