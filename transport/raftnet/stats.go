package raftnet

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Stats are counts since Listen, and gauges, for metrics.
type Stats struct {
	// Refused connections by reason.
	Garbage      uint64 // did not speak the protocol
	Handshakes   uint64 // did not finish the handshake
	OtherCluster uint64
	Full         uint64 // over a limit on connections
	OtherRefused uint64

	CallsAnswered uint64 // refusals included
	CallsBusy     uint64 // of these, refused with cluster.PeerBusy
	CallsPanicked uint64 // of these, the handler panicked
	CallsMade     uint64
	Dialed        uint64 // connections opened to peers

	CallsInFlight int // being answered
	RaftStreams   int // accepted and open
	CallConns     int // accepted and open
}

type counters struct {
	refused                                   [refusedReasons]atomic.Uint64
	answered, busy, panicked, made, connected atomic.Uint64
}

// Stats returns the present counts.
func (n *Net) Stats() Stats {
	c := &n.counters
	return Stats{
		Garbage:       c.refused[refusedGarbage].Load(),
		Handshakes:    c.refused[refusedHandshake].Load(),
		OtherCluster:  c.refused[refusedCluster].Load(),
		Full:          c.refused[refusedFull].Load(),
		OtherRefused:  c.refused[refusedOther].Load(),
		CallsAnswered: c.answered.Load(),
		CallsBusy:     c.busy.Load(),
		CallsPanicked: c.panicked.Load(),
		CallsMade:     c.made.Load(),
		Dialed:        c.connected.Load(),
		CallsInFlight: n.calls.taken(),
		RaftStreams:   n.raftStreams.taken(),
		CallConns:     n.callConns.taken(),
	}
}

// refusedReason is why a connection was turned away.
type refusedReason int

const (
	refusedGarbage refusedReason = iota
	refusedHandshake
	refusedCluster
	refusedFull
	refusedOther
	refusedAccept
	refusedReasons // how many there are
)

// refused counts a connection that is turned away and logs it now and then.
func (n *Net) refused(reason refusedReason, l *link, message string) {
	n.counters.refused[reason].Add(1)
	n.refusals.say(reason, "peer connection refused", "from", l.RemoteAddr().String(), "reason", message)
}

// refusalLog logs one refusal of each reason per interval, so that a port scan
// can't fill the log.
type refusalLog struct {
	log      hclog.Logger
	interval time.Duration
	now      func() time.Time

	mu     sync.Mutex
	next   [refusedReasons]time.Time
	silent [refusedReasons]int
}

func (r *refusalLog) say(reason refusedReason, message string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if now.Before(r.next[reason]) {
		r.silent[reason]++
		return
	}
	r.next[reason] = now.Add(r.interval)
	if r.silent[reason] > 0 {
		args = append(args, "not_logged_before", r.silent[reason])
		r.silent[reason] = 0
	}
	r.log.Warn(message, args...)
}
