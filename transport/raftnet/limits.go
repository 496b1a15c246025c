package raftnet

import (
	"fmt"
	"time"

	"github.com/treenode/treenode/cluster"
)

// Limits bound what peers, and strangers, can make a node hold. A zero field
// takes its value from DefaultLimits.
type Limits struct {
	// HandshakesMax is how many accepted connections may be in their
	// handshake; more have to wait. It is apart from the other two, so that
	// strangers can't use up the places of peers.
	HandshakesMax int
	// RaftStreamsMax is how many Raft streams may be accepted at a time.
	RaftStreamsMax int
	// CallConnsMax is how many call connections may be accepted at a time.
	CallConnsMax int

	// HandshakeTimeout bounds the handshake, for each side.
	HandshakeTimeout time.Duration
	// CallIdleTimeout is how long the dialer keeps a call connection that
	// carries no call. The acceptor keeps it for twice as long, so that it is
	// not the acceptor who closes a connection that is about to be used.
	CallIdleTimeout time.Duration
	// CallReadTimeout bounds how long a request may take to arrive after its
	// first byte.
	CallReadTimeout time.Duration
	// CallWriteTimeout bounds how long an answer may take to be taken.
	CallWriteTimeout time.Duration

	// CallsMax is how many calls are answered at a time. One more is
	// answered cluster.PeerBusy.
	CallsMax int
	// CallBytesInFlightMax bounds the requests that are held at a time, in
	// bytes. One more is answered cluster.PeerBusy. It must be at least
	// cluster.CallBytesMax.
	CallBytesInFlightMax int
	// CallsPerPeerMax is how many calls to one peer are made at a time, each on
	// its own connection. One more waits for its turn.
	CallsPerPeerMax int
	// DialsPerPeerMax is how many connections to one peer are opened at a time.
	// One more call waits for one of these, or for a connection that becomes
	// idle, whichever comes first.
	DialsPerPeerMax int
	// IdleConnsPerPeerMax is how many connections to one peer are kept for the
	// next calls.
	IdleConnsPerPeerMax int

	// CloseTimeout is how long Close waits for handlers that run on after
	// their context has ended.
	CloseTimeout time.Duration

	// LogInterval is how long a kind of refusal is not logged again.
	LogInterval time.Duration
}

// DefaultLimits suit a cluster of up to nine nodes.
func DefaultLimits() Limits {
	return Limits{
		HandshakesMax:        256,
		RaftStreamsMax:       256,
		CallConnsMax:         4096,
		HandshakeTimeout:     5 * time.Second,
		CallIdleTimeout:      90 * time.Second,
		CallReadTimeout:      10 * time.Second,
		CallWriteTimeout:     10 * time.Second,
		CallsMax:             2048,
		CallBytesInFlightMax: 256 << 20,
		CallsPerPeerMax:      512,
		DialsPerPeerMax:      16,
		IdleConnsPerPeerMax:  512,
		CloseTimeout:         2 * time.Second,
		LogInterval:          time.Minute,
	}
}

// Bounds that are part of the protocol.
const (
	clusterIDLenMax = 128  // bytes
	serverIDLenMax  = 128  // bytes
	messageLenMax   = 1024 // bytes of a refusal's text
)

// keepAlive* find a peer that is gone without a word within about 25 seconds.
const (
	keepAliveIdle     = 10 * time.Second
	keepAliveInterval = 5 * time.Second
	keepAliveCount    = 3
)

// acceptPause* bound the pause after a failed accept, for instance when the
// process is out of file descriptors.
const (
	acceptPauseFirst   = 5 * time.Millisecond
	acceptPauseLongest = time.Second
)

// withDefaults returns l with its zero fields filled in, or an error that names
// the field at fault.
func (l Limits) withDefaults() (Limits, error) {
	d := DefaultLimits()
	for _, f := range []struct {
		name     string
		v        *int
		fallback int
	}{
		{"HandshakesMax", &l.HandshakesMax, d.HandshakesMax},
		{"RaftStreamsMax", &l.RaftStreamsMax, d.RaftStreamsMax},
		{"CallConnsMax", &l.CallConnsMax, d.CallConnsMax},
		{"CallsMax", &l.CallsMax, d.CallsMax},
		{"CallBytesInFlightMax", &l.CallBytesInFlightMax, d.CallBytesInFlightMax},
		{"CallsPerPeerMax", &l.CallsPerPeerMax, d.CallsPerPeerMax},
		{"DialsPerPeerMax", &l.DialsPerPeerMax, d.DialsPerPeerMax},
		{"IdleConnsPerPeerMax", &l.IdleConnsPerPeerMax, d.IdleConnsPerPeerMax},
	} {
		if *f.v < 0 {
			return l, fmt.Errorf("limit %s is negative: %d", f.name, *f.v)
		}
		if *f.v == 0 {
			*f.v = f.fallback
		}
	}
	for _, f := range []struct {
		name     string
		v        *time.Duration
		fallback time.Duration
	}{
		{"HandshakeTimeout", &l.HandshakeTimeout, d.HandshakeTimeout},
		{"CallIdleTimeout", &l.CallIdleTimeout, d.CallIdleTimeout},
		{"CallReadTimeout", &l.CallReadTimeout, d.CallReadTimeout},
		{"CallWriteTimeout", &l.CallWriteTimeout, d.CallWriteTimeout},
		{"CloseTimeout", &l.CloseTimeout, d.CloseTimeout},
		{"LogInterval", &l.LogInterval, d.LogInterval},
	} {
		if *f.v < 0 {
			return l, fmt.Errorf("limit %s is negative: %v", f.name, *f.v)
		}
		if *f.v == 0 {
			*f.v = f.fallback
		}
	}
	if l.CallBytesInFlightMax < cluster.CallBytesMax {
		return l, fmt.Errorf("limit CallBytesInFlightMax is %d bytes, less than one call may have (%d)", l.CallBytesInFlightMax, cluster.CallBytesMax)
	}
	return l, nil
}
