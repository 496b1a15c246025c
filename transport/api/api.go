package api

import (
	"context"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/tracing"
	"github.com/treenode/treenode/transport/wire"
)

// Config describes the API. The zero value serves with the defaults.
type Config struct {
	// RequestTimeout bounds a request: the reading of its body and the wait
	// for the cluster. 0 means 10 seconds.
	RequestTimeout time.Duration
	// Logger gets internal errors, at level error. Nil means none.
	Logger hclog.Logger
	// Metrics counts requests and errors, and is served at /metrics. Nil means
	// a registry of its own, with metrics of the Go runtime and the process.
	Metrics *health.Metrics
	// Auth tells who calls. Nil means auth.NoAuth, where a request without a token
	// is the administrator's.
	Auth auth.Authenticator
	// Policy decides who may do what. Nil means policy.Default.
	Policy *policy.Policy
	// MetricsForAll serves /metrics to everyone.
	MetricsForAll bool
	// Version is the program's, for archives.
	Version string
	// LogLevels are the node's. Nil where they can't be changed.
	LogLevels LogLevels
}

const requestTimeoutDefault = 10 * time.Second

// New returns the handler of every route of the native API. Its owner mounts
// it at / and bounds the listener: header bytes, header and write time.
func New(node Node, c Config) http.Handler { return newServer(node, c) }

type server struct {
	node    Node
	timeout time.Duration
	log     hclog.Logger
	metrics *health.Metrics
	auth    auth.Authenticator
	policy  *policy.Policy
	mux     *http.ServeMux
	now     func() time.Time
	// open are the paths that need no authentication.
	open []string
	// treeMax and namesMax bound the answers that have no pages.
	treeMax, namesMax int
	// backups has a place for each archive that may be written at once.
	backups chan struct{}
	version string
	levels  LogLevels
	// newRequestID makes the id of a mutation that came without one.
	newRequestID func() (tree.UUID, error)
}

func newServer(node Node, c Config) *server {
	s := &server{
		node: node, timeout: c.RequestTimeout, log: c.Logger, metrics: c.Metrics, auth: c.Auth, policy: c.Policy,
		mux: http.NewServeMux(), now: time.Now, newRequestID: newRequestID,
		treeMax: treeProvidersMax, namesMax: namesMax,
		backups: make(chan struct{}, backupsMax), version: c.Version, levels: c.LogLevels,
	}
	if s.levels == nil {
		s.levels = fixed{}
	}
	if s.timeout <= 0 {
		s.timeout = requestTimeoutDefault
	}
	if s.log == nil {
		s.log = hclog.NewNullLogger()
	}
	if s.metrics == nil {
		registry := prometheus.NewRegistry()
		// A fresh registry has no metric that could be in the way.
		s.metrics, _ = health.NewMetrics(registry, node)
		registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	}
	if s.auth == nil {
		s.auth = auth.NoAuth{Missing: auth.Admin()}
	}
	if s.policy == nil {
		s.policy = policy.Default()
	}
	for _, r := range routes() {
		if c.MetricsForAll && r.action == policy.ReadMetrics {
			r.action = ""
		}
		if r.action == "" {
			s.open = append(s.open, r.path)
		}
		s.mux.Handle(r.method+" "+r.path, bound{s, r})
	}
	return s
}

