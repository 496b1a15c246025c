package health

import (
	"net/http"
	"runtime"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/treenode/treenode/transport/wire"
)

// scrapeTimeout bounds one scrape, so that scrapers can't pile up.
const scrapeTimeout = 10 * time.Second

// Buckets, in seconds: of what people wait for, of what a disk does, and of what
// walks the whole state.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	diskBuckets    = []float64{.00025, .0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2, 4, 8}
	stateBuckets   = []float64{.01, .05, .1, .5, 1, 5, 10, 30, 60, 300}
	countBuckets   = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}
	foundBuckets   = []float64{0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000}
)

// Metrics counts requests and errors, and what the node does. Its methods may be
// called concurrently.
type Metrics struct {
	families families

	requests *prometheus.CounterVec
	latency  *prometheus.HistogramVec
	errors   *prometheus.CounterVec
	denied   *prometheus.CounterVec

	searches   *prometheus.CounterVec
	searchTime *prometheus.HistogramVec
	found      *prometheus.HistogramVec

	backup prometheus.Gauge
	build  *prometheus.GaugeVec

	events eventMetrics
	// What a scrape reads from, each nil until it is there.
	node         atomic.Pointer[Source]
	certificates atomic.Pointer[func() []Certificate]
}

// NewMetrics registers the metrics of a node, which may be nil; see Watch. The
// error says that the registry holds a metric of the same name already.
func NewMetrics(registry *prometheus.Registry, node Source) (*Metrics, error) {
	m := &Metrics{families: families{registry: registry}}
	f := &m.families
	m.requests = f.counter("treenode_http_requests_total", "Requests answered, by route and HTTP status.", "route", "code")
	m.latency = f.histogram("treenode_http_request_duration_seconds", "Time from a request's header to the end of its answer, by route.", requestBuckets, "route")
	m.errors = f.counter("treenode_errors_total", "Requests that failed or were refused, by error code.", "code")
	m.denied = f.counter("treenode_auth_failures_total", "Requests turned away for who sent them, by reason: unauthenticated (nobody knows who), forbidden (the policy), unavailable (nobody could be asked).", "reason")
	ready(m.denied, deniedUnknown, deniedForbidden, deniedUnavailable)
	m.searches = f.counter("treenode_candidates_searches_total",
		"Searches for allocation candidates, by how they ended: complete, limit (as many as were asked for), steps (cut off: too much work), time (cut off), refused.", "outcome")
	ready(m.searches, string(SearchComplete), string(SearchLimit), string(SearchSteps), string(SearchTime), string(SearchRefused))
	m.searchTime = f.histogram("treenode_candidates_search_duration_seconds", "Time that a search for allocation candidates took.", requestBuckets)
	m.found = f.histogram("treenode_candidates_returned", "Allocation candidates that a search returned.", foundBuckets)
	m.backup = f.gauge("treenode_backup_last_success_timestamp_seconds", "When this process last gave out a whole backup, since 1970; 0 for never.")
	m.build = f.gaugeOf("treenode_build_info", "1, with the program's version and Go's.", "version", "go_version")
	m.events = newEventMetrics(f)
	f.register(newStateCollector(f, m))
	if f.err != nil {
		return nil, f.err
	}
	if node != nil {
		m.Watch(node)
	}
	return m, nil
}

// Request counts a request. The route is a pattern, never a path: every label
// value is a time series that stays.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

// Error counts a request that failed, by a code out of a list.
func (m *Metrics) Error(code wire.Code) {
	m.errors.WithLabelValues(string(code)).Inc()
	if reason, ok := denials[code]; ok {
		m.denied.WithLabelValues(reason).Inc()
	}
}

// denials are the codes, of both APIs, of requests that are turned away for who sent
// them, with the reason that they are counted by.
var denials = map[wire.Code]string{
	wire.CodeUnauthenticated: deniedUnknown, "placement.http_401": deniedUnknown,
	wire.CodeForbidden: deniedForbidden, "placement.http_403": deniedForbidden,
	wire.CodeAuthUnavailable: deniedUnavailable,
}

const (
	deniedUnknown     = "unauthenticated"
	deniedForbidden   = "forbidden"
	deniedUnavailable = "unavailable"
)

// BackupDone notes that a whole backup was given out at a time.
func (m *Metrics) BackupDone(at time.Time) { m.backup.Set(seconds(at)) }

// Build tells which version runs.
func (m *Metrics) Build(version string) { m.build.WithLabelValues(version, runtime.Version()).Set(1) }

// Outcome is how a search for candidates ended.
type Outcome string

// The outcomes of searches.
const (
	SearchComplete Outcome = "complete"
	SearchLimit    Outcome = "limit"
	SearchSteps    Outcome = "steps"
	SearchTime     Outcome = "time"
	SearchRefused  Outcome = "refused"
)

// Search counts a search for candidates.
func (m *Metrics) Search(outcome Outcome, found int, took time.Duration) {
	m.searches.WithLabelValues(string(outcome)).Inc()
	m.searchTime.WithLabelValues().Observe(took.Seconds())
	m.found.WithLabelValues().Observe(float64(found))
}

// Handler serves the registry in the formats that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.families.registry, promhttp.HandlerOpts{
		Registry: m.families.registry, MaxRequestsInFlight: 4, Timeout: scrapeTimeout,
		// A metric that is wrong is counted and left out; the others are worth having.
		ErrorHandling: promhttp.ContinueOnError,
	})
}

// seconds is an instant in Prometheus' form.
func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
