package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/transport/api"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/bareanswer"
	"github.com/treenode/treenode/transport/certs"
	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/tracing"
)

// Limits of the HTTP listener.
const (
	connectionsMax    = 16384
	headerBytesMax    = 64 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 60 * time.Second
	writeTimeout      = 120 * time.Second
	idleTimeout       = 120 * time.Second
)

// portTimes bound what a stranger can hold of a port.
type portTimes struct {
	handshake, header, request time.Duration // of the API
	peer                       time.Duration // a handshake of the peer port
}

func (p portTimes) withDefaults() portTimes {
	return portTimes{
		cmp.Or(p.handshake, handshakeTimeout), cmp.Or(p.header, readHeaderTimeout), cmp.Or(p.request, readTimeout), p.peer,
	}
}

// Config describes a server. See the flags of "treenode serve".
type Config struct {
	NodeID          string
	DataDir         string
	Listen          string
	PeerListen      string
	Advertise       string
	BootstrapExpect int
	Join            []string
	NonVoter        bool
	// TLS and PeerTLS name the certificates of the two ports; one without any
	// speaks plain text.
	TLS     certs.APIFiles
	PeerTLS certs.PeerFiles
	// certsEvery is for tests: how often their files are looked at.
	certsEvery time.Duration
	// patience is for tests: how long the ports wait for strangers. Zero fields take
	// their defaults.
	patience portTimes
	// Authenticated says that everybody who uses the API has to prove who it is.
	Authenticated bool
	// JoinTokenFile has what lets this node into a cluster that it is new to.
	// RequireJoinToken demands that of others, where the peer port has TLS.
	JoinTokenFile    string
	RequireJoinToken bool
	// Insecure allows listeners that others can reach where TLS or authentication
	// is missing.
	Insecure       bool
	RequestTimeout time.Duration
	// ConnectionsPerAddress bounds the API's connections from each remote address; 0 is
	// no bound. See addressListener.
	ConnectionsPerAddress int
	// RaftLog is what keeps the log on disk; see cluster.Config.
	RaftLog string
	// DiskReserve is in bytes; see cluster.Config.
	DiskReserve uint64
	// CheckpointInterval is how often the states are compared; see
	// cluster.Config. Negative for never.
	CheckpointInterval time.Duration
	// EntryLevel is the newest level of log entries to use; see
	// cluster.Config.Level. 0 for all.
	EntryLevel int
	// SnapshotThreshold is after how many entries a snapshot is written; see
	// cluster.Config.
	SnapshotThreshold uint64
	// ScrubInterval is how often damage on disk is looked for; see
	// cluster.Timing.Scrub. 0 takes its default.
	ScrubInterval time.Duration
	// AuditDir, AuditFileBytes and AuditFiles are where the audit is kept, and how
	// much of it; see cluster.Config.
	AuditDir       string
	AuditFileBytes int64
	AuditFiles     int
	// EncryptionKeyFile has the keys that the data directory is encrypted with; it is
	// read again when it changes. EncryptionKeys are the same from elsewhere. Without
	// both nothing is encrypted.
	EncryptionKeyFile string
	EncryptionKeys    *atrest.Keys
	// Policy says who may use the APIs. Nil means that of mode secure.
	Policy *policy.Policy
	// Auth tells who calls the APIs. Nil believes everybody: auth.NoAuth.
	Auth auth.Authenticator
	// Limit, where not nil, is put before each API's authenticator: it bounds rates.
	Limit func(auth.Authenticator) (auth.Authenticator, error)
	// MetricsForAll serves /metrics to everyone.
	MetricsForAll bool

	CORSOrigins []string
	// IncompleteProject and IncompleteUser own what microversions below 1.8
	// claim. Empty means the zero UUID.
	IncompleteProject string
	IncompleteUser    string
	Candidates        candidates.Options
	SearchesMax       int // at a time; 0 takes a default
	CompressFrom      int // bytes; 0 for never
	// Pprof is a loopback address for Go's profiles; empty for none.
	Pprof   string
	Version string
	Logger  hclog.Logger
	// LogLevels are those of Logger; nil where they can't be changed.
	LogLevels api.LogLevels
	// Tracing draws where the time of requests goes; nil for nobody. The server
	// closes it.
	Tracing *tracing.Tracing
}

// Server is a running node with its listeners.
type Server struct {
	node     *cluster.Supervised
	http     *http.Server
	pprof    *http.Server     // nil if not asked for
	tracing  *tracing.Tracing // nil if not asked for
	url      string
	listener net.Listener
	// stopWatching ends the look-out for changed certificates.
	stopWatching context.CancelFunc
	failOnce     sync.Once
	failed       chan struct{}
	err          error
	keys         *keys // nil where nothing is encrypted
}

