// Package health is what machines watch a node by: whether it lives, whether
// it can serve, and its metrics.
//
//   - Live (/healthz) answers 200 as long as the process serves HTTP at all. It
//     says nothing of the cluster: a node without a leader must not be killed.
//   - Ready (/readyz) answers 200 while the node knows a leader and has caught
//     up, and 503 with the reason otherwise.
//   - Metrics (/metrics) counts requests and errors, and reads the sizes and
//     indexes of the node's state whenever it is scraped.
//
// The registry is the caller's: collectors for the Go runtime and the process
// are registered there.
//
// # Known limits
//
// A scrape reads this node's own state (a stale read); nodes that lag show
// older sizes.
package health
