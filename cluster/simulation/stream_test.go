package simulation

import (
	"cmp"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// address is where a node is in the network.
type address string

func (address) Network() string  { return "simulated" }
func (a address) String() string { return string(a) }

// segment is what one Write put on its way.
type segment struct {
	at   time.Time // not there earlier
	data []byte
	end  bool // the writer has closed
}

// way is one direction of a connection. Like TCP it keeps the order, and what is
// under way while the link is cut arrives when it is not.
type way struct {
	network  *network
	from, to string

	mu       sync.Mutex
	segments []segment
	deadline time.Time // of reads
	failure  error     // of reads and writes
	changed  chan struct{}
}

func newWay(n *network, from, to string) *way {
	return &way{network: n, from: from, to: to, changed: make(chan struct{})}
}

// edit changes the way and wakes its reader.
func (w *way) edit(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *way) fail(err error) {
	w.edit(func() {
		if w.failure == nil {
			w.failure = err
		}
	})
}

func (w *way) write(s segment) (err error) {
	s.at = time.Now().Add(w.network.delay(w.to))
	w.edit(func() {
		if err = w.failure; err != nil {
			return
		}
		if n := len(w.segments); n > 0 && s.at.Before(w.segments[n-1].at) {
			s.at = w.segments[n-1].at
		}
		w.segments = append(w.segments, s)
	})
	return err
}

func (w *way) read(b []byte) (int, error) {
	for {
		relinked := w.network.relinked()
		n, wait, changed, err := w.take(b)
		if n > 0 || err != nil {
			return n, err
		}
		t := time.NewTimer(cmp.Or(wait, time.Hour))
		select {
		case <-t.C:
		case <-changed:
		case <-relinked:
		}
		t.Stop()
	}
}

// take reads what has arrived, or says how long nothing will: 0 is for ever,
// unless something changes.
func (w *way) take(b []byte) (n int, wait time.Duration, changed <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch {
	case w.failure != nil:
		return 0, 0, nil, w.failure
	case !w.deadline.IsZero() && !now.Before(w.deadline):
		return 0, 0, nil, os.ErrDeadlineExceeded
	case !w.deadline.IsZero():
		wait = w.deadline.Sub(now)
	}
	if len(w.segments) > 0 && w.network.linked(w.from, w.to) {
		s := &w.segments[0]
		switch early := s.at.Sub(now); {
		case early > 0 && (wait == 0 || early < wait):
			wait = early
		case early > 0:
		case s.end:
			return 0, 0, nil, io.EOF
		default:
			n = copy(b, s.data)
			if s.data = s.data[n:]; len(s.data) == 0 {
				w.segments = w.segments[1:]
			}
		}
	}
	return n, wait, w.changed, nil
}

// stream is one end of a connection.
type stream struct {
	in, out *way
	closing sync.Once
}

func connect(n *network, from, to string) (*stream, *stream) {
	there, back := newWay(n, from, to), newWay(n, to, from)
	return &stream{in: back, out: there}, &stream{in: there, out: back}
}

func (s *stream) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return s.in.read(b)
}

func (s *stream) Write(b []byte) (int, error) {
	if err := s.out.write(segment{data: append([]byte(nil), b...)}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close lets the other end read what was written before.
func (s *stream) Close() error {
	s.closing.Do(func() {
		_ = s.out.write(segment{end: true}) // it may be reset
		s.in.fail(net.ErrClosed)
	})
	return nil
}

// reset breaks both ends at once.
func (s *stream) reset() {
	s.in.fail(syscall.ECONNRESET)
	s.out.fail(syscall.ECONNRESET)
}

func (s *stream) LocalAddr() net.Addr  { return address(s.out.from) }
func (s *stream) RemoteAddr() net.Addr { return address(s.out.to) }

func (s *stream) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }
func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.edit(func() { s.in.deadline = t })
	return nil
}
func (s *stream) SetWriteDeadline(time.Time) error { return nil } // writes never wait
