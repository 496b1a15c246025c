package health

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/transport/wire"
)

// scrapeTimeout bounds one scrape, so that scrapers can't pile up.
const scrapeTimeout = 10 * time.Second

// Source is the node that metrics are read from: a part of cluster.Node.
type Source interface {
	Status() cluster.Status
	Read(ctx context.Context, level cluster.Level, index uint64) (*fsm.View, error)
}

// Metrics counts requests and errors. Its methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	errors   *prometheus.CounterVec
}

// NewMetrics registers the metrics of a node. The error says that the registry
// holds a metric of the same name already.
func NewMetrics(registry *prometheus.Registry, node Source) (*Metrics, error) {
	m := &Metrics{
		registry: registry,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "treenode_http_requests_total", Help: "Requests answered, by route and HTTP status.",
		}, []string{"route", "code"}),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "treenode_http_request_duration_seconds", Help: "Time from a request's header to the end of its answer, by route.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "treenode_errors_total", Help: "Requests that failed, by error code.",
		}, []string{"code"}),
	}
	for _, c := range []prometheus.Collector{m.requests, m.latency, m.errors, stateCollector{node}} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Request counts a request. The route is a pattern, never a path: every label
// value is a time series that stays.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

// Error counts a request that failed.
func (m *Metrics) Error(code wire.Code) { m.errors.WithLabelValues(string(code)).Inc() }

// Handler serves the registry in the formats that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		Registry: m.registry, MaxRequestsInFlight: 4, Timeout: scrapeTimeout,
	})
}

// stateCollector reads the node when it is scraped, so that no metric can be
// older than the scrape.
type stateCollector struct{ node Source }

func describe(name, help string) *prometheus.Desc { return prometheus.NewDesc(name, help, nil, nil) }

var (
	term      = describe("treenode_raft_term", "Raft term that the node is in.")
	commit    = describe("treenode_raft_commit_index", "Index of the last entry that the node knows to be committed.")
	applied   = describe("treenode_raft_applied_index", "Index of the last entry that the node has applied.")
	leading   = describe("treenode_raft_is_leader", "1 while the node leads.")
	led       = describe("treenode_raft_has_leader", "1 while the node knows a leader.")
	providers = describe("treenode_providers", "Resource providers in the node's state.")
	consumers = describe("treenode_consumers", "Consumers with allocations in the node's state.")
	revision  = describe("treenode_state_revision", "Accepted mutations that led to the node's state.")
	viewIndex = describe("treenode_state_index", "Log index that the node's state shows.")
)

// Describe implements prometheus.Collector.
func (c stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{term, commit, applied, leading, led, providers, consumers, revision, viewIndex} {
		out <- d
	}
}

// Collect implements prometheus.Collector. A node that can't be read shows no
// sizes, rather than wrong ones.
func (c stateCollector) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	status := c.node.Status()
	gauge(term, float64(status.Term))
	gauge(commit, float64(status.Commit))
	gauge(applied, float64(status.Applied))
	gauge(leading, flag(status.State == "leader"))
	gauge(led, flag(status.LeaderID != ""))
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	view, err := c.node.Read(ctx, cluster.Stale, 0)
	if err != nil {
		return
	}
	gauge(providers, float64(view.Tree.NumProviders()))
	gauge(consumers, float64(view.Tree.NumConsumers()))
	gauge(revision, float64(view.Tree.Revision()))
	gauge(viewIndex, float64(view.Index))
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