// Start opens the listeners and the node. The error names what is at fault.
func Start(c Config) (*Server, error) {
	if err := c.checkListeners(); err != nil {
		return nil, err
	}
	c.patience = c.patience.withDefaults()
	if err := checkPprof(c.Pprof); err != nil {
		return nil, err
	}
	keys, err := openKeys(c)
	if err != nil {
		return nil, fmt.Errorf("encryption-key-file: %w", err)
	}
	metrics, err := newMetrics(c.Version, keys)
	if err != nil {
		return nil, err
	}
	apiCerts, peerCerts, err := loadCerts(c)
	if err != nil {
		return nil, err
	}
	metrics.WatchCertificates(func() []health.Certificate { return certificatesOf(apiCerts, peerCerts) })
	listener, err := listenAPI(c.Listen, apiCerts, c.ConnectionsPerAddress, c.patience.handshake, c.Logger)
	if err != nil {
		return nil, err
	}
	s := &Server{tracing: c.Tracing, listener: listener, url: urlOf(listener.Addr(), c.Advertise, apiCerts, c.Logger), keys: keys, failed: make(chan struct{})}
	lastCrash := crashOf(c.DataDir)
	joinToken, err := readJoinToken(c.JoinTokenFile)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	s.node, err = cluster.Supervise(cluster.Config{
		NodeID: c.NodeID, DataDir: c.DataDir, BootstrapExpect: c.BootstrapExpect, Join: c.Join,
		NonVoter: c.NonVoter, RaftLog: logstore.Engine(c.RaftLog), APIURL: s.url, Version: c.Version, Logger: c.Logger,
		Timing: cluster.Timing{Request: c.RequestTimeout, Scrub: c.ScrubInterval}, CheckpointInterval: c.CheckpointInterval,
		Level:             c.EntryLevel,
		SnapshotThreshold: c.SnapshotThreshold,
		DiskReserve:       c.DiskReserve,
		AuditDir:          c.AuditDir, AuditFileBytes: c.AuditFileBytes, AuditFiles: c.AuditFiles,
		Observe: metrics.Observe, ObserveLog: metrics.ObserveLog,
		Tracer:    tracerOf(c.Tracing),
		Keys:      keys.ringOf(),
		Authorize: c.authorize(),
		JoinToken: joinToken, RequireJoinToken: c.RequireJoinToken && c.PeerTLS.Given(),
	}, newPeerPort(c, peerCerts).listen, lastCrash)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if err := keepCrash(c.DataDir); err != nil {
		c.Logger.Warn("the cause of a crash would not be kept", "error", err)
	}
	metrics.Watch(s.node)
	handler, err := newHandlers(s.node, c, metrics)
	if err != nil {
		return nil, errors.Join(err, s.node.Close(), listener.Close())
	}
	if c.Pprof != "" {
		if s.pprof, err = servePprof(c.Pprof, c.Logger); err != nil {
			return nil, errors.Join(err, s.node.Close(), listener.Close())
		}
	}
	s.http = &http.Server{
		Handler: traced(withTLS(handler), c.Tracing), ConnContext: ofConnection,
		MaxHeaderBytes: headerBytesMax, ReadHeaderTimeout: c.patience.header,
		ReadTimeout: c.patience.request, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ErrorLog: c.Logger.Named("http").StandardLogger(&hclog.StandardLoggerOptions{InferLevels: true}),
	}
	go s.serve(bareanswer.Install(s.http, listener, handler.ofBadLength))
	go s.watch()
	watching, stop := context.WithCancel(context.Background())
	s.stopWatching = stop
	watchCerts(watching, c.certsEvery, apiCerts, peerCerts)
	if keys != nil {
		go keys.watch(watching.Done())
	}
	return s, nil
}

func (s *Server) serve(l net.Listener) {
	err := s.http.Serve(l)
	if !errors.Is(err, http.ErrServerClosed) {
		s.fail(fmt.Errorf("http listener: %w", err))
	}
}

// watch takes the listener down when the node is not started again.
func (s *Server) watch() {
	<-s.node.Failed()
	s.fail(s.node.Failure())
}

func (s *Server) fail(err error) {
	s.failOnce.Do(func() {
		s.err = err
		close(s.failed)
	})
}

// Reload reads again what can change while the server runs: the encryption keys.
func (s *Server) Reload() {
	if s.keys != nil {
		s.keys.reload()
	}
}

// URL is where the API is reached.
func (s *Server) URL() string { return s.url }

// Node is the cluster node, nil while it is down.
func (s *Server) Node() *cluster.Node { return s.node.Node() }

// Failed is closed when the server can't go on; Err then says why.
func (s *Server) Failed() <-chan struct{} { return s.failed }

// Err is why the server failed.
func (s *Server) Err() error { return s.err }

// Shutdown stops taking requests, lets those under way finish while the
// context allows, hands leadership over and closes everything.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopWatching()
	// Leadership first: requests under way then go on at the new leader.
	err := s.node.HandOver(ctx)
	if shut := s.http.Shutdown(ctx); shut != nil {
		err = errors.Join(err, fmt.Errorf("requests were cut off: %w", shut), s.http.Close())
	}
	if s.pprof != nil {
		err = errors.Join(err, s.pprof.Close())
	}
	err = errors.Join(err, s.node.Close())
	if s.tracing != nil {
		err = errors.Join(err, s.tracing.Close(ctx))
	}
	return err
}
