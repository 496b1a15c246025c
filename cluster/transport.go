package cluster

import (
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// slowHeartbeats is a network transport without the fast path for heartbeats.
// On that path a heartbeat raises the term from the transport's goroutine
// while the leader's loop still appends: a deposed leader then stamps entries
// with a term it never won (hashicorp/raft issue 695). Without it, heartbeats
// take their turn in Raft's own loop.
type slowHeartbeats struct{ *raft.NetworkTransport }

// SetHeartbeatHandler ignores the handler, which is what turns the path off.
func (slowHeartbeats) SetHeartbeatHandler(func(raft.RPC)) {}

// peersPooled is how many idle connections are kept to each peer.
const peersPooled = 3

func newTransport(n Network, timeout time.Duration, log hclog.Logger) slowHeartbeats {
	return slowHeartbeats{raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream:  n.Raft(),
		MaxPool: peersPooled,
		Timeout: timeout,
		Logger:  log.Named("transport"),
	})}
}
