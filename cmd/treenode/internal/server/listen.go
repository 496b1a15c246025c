package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/net/netutil"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/certs"
	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/raftnet"
)

// isLocal reports whether only this machine reaches an address.
func isLocal(flag, addr string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, fmt.Errorf("%s: %q is not host:port: %w", flag, addr, err)
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback(), nil
}

// checkListen refuses addresses that others can reach where something is missing
// that keeps them out, unless told so.
func checkListen(flag, addr string, missing []string, c Config) error {
	local, err := isLocal(flag, addr)
	switch {
	case err != nil:
		return err
	case local || len(missing) == 0:
		return nil
	case c.Insecure:
		if c.Logger != nil {
			c.Logger.Warn("whoever reaches this listener can read and change everything", "flag", flag, "address", addr, "without", strings.Join(missing, "; "))
		}
		return nil
	}
	return fmt.Errorf("%s: %s can be reached by others, without %s. Give what is missing, or --insecure-listen "+
		"where everybody who reaches it may read and change everything", flag, addr, strings.Join(missing, " and without "))
}

func (c Config) checkListeners() error {
	var api, peer []string
	if !c.TLS.Given() {
		api = append(api, "encryption (--tls-cert, --tls-key)")
	}
	if !c.Authenticated {
		api = append(api, "authentication (--auth)")
	}
	if !c.PeerTLS.Given() {
		peer = append(peer, "mutual TLS (--peer-ca, --peer-cert, --peer-key)")
	}
	return errors.Join(checkListen("listen", c.Listen, api, c), checkListen("peer-listen", c.PeerListen, peer, c))
}

// listenAPI opens the API's listener, with TLS if there are certificates.
func listenAPI(addr string, with *certs.API, perAddress int, handshake time.Duration, log hclog.Logger) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	allowed := connectionsAllowed()
	if allowed < connectionsMax {
		log.Info("the API takes fewer connections than it could: the process may not have more files open", "connections", allowed, "instead_of", connectionsMax)
	}
	// Three quarters, so that an address never has all places.
	l = netutil.LimitListener(limitAddresses(l, min(perAddress, max(allowed*3/4, 1)), log.Named("http")), allowed)
	if with == nil {
		return l, nil
	}
	return &tlsListener{Listener: l, config: with.ServerTLS(), timeout: handshake, refusals: &refusals{log: log.Named("http")}}, nil
}

// connectionsAllowed is how many connections the API takes at a time: at most half of
// what the process may have open. Whoever opens connections must not keep the node
// from its log and from the other nodes.
func connectionsAllowed() int {
	files, known := filesAllowed()
	if !known {
		return connectionsMax
	}
	return min(connectionsMax, max(files/2, 1))
}

// peerPort opens the peer port, for each start of the node anew.
type peerPort struct {
	config raftnet.Config
	open   atomic.Pointer[raftnet.Net] // the last one
}

func newPeerPort(c Config, with *certs.Peer) *peerPort {
	p := &peerPort{config: raftnet.Config{Listen: c.PeerListen, Advertise: c.Advertise, Logger: c.Logger,
		Limits: raftnet.Limits{HandshakeTimeout: c.patience.peer}}}
	if with != nil {
		p.config.ServerTLS, p.config.ClientTLS, p.config.PeerName = with.ServerTLS(), with.ClientTLS(), certs.PeerName
		with.OnChange(func() {
			if n := p.open.Load(); n != nil {
				n.Recheck(with.Trusted)
			}
		})
	}
	return p
}

func (p *peerPort) listen() (cluster.Network, error) {
	network, err := raftnet.Listen(p.config)
	if err != nil {
		return nil, fmt.Errorf("peer-listen: %w", err)
	}
	p.open.Store(network)
	return network, nil
}

// loadCerts loads what the two ports need; nil for a port without TLS.
func loadCerts(c Config) (api *certs.API, peer *certs.Peer, err error) {
	if c.TLS.Given() {
		if api, err = certs.OpenAPI(c.TLS, c.Logger); err != nil {
			return nil, nil, err
		}
	}
	if c.PeerTLS.Given() {
		if peer, err = certs.OpenPeer(c.NodeID, c.PeerTLS, c.Logger); err != nil {
			return nil, nil, err
		}
	}
	return api, peer, nil
}

// certificatesOf are the node's own certificates, for its metrics.
func certificatesOf(api *certs.API, peer *certs.Peer) []health.Certificate {
	var all []health.Certificate
	if api != nil {
		all = append(all, health.Certificate{Use: "api", Expiry: api.Ends()})
	}
	if peer != nil {
		all = append(all, health.Certificate{Use: "peer", Expiry: peer.Ends()})
	}
	return all
}

// watchCerts takes in changes of the files until the context ends.
func watchCerts(ctx context.Context, every time.Duration, api *certs.API, peer *certs.Peer) {
	if every == 0 {
		every = certs.PollInterval
	}
	if api != nil {
		go api.Watch(ctx, every)
	}
	if peer != nil {
		go peer.Watch(ctx, every)
	}
}

// urlOf is where other nodes' clients reach the API: where it listens, or at
// the advertised host where it listens everywhere. A certificate should be good for
// it: clients go where a node says that the leader is.
func urlOf(addr net.Addr, advertise string, with *certs.API, log hclog.Logger) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		if host, _, err = net.SplitHostPort(advertise); err != nil {
			return ""
		}
	}
	if with == nil {
		return "http://" + net.JoinHostPort(host, port)
	}
	if err := with.Covers(host); err != nil {
		log.Warn("the API's certificate is not good for where other nodes send clients", "host", host, "error", err)
	}
	return "https://" + net.JoinHostPort(host, port)
}
