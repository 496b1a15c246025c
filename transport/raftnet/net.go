package raftnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
)

// ErrClosed is the cause inside errors of calls and streams after Close.
var ErrClosed = errors.New("the peer port is closed")

// Config describes a peer port.
type Config struct {
	// Listen is the host:port to listen at. Port 0 takes any that is free.
	Listen string
	// Advertise is the host:port that peers reach this node at. The default
	// is the listener's address.
	Advertise string
	// Logger is told of refused connections and handlers that panic. nil is
	// silent.
	Logger hclog.Logger
	// ServerTLS and ClientTLS wrap accepted and dialed connections in TLS.
	// Both or none must be set. A ClientTLS without a ServerName verifies the
	// host that is dialed.
	ServerTLS, ClientTLS *tls.Config
	// PeerName reads from a verified certificate which node it is of. Where it is
	// set, with TLS, a peer without such a certificate is refused, a stream or call
	// goes only to the node that it is meant for, and handlers are told who calls.
	PeerName func(*x509.Certificate) (nodeID string, ok bool)
	// Limits has the bounds. Zero fields take their default.
	Limits Limits
}

// Net is a peer port. It implements cluster.Network; all methods may be called
// concurrently.
type Net struct {
	config   Config
	limits   Limits
	log      hclog.Logger
	addr     string
	listener net.Listener
	streams  *streamLayer
	pool     pool
	counters counters
	refusals refusalLog

	clusterID atomic.Pointer[string]
	handler   atomic.Pointer[cluster.PeerHandler]
	server    atomic.Pointer[string] // nil: streams are not told apart

	handshakes, raftStreams, callConns, calls places
	callBytes                                 atomic.Int64

	// ctx ends at Close. It is the parent of every handler's context.
	ctx    context.Context
	cancel context.CancelFunc

	mu     sync.Mutex
	links  map[*link]struct{} // every connection that is open
	closed bool

	// running counts the goroutines of the package. It is added to only by
	// one of them, so never after Close saw it at zero.
	running  sync.WaitGroup
	closing  sync.Once
	closeErr error
}

var _ cluster.Network = (*Net)(nil)

// Listen opens the peer port. The error names the field that is at fault.
func Listen(config Config) (*Net, error) {
	limits, err := config.Limits.withDefaults()
	if err != nil {
		return nil, err
	}
	if (config.ServerTLS == nil) != (config.ClientTLS == nil) {
		return nil, errors.New("peer TLS: only one of ServerTLS and ClientTLS is set")
	}
	if config.PeerName != nil && config.ServerTLS == nil {
		return nil, errors.New("peer TLS: PeerName is set without TLS")
	}
	if config.Listen == "" {
		return nil, errors.New("peer listen address is empty")
	}
	if config.Advertise != "" {
		if err := checkAdvertise(config.Advertise); err != nil {
			return nil, fmt.Errorf("peer advertise address %q: %w", config.Advertise, err)
		}
	}
	keepAlive := net.ListenConfig{KeepAliveConfig: keepAliveConfig()}
	listener, err := keepAlive.Listen(context.Background(), "tcp", config.Listen)
	if err != nil {
		return nil, fmt.Errorf("peer listen address %q: %w", config.Listen, err)
	}
	addr := config.Advertise
	if addr == "" {
		addr = listener.Addr().String()
		if err := checkAdvertise(addr); err != nil {
			err = fmt.Errorf("peer listen address %q needs an advertise address: %w", config.Listen, err)
			return nil, errors.Join(err, listener.Close())
		}
	}
	n := &Net{
		config: config, limits: limits, log: config.Logger, addr: addr, listener: listener,
		handshakes: newPlaces(limits.HandshakesMax), raftStreams: newPlaces(limits.RaftStreamsMax),
		callConns: newPlaces(limits.CallConnsMax), calls: newPlaces(limits.CallsMax),
		links: map[*link]struct{}{},
	}
	if n.log == nil {
		n.log = hclog.NewNullLogger()
	}
	n.refusals = refusalLog{log: n.log, interval: limits.LogInterval, now: time.Now}
	n.streams = &streamLayer{n: n, accepted: make(chan *link), done: make(chan struct{})}
	n.pool = pool{limits: limits, peers: map[string]*peer{}}
	n.clusterID.Store(new(string))
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.running.Add(2)
	go n.accept()
	go n.reap()
	return n, nil
}

func keepAliveConfig() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount}
}

// checkAdvertise tells whether peers could dial addr.
func checkAdvertise(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if host == "" {
		return errors.New("the host is missing: peers can't dial it")
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.Unmap().WithZone("").IsUnspecified() {
		return fmt.Errorf("%s means any address: peers can't dial it", host)
	}
	return nil
}

// Raft implements cluster.Network.
func (n *Net) Raft() raft.StreamLayer { return n.streams }

// Addr implements cluster.Network.
func (n *Net) Addr() string { return n.addr }

// ListenAddr is the address that the node listens at, with its real port.
func (n *Net) ListenAddr() string { return n.listener.Addr().String() }

// Serve implements cluster.Network.
func (n *Net) Serve(h cluster.PeerHandler) { n.handler.Store(&h) }

// SetClusterID implements cluster.Network. Calling it again with another id
// closes the Raft streams that were opened under the old one. An id longer
// than 128 bytes is cut off.
func (n *Net) SetClusterID(id string) {
	id = id[:min(len(id), clusterIDLenMax)]
	old := n.clusterID.Swap(&id)
	if *old == id {
		return
	}
	n.closeLinks(func(l *link) bool { return l.kind == kindRaft && l.clusterID != id })
	closeAll(n.pool.dropIdle())
}

// SetServer implements cluster.Network. An id longer than 128 bytes is cut off.
func (n *Net) SetServer(id string) {
	id = id[:min(len(id), serverIDLenMax)]
	n.server.Store(&id)
}

// Close implements cluster.Network. Connections are closed before anything is
// waited for. The error names the handlers that did not return in time.
func (n *Net) Close() error {
	n.closing.Do(func() {
		n.mu.Lock()
		n.closed = true
		n.mu.Unlock()
		n.closeErr = n.listener.Close()
		n.closeLinks(func(*link) bool { return true })
		n.cancel()
		n.streams.stop()
		settled := make(chan struct{})
		go func() {
			n.running.Wait()
			close(settled)
		}()
		timeout := time.NewTimer(n.limits.CloseTimeout)
		defer timeout.Stop()
		select {
		case <-settled:
		case <-timeout.C:
			n.closeErr = errors.Join(n.closeErr, fmt.Errorf("%d calls are still being answered %v after the peer port was closed",
				n.calls.taken(), n.limits.CloseTimeout))
		}
	})
	return n.closeErr
}

func (n *Net) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// closeLinks closes the connections that are picked.
func (n *Net) closeLinks(pick func(*link) bool) {
	var picked []*link
	n.mu.Lock()
	for l := range n.links {
		if pick(l) {
			picked = append(picked, l)
		}
	}
	n.mu.Unlock()
	for _, l := range picked {
		l.abort()
	}
}

// places is a number of places, each taken by one at a time.
type places chan struct{}

func newPlaces(n int) places { return make(places, n) }

func (p places) take() bool {
	select {
	case p <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p places) leave() { <-p }

func (p places) taken() int { return len(p) }
