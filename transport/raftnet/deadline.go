package raftnet

import (
	"net"
	"sync"
	"time"
)

// rafts is a stream that Raft has dialed. Raft bounds each message with one
// deadline, whatever its size, and half a megabyte of a snapshot counts as
// little. Over a narrow link a message would be given up while it gets through,
// again and again, and the follower would never have it. So a deadline is put
// off while the peer's kernel confirms bytes, and passes once it has confirmed
// none for as long as the deadline was away when it was set.
type rafts struct {
	*link
	reads, writes deadline
}

func newRafts(l *link) *rafts {
	progress := func() (uint64, time.Duration, bool) { return confirmed(l.raw) }
	return &rafts{
		link:   l,
		reads:  deadline{set: l.Conn.SetReadDeadline, progress: progress},
		writes: deadline{set: l.Conn.SetWriteDeadline, progress: progress},
	}
}

// SetDeadline implements net.Conn.
func (r *rafts) SetDeadline(t time.Time) error {
	if err := r.SetReadDeadline(t); err != nil {
		return err
	}
	return r.SetWriteDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (r *rafts) SetReadDeadline(t time.Time) error { return r.reads.until(t) }

// SetWriteDeadline implements net.Conn.
func (r *rafts) SetWriteDeadline(t time.Time) error { return r.writes.until(t) }

// Close implements net.Conn.
func (r *rafts) Close() error {
	r.reads.stop()
	r.writes.stop()
	return r.link.Close()
}

var _ net.Conn = (*rafts)(nil)

// deadline is one that progress puts off.
type deadline struct {
	// set is that of the connection. It is told a time only when that has
	// come: a write of TLS can't go on after it met one.
	set func(time.Time) error
	// progress is how many bytes the peer has confirmed, and how long ago it
	// confirmed anything. It is false where that is not known.
	progress func() (bytes uint64, ago time.Duration, known bool)

	mu    sync.Mutex
	timer *time.Timer
	// latest tells the timer of the deadline set last from earlier ones.
	latest uint64
	passed bool
	seen   uint64 // bytes confirmed when it was put off last
}

// until sets the deadline. It takes the place of the one before.
func (d *deadline) until(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop()
	if d.passed || t.IsZero() {
		d.passed = false
		if err := d.set(time.Time{}); err != nil {
			return err
		}
	}
	if !t.IsZero() {
		latest, grace := d.latest, time.Until(t)
		d.timer = time.AfterFunc(grace, func() { d.ring(latest, grace) })
	}
	return nil
}

func (d *deadline) ring(latest uint64, grace time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if latest != d.latest {
		return
	}
	// A peer that takes nothing any more still confirms that it lives: the bytes
	// must be more.
	bytes, ago, known := d.progress()
	if known && bytes > d.seen && ago < grace {
		d.seen = bytes
		d.timer = time.AfterFunc(grace-ago, func() { d.ring(latest, grace) })
		return
	}
	d.passed = true
	_ = d.set(time.Unix(1, 0)) // fails where the connection is closed, and so over as well
}

func (d *deadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop()
}

func (d *deadline) drop() {
	d.latest++
	if d.timer != nil {
		d.timer.Stop()
	}
}
