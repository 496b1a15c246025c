package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

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