// ServeHTTP implements http.Handler. No panic of a handler gets past it, but
// for the one that tells net/http to cut the connection: when a part of the
// answer is out, nothing else says that the rest won't come.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := s.now()
	ctx, cancel := context.WithTimeout(r.Context(), s.timeout)
	defer cancel()
	r = r.WithContext(ctx)
	out := &response{ResponseWriter: w, head: r.Method == http.MethodHead}
	label := "unmatched"
	defer func() {
		caught := recover()
		if caught != nil && caught != http.ErrAbortHandler { //nolint:errorlint // a panic's value, never wrapped
			s.log.Error("panic in a handler", "route", label, "request_id", out.requestID, "panic", caught, "stack", string(debug.Stack()))
			if !out.begun() {
				caught = nil
				s.fail(out, reject(wire.CodeInternal, "", "internal error"))
			}
		}
		s.metrics.Request(label, out.status, s.now().Sub(began))
		tracing.Route(r.Context(), label, out.requestID)
		if caught != nil {
			panic(http.ErrAbortHandler)
		}
	}()
	if !slices.Contains(s.open, r.URL.Path) {
		id, err := s.auth.Authenticate(r)
		if err != nil {
			s.fail(out, unidentified(err, out.Header()))
			return
		}
		out.identity = id
	}
	if leader := s.node.Status().LeaderAPI; leader != "" {
		out.Header().Set(wire.HeaderLeader, leader)
	}
	pattern, err := s.match(r, out)
	if err != nil {
		s.fail(out, err)
		return
	}
	label = pattern
	s.mux.ServeHTTP(out, r)
}

// match returns the pattern of the request's route, or why there is none.
func (s *server) match(r *http.Request, out http.ResponseWriter) (string, *wire.Error) {
	escaped := r.URL.EscapedPath()
	handler, pattern := s.mux.Handler(r)
	if pattern != "" && path.Clean(escaped) == escaped {
		return pattern, nil
	}
	// The mux says in text whether the path or the method is unknown, or
	// redirects to a cleaner path, which would turn a POST into a GET.
	said := &refusal{header: http.Header{}}
	handler.ServeHTTP(said, r)
	if said.status == http.StatusMethodNotAllowed {
		allow := said.header.Get("Allow")
		out.Header().Set("Allow", allow)
		return "", reject(wire.CodeMethodNotAllowed, "", "%s has the methods %s", excerpt(r.URL.Path), allow)
	}
	return "", reject(wire.CodeNotFound, "", "there is no route %s", excerpt(r.URL.Path))
}

// refusal takes what the mux says of a request that it has no route for.
type refusal struct {
	header http.Header
	status int
}

func (r *refusal) Header() http.Header         { return r.header }
func (r *refusal) WriteHeader(status int)      { r.status = status }
func (r *refusal) Write(b []byte) (int, error) { return len(b), nil }

// bound is a route of a server.
type bound struct {
	s *server
	route
}

// ServeHTTP implements http.Handler; the mux calls it with a *response.
func (b bound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, ok := w.(*response)
	if !ok {
		out = &response{ResponseWriter: w}
	}
	if b.action != "" && !b.s.policy.Allows(b.action, out.identity, "") {
		b.s.fail(out, forbidden(b.action))
		return
	}
	if b.via != nil {
		b.via(b.s).ServeHTTP(out, r)
		return
	}
	c := &call{s: b.s, r: r, out: out, action: b.action}
	given, err := c.serve(b.route)
	if err == nil {
		status := http.StatusOK
		if b.created {
			status = http.StatusCreated
		}
		err = out.answer(status, given)
	}
	if err == nil {
		return
	}
	if out.begun() {
		// Only the caller's connection can fail now.
		panic(http.ErrAbortHandler)
	}
	b.s.fail(out, err)
}

// fail answers with an error.
func (s *server) fail(out *response, err error) {
	told := wireError(err)
	if told.Kind == wire.Internal {
		s.log.Error("request failed", "code", told.Code, "request_id", out.requestID, "error", err)
	}
	told.RequestID = out.requestID
	switch {
	case told.Code == wire.CodeRateLimited, told.Code == wire.CodeAuthUnavailable:
	case told.Kind == wire.NotApplied, told.Kind == wire.Unknown:
		told.Leader = s.node.Status().LeaderAPI
	}
	s.metrics.Error(told.Code)
	if err := out.error(told); err != nil {
		s.log.Debug("an error did not reach its caller", "error", err)
	}
}
