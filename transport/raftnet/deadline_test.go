package raftnet

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline passes when no byte was confirmed for as long as it was away, not
// before, and at most one such time later.
func TestDeadline(t *testing.T) {
	const grace = 5 * time.Second
	for name, c := range map[string]struct {
		until time.Duration // when the peer confirms its last byte, one a millisecond
		alive bool          // it goes on to confirm that it is there
		blind bool          // nothing is known of it
		want  time.Duration
	}{
		"silent":            {want: grace},
		"takes a while":     {until: 12 * time.Second, want: 17 * time.Second},
		"short":             {until: time.Second, want: 6 * time.Second},
		"takes no more":     {until: 12 * time.Second, alive: true, want: 20 * time.Second},
		"nothing known":     {until: time.Minute, blind: true, want: grace},
		"takes for a while": {until: time.Hour, want: time.Hour + grace},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				passed := make(chan time.Duration, 1)
				d := deadline{
					set: func(at time.Time) error {
						if !at.IsZero() {
							passed <- time.Since(begin)
						}
						return nil
					},
					progress: func() (uint64, time.Duration, bool) {
						last := min(time.Since(begin), c.until)
						ago := time.Since(begin) - last
						if c.alive {
							ago = 0
						}
						return uint64(last / time.Millisecond), ago, !c.blind //nolint:gosec // not negative
					},
				}
				if err := d.until(begin.Add(grace)); err != nil {
					t.Fatal(err)
				}
				if got := <-passed; got != c.want {
					t.Errorf("it passed after %v, want %v", got, c.want)
				}
			})
		})
	}
}

// A deadline is taken back, and replaced.
func TestDeadlineSetAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at time.Time
		d := deadline{
			set:      func(t time.Time) error { at = t; return nil },
			progress: func() (uint64, time.Duration, bool) { return 0, 0, true },
		}
		for _, c := range []struct {
			set    time.Duration // from now; 0 for none
			wait   time.Duration
			passes bool
		}{
			{2 * time.Second, time.Second, false},
			{0, time.Minute, false},
			{2 * time.Second, 3 * time.Second, true},
			{2 * time.Second, time.Second, false},
			{2 * time.Second, 1500 * time.Millisecond, false}, // later than the one before
			{-time.Second, time.Millisecond, true},
			{0, time.Millisecond, false},
		} {
			var until time.Time
			if c.set != 0 {
				until = time.Now().Add(c.set)
			}
			if err := d.until(until); err != nil {
				t.Fatal(err)
			}
			time.Sleep(c.wait)
			synctest.Wait()
			if d.mu.Lock(); at.IsZero() == c.passes {
				t.Errorf("%+v: the connection has the deadline %v", c, at)
			}
			d.mu.Unlock()
		}
		d.stop()
	})
}

// What a peer takes slowly gets through, though it takes longer than the
// deadline. A peer that takes nothing ends it.
func TestSlowStream(t *testing.T) {
	if _, _, known := confirmedOf(t); !known {
		t.Skip("this system does not tell what a peer has confirmed")
	}
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		a, b := listen(t, "c", secure), listen(t, "c", secure)
		near, far := mustDial(t, a, b)
		const grace, size, step = time.Second, 12 << 20, 32 << 10
		taken := make(chan error, 1)
		go func() {
			for left := size; left > 0; left -= step {
				if _, err := io.CopyN(io.Discard, far, step); err != nil {
					taken <- err
					return
				}
				time.Sleep(5 * time.Millisecond) // how slow it is
			}
			_, err := far.Write([]byte{1})
			taken <- err
		}()
		begin := time.Now()
		if err := near.SetDeadline(begin.Add(grace)); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Write(make([]byte, size)); err != nil {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if _, err := near.Read(make([]byte, 1)); err != nil {
			t.Fatalf("after %v: %v", time.Since(begin), err)
		}
		if err := take(t, taken); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begin); took < grace {
			t.Fatalf("it took %v, which says nothing about a deadline of %v", took, grace)
		}
		if err := near.SetDeadline(time.Now().Add(grace)); err != nil {
			t.Fatal(err)
		}
		if n, err := near.Write(make([]byte, 4*size)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("to a peer that takes nothing: %d bytes, %v", n, err)
		}
	})
}

// confirmedOf asks about a connection of this machine.
func confirmedOf(t *testing.T) (uint64, time.Duration, bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test goes on without
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close() //nolint:errcheck // the test goes on without
	return confirmed(c)
}
