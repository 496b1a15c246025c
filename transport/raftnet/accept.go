package raftnet

import (
	"crypto/tls"
	"errors"
	"net"
	"time"

	"github.com/treenode/treenode/cluster"
)

// accept takes connections until the port is closed.
func (n *Net) accept() {
	defer n.running.Done()
	pause := time.Duration(0)
	for {
		conn, err := n.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			pause = min(max(2*pause, acceptPauseFirst), acceptPauseLongest)
			n.refusals.say(refusedAccept, "peer connections can't be accepted", "error", err)
			select {
			case <-n.ctx.Done():
				return
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		l := n.track(conn)
		if l == nil {
			return
		}
		// A burst of peers may be larger than the limit: the rest waits in the
		// kernel's queue.
		select {
		case n.handshakes <- struct{}{}:
		case <-n.ctx.Done():
			return
		}
		n.running.Add(1)
		go n.receive(l)
	}
}

// receive does the acceptor's part of the handshake and hands the connection
// on.
func (n *Net) receive(l *link) {
	defer n.running.Done()
	p, ok := n.shakeHands(l)
	n.handshakes.leave()
	switch {
	case !ok:
		l.abort()
	case p.kind == kindRaft:
		n.streams.deliver(l)
	default:
		n.serve(l, p.clusterID)
	}
}

// shakeHands returns what the dialer said, and whether it was let in.
func (n *Net) shakeHands(l *link) (preamble, bool) {
	if err := l.SetDeadline(time.Now().Add(n.limits.HandshakeTimeout)); err != nil {
		return preamble{}, false
	}
	if n.config.ServerTLS != nil {
		secured := tls.Server(l.raw, n.config.ServerTLS)
		err := secured.HandshakeContext(n.ctx)
		if err == nil {
			err = n.secured(l, secured, "")
		}
		if err != nil {
			n.failed(l, err)
			return preamble{}, false
		}
	}
	p, err := readPreamble(l)
	var refused *cluster.PeerError
	if err != nil && !errors.As(err, &refused) {
		n.failed(l, err)
		return p, false
	}
	own := *n.clusterID.Load()
	if refused == nil {
		refused = admit(own, p.clusterID, p.kind, 0)
	}
	if own := n.server.Load(); refused == nil && p.kind == kindRaft && own != nil && p.server != *own {
		refused = refusal(cluster.PeerRefused, "this is server %q, not %q", *own, p.server)
	}
	if refused == nil && p.kind == kindRaft && n.streams.stopped() {
		refused = refusal(cluster.PeerNotReady, "Raft has stopped on this node")
	}
	if refused == nil && !n.takePlace(l, p.kind) {
		refused = refusal(cluster.PeerBusy, "this node has too many connections")
	}
	l.greeted(p.kind, p.clusterID)
	if refused != nil {
		reason := refusedOther
		switch refused.Code {
		case cluster.PeerOtherCluster:
			reason = refusedCluster
		case cluster.PeerBusy:
			reason = refusedFull
		default:
		}
		n.refused(reason, l, refused.Message)
	}
	if _, err := l.Write(appendWelcome(nil, refused)); err != nil {
		n.failed(l, err)
		return p, false
	}
	// The id may have changed before the link was known as one of the old id's.
	if refused != nil || admit(*n.clusterID.Load(), p.clusterID, p.kind, 0) != nil {
		return p, false
	}
	return p, l.SetDeadline(time.Time{}) == nil
}

// takePlace takes the place that an accepted connection needs.
func (n *Net) takePlace(l *link, k kind) bool {
	p := n.callConns
	if k == kindRaft {
		p = n.raftStreams
	}
	return l.occupy(p)
}

// failed counts a handshake that came to nothing.
func (n *Net) failed(l *link, err error) {
	switch {
	case errors.Is(err, errSilent), n.isClosed():
	case errors.Is(err, errGarbage):
		n.refused(refusedGarbage, l, "it does not speak the peer protocol")
	default:
		n.refused(refusedHandshake, l, oneLine(err.Error()))
	}
}
