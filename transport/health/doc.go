// Package health is what machines watch a node by: whether it lives, whether
// it can serve, and its metrics.
//
//   - Live (/healthz) answers 200 as long as the process serves HTTP at all. It
//     says nothing of the cluster: a node without a leader must not be killed.
//   - Ready (/readyz) answers 200 while the node knows a leader and has caught
//     up, and 503 with the reason otherwise.
//   - Metrics (/metrics) counts requests and errors and what the node says that it
//     does (cluster.Event), and reads the rest from the node's state whenever it is
//     scraped.
//
// Every metric is in docs/monitoring/metrics.md, which a test compares with this
// package both ways. Names follow Prometheus' conventions: base units, _total for
// counters, _timestamp_seconds for instants.
//
// The number of time series is bounded: routes by the APIs' tables, codes and
// reasons by their lists, members by the size of a cluster, resource classes by
// classesMax.
//
// A scrape costs the same however large the state is, but for the sums by resource
// class: those walk all providers. They are made beside the scrape, when the state
// has changed, at most every capacityEvery and at most for a hundredth of the time;
// until they are there the ones before show, and their age.
//
// The registry is the caller's: collectors for the Go runtime and the process
// are registered there.
//
// # Known limits
//
// A scrape reads this node's own state (a stale read); nodes that lag show
// older sizes.
package health
