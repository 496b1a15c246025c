package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/treenode/treenode/transport/certs"
	"github.com/treenode/treenode/transport/health"
)

// newMetrics makes the metrics of the process. They are there before the node, which
// tells them what it does; see health.Metrics.Watch.
func newMetrics(version string, k *keys) (*health.Metrics, error) {
	registry := prometheus.NewRegistry()
	m, err := health.NewMetrics(registry, nil)
	if err != nil {
		return nil, err
	}
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if k != nil {
		registry.MustRegister(k)
	}
	m.Build(version)
	return m, nil
}

// certificatesOf are the certificates in use; either may be nil.
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
