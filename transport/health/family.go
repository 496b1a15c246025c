package health

import "github.com/prometheus/client_golang/prometheus"

// family is a metric as it is documented.
type family struct {
	name, kind, help string
	labels           []string
}

// families makes metrics, registers them, and remembers each for the
// documentation.
type families struct {
	registry *prometheus.Registry
	all      []family
	err      error // the first
}

func (f *families) note(kind, name, help string, labels []string) {
	f.all = append(f.all, family{name, kind, help, labels})
}

func (f *families) register(c prometheus.Collector) {
	if err := f.registry.Register(c); err != nil && f.err == nil {
		f.err = err
	}
}

func (f *families) counter(name, help string, labels ...string) *prometheus.CounterVec {
	f.note("counter", name, help, labels)
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	f.register(c)
	if len(labels) == 0 {
		c.WithLabelValues() // it is there from the start, at zero
	}
	return c
}

func (f *families) gauge(name, help string) prometheus.Gauge {
	f.note("gauge", name, help, nil)
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	f.register(g)
	return g
}

func (f *families) gaugeOf(name, help string, labels ...string) *prometheus.GaugeVec {
	f.note("gauge", name, help, labels)
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	f.register(g)
	return g
}

// ready has the series of a counter be there before the first is counted: the
// growth from nothing to one would show in no rate.
func ready(c *prometheus.CounterVec, values ...string) {
	for _, v := range values {
		c.WithLabelValues(v)
	}
}

func (f *families) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	f.note("histogram", name, help, labels)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	f.register(h)
	if len(labels) == 0 {
		h.WithLabelValues()
	}
	return h
}

// pulled is a gauge that is read when it is scraped.
type pulled struct{ desc *prometheus.Desc }

func (f *families) read(name, help string, labels ...string) pulled {
	f.note("gauge", name, help, labels)
	return pulled{prometheus.NewDesc(name, help, labels, nil)}
}

// send hands a value to a scrape.
func (p pulled) send(out chan<- prometheus.Metric, value float64, labels ...string) {
	out <- prometheus.MustNewConstMetric(p.desc, prometheus.GaugeValue, value, labels...)
}
