package raftnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
)

func TestCallsBothWays(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		nets := []*Net{listen(t, "c", secure), listen(t, "c", secure), listen(t, "c", secure)}
		for _, n := range nets {
			n.Serve(handlerFunc(echo))
		}
		bodies := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("y"), callBufferLen), bytes.Repeat([]byte("z"), cluster.CallBytesMax-1)}
		for i, from := range nets {
			for j, to := range nets { // itself included
				for k, body := range bodies {
					verb := cluster.Verb(1 + (i+j+k)%7)
					got, err := from.Call(soon(t), to.Addr(), verb, body)
					if err != nil {
						t.Fatal(err)
					}
					if len(got) != 1+len(body) || got[0] != byte(verb) || !bytes.Equal(got[1:], body) {
						t.Fatalf("a body of %d bytes came back as %d bytes", len(body), len(got))
					}
				}
			}
		}
		for _, n := range nets {
			if s := n.Stats(); s.Dialed != 3 || s.CallsMade != 12 || s.CallsAnswered != 12 || s.CallConns != 3 {
				t.Errorf("connections are not kept: %+v", s)
			}
		}
	})
}

func TestOversize(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	b.Serve(handlerFunc(func(_ context.Context, _ cluster.Verb, body []byte) ([]byte, error) {
		return append(body, 'x'), nil
	}))
	_, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, make([]byte, cluster.CallBytesMax+1))
	wantPeerError(t, err, cluster.PeerTooLarge)
	if s := a.Stats(); s.CallsMade != 0 || s.Dialed != 0 {
		t.Errorf("it was sent: %+v", s)
	}
	// The largest request, whose answer is one byte too long.
	_, err = a.Call(soon(t), b.Addr(), cluster.VerbForward, make([]byte, cluster.CallBytesMax))
	wantPeerError(t, err, cluster.PeerInternal)
	if got, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, []byte("a")); err != nil || string(got) != "ax" {
		t.Errorf("%q, %v", got, err)
	}
	if s := a.Stats(); s.Dialed != 1 {
		t.Errorf("the connection did not survive: %+v", s)
	}
}

func TestHandlerErrors(t *testing.T) {
	noLeaks(t)
	var log buffer
	a, b := listen(t, "c"), listen(t, "c", log.logger)
	long := strings.Repeat("ä", messageLenMax)
	cases := []struct {
		name    string
		handler handlerFunc
		code    cluster.PeerCode
		message string
	}{
		{"a refusal", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return nil, &cluster.PeerError{Code: cluster.PeerNotLeader, Message: "not me"}
		}, cluster.PeerNotLeader, "not me"},
		{"a wrapped refusal", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return nil, fmt.Errorf("so: %w", &cluster.PeerError{Code: cluster.PeerOutcome, Message: "who knows"})
		}, cluster.PeerOutcome, "who knows"},
		{"a refusal without a code", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return nil, &cluster.PeerError{Message: "hm"}
		}, cluster.PeerInternal, "hm"},
		{"an error", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return []byte("ignored"), errors.New("broken")
		}, cluster.PeerInternal, "broken"},
		{"a long message", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return nil, errors.New("1" + long)
		}, cluster.PeerInternal, "1" + long[:messageLenMax-2]},
		{"a message with control characters", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			return nil, errors.New("a\x1b[2Jb\xff")
		}, cluster.PeerInternal, "a\ufffd[2Jb\ufffd"},
		{"a panic", func(context.Context, cluster.Verb, []byte) ([]byte, error) {
			panic("at the disco")
		}, cluster.PeerInternal, "call 2 panicked: at the disco"},
		{"a panic with an error", func(_ context.Context, _ cluster.Verb, body []byte) ([]byte, error) {
			return []byte{body[len(body)]}, nil
		}, cluster.PeerInternal, "call 2 panicked: runtime error: index out of range [1] with length 1"},
	}
	for _, c := range cases {
		b.Serve(c.handler)
		_, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, []byte("x"))
		if refused := wantPeerError(t, err, c.code); refused.Message != c.message {
			t.Errorf("%s: got %q", c.name, refused.Message)
		}
	}
	b.Serve(handlerFunc(echo))
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, nil); err != nil {
		t.Error(err)
	}
	if s := a.Stats(); s.Dialed != 1 {
		t.Errorf("the connection did not survive: %+v", s)
	}
	if s := b.Stats(); s.CallsPanicked != 2 || s.CallsInFlight != 0 {
		t.Errorf("%+v", s)
	}
	if got := log.String(); strings.Count(got, "panicked") != 2 || !strings.Contains(got, "call_test.go") {
		t.Errorf("the log does not say where it panicked: %s", got)
	}
}

// TestHandlerEndsItsGoroutine: as t.FailNow does.
func TestHandlerEndsItsGoroutine(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	b.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		runtime.Goexit()
		return nil, nil
	}))
	_, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, nil)
	wantCallError(t, err, true)
	eventually(t, "its place is free", func() bool { return b.Stats().CallsInFlight == 0 })
}

func TestNotServing(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	for _, verb := range []cluster.Verb{cluster.VerbHello, cluster.VerbForward} {
		_, err := a.Call(soon(t), b.Addr(), verb, []byte("body"))
		wantPeerError(t, err, cluster.PeerNotReady)
	}
	b.Serve(handlerFunc(echo))
	if got, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, []byte("!")); err != nil || string(got) != "\x01!" {
		t.Errorf("%q, %v", got, err)
	}
	_, err := a.Call(soon(t), b.Addr(), 0, nil)
	wantPeerError(t, err, cluster.PeerBadRequest)
}

func TestDeadlineIsPassedOn(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	type seen struct {
		deadline time.Time
		ok       bool
	}
	saw := make(chan seen, 1)
	b.Serve(handlerFunc(func(ctx context.Context, _ cluster.Verb, _ []byte) ([]byte, error) {
		deadline, ok := ctx.Deadline()
		saw <- seen{deadline, ok}
		return nil, nil
	}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := ctx.Deadline()
	if _, err := a.Call(ctx, b.Addr(), cluster.VerbForward, nil); err != nil {
		t.Fatal(err)
	}
	if got := take(t, saw); !got.ok || got.deadline.Before(want.Add(-time.Millisecond)) || got.deadline.After(want.Add(10*time.Second)) {
		t.Errorf("the handler's deadline is %v, the caller's %v", got, want)
	}
	if _, err := a.Call(context.Background(), b.Addr(), cluster.VerbForward, nil); err != nil {
		t.Fatal(err)
	}
	if got := take(t, saw); got.ok {
		t.Errorf("a call without a deadline has %v", got.deadline)
	}
}

func TestContextEnds(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		a, b := listen(t, "c", secure), listen(t, "c", secure)
		started, ended := make(chan struct{}, 1), make(chan error, 1)
		b.Serve(handlerFunc(func(ctx context.Context, verb cluster.Verb, _ []byte) ([]byte, error) {
			if verb == cluster.VerbHello {
				return nil, nil
			}
			started <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		}))

		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-started
			cancel()
		}()
		_, err := a.Call(ctx, b.Addr(), cluster.VerbForward, nil)
		if failed := wantCallError(t, err, true); !errors.Is(failed, context.Canceled) || failed.Addr != b.Addr() {
			t.Error(err)
		}
		if err := take(t, ended); !errors.Is(err, context.Canceled) {
			t.Errorf("the handler's context: %v", err)
		}

		// Over already: nothing is sent.
		_, err = a.Call(ctx, b.Addr(), cluster.VerbForward, nil)
		if failed := wantCallError(t, err, false); !errors.Is(failed, context.Canceled) {
			t.Error(err)
		}

		// The deadline passes while the peer works. Either side may notice first.
		// There is a connection already, so the call is sent at once.
		if _, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
			t.Fatal(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		_, err = a.Call(ctx, b.Addr(), cluster.VerbForward, nil)
		var refused *cluster.PeerError
		if !errors.As(err, &refused) {
			if failed := wantCallError(t, err, true); !errors.Is(failed, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		take(t, started)
		take(t, ended)
	})
}

func TestUnreachable(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, addr := range []string{gone.Addr().String(), "no port", "", "127.0.0.1:99999"} {
		_, err := a.Call(soon(t), addr, cluster.VerbHello, nil)
		if failed := wantCallError(t, err, false); failed.Addr != addr {
			t.Errorf("%q: %v", addr, err)
		}
		_, err = a.Raft().Dial("x", time.Second)
		wantCallError(t, err, false)
	}

	// Listens, never answers.
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err = a.Call(ctx, mute.Addr().String(), cluster.VerbHello, nil)
	if failed := wantCallError(t, err, false); !errors.Is(failed, context.DeadlineExceeded) {
		t.Error(err)
	}
	hasty := listen(t, "c", func(c *Config) { c.Limits.HandshakeTimeout = 20 * time.Millisecond })
	_, err = hasty.Call(context.Background(), mute.Addr().String(), cluster.VerbHello, nil)
	if failed := wantCallError(t, err, false); errors.Is(failed, context.DeadlineExceeded) || !errors.Is(failed, errHandshakeTimeout) {
		t.Error(err)
	}
	_, err = a.Raft().Dial("127.0.0.1:1", 20*time.Millisecond)
	wantCallError(t, err, false)
	start := time.Now()
	_, err = a.raftDial(mute.Addr().String(), 20*time.Millisecond)
	wantCallError(t, err, false)
	if took := time.Since(start); took > patience/2 {
		t.Errorf("dialing took %v", took)
	}
	if len(a.pool.peers) != 0 {
		t.Errorf("%d addresses are remembered", len(a.pool.peers))
	}
}

func TestManyCalls(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		noLeaks(t)
		const calls = 200
		a, b := listen(t, "c", secure), listen(t, "c", secure)
		all, release := make(chan struct{}, calls), make(chan struct{})
		b.Serve(handlerFunc(func(_ context.Context, _ cluster.Verb, body []byte) ([]byte, error) {
			all <- struct{}{}
			<-release
			return body, nil
		}))
		var callers sync.WaitGroup
		for i := range calls {
			callers.Go(func() {
				body := bytes.Repeat(fmt.Append(nil, i), 1+i*7)
				got, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, body)
				if err != nil || !bytes.Equal(got, body) {
					t.Errorf("call %d: %d bytes, %v", i, len(got), err)
				}
			})
		}
		for range calls { // all of them at the same time
			take(t, all)
		}
		if got := b.Stats().CallsInFlight; got != calls {
			t.Errorf("%d calls in flight", got)
		}
		close(release)
		callers.Wait()
		if s := a.Stats(); s.CallsMade != calls || s.Dialed > calls {
			t.Errorf("%+v", s)
		}
	})
}

func TestBusy(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	b := listen(t, "c", func(c *Config) {
		c.Limits.CallsMax = 3
		c.Limits.CallBytesInFlightMax = cluster.CallBytesMax + 100
	})
	started, release := make(chan struct{}), make(chan struct{})
	b.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		started <- struct{}{}
		<-release
		return nil, nil
	}))
	var callers sync.WaitGroup
	begin := func(size int) {
		callers.Go(func() {
			if _, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, make([]byte, size)); err != nil {
				t.Error(err)
			}
		})
		take(t, started)
	}
	begin(cluster.CallBytesMax)
	_, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, make([]byte, 101))
	wantPeerError(t, err, cluster.PeerBusy)
	begin(50)
	begin(50)
	for range 3 {
		_, err = a.Call(soon(t), b.Addr(), cluster.VerbForward, []byte("body"))
		wantPeerError(t, err, cluster.PeerBusy)
	}
	if s := b.Stats(); s.CallsBusy != 4 || s.CallsInFlight != 3 {
		t.Errorf("%+v", s)
	}
	close(release)
	callers.Wait()
	if s := a.Stats(); s.Dialed > 4 {
		t.Errorf("refused calls cost connections: %+v", s)
	}
	// A call that is answered has left its place.
	quick := listen(t, "c", func(c *Config) { c.Limits.CallsMax = 1 })
	quick.Serve(handlerFunc(echo))
	for range 100 {
		if _, err := a.Call(soon(t), quick.Addr(), cluster.VerbForward, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.callBytes.Load(); got != 0 {
		t.Errorf("%d bytes are still accounted for", got)
	}
}

func TestCloseWithCallsInFlight(t *testing.T) {
	eachTransport(t, func(t *testing.T, secure func(*Config)) {
		for _, who := range []string{"caller", "peer"} {
			t.Run(who, func(t *testing.T) {
				noLeaks(t)
				a, b := listen(t, "c", secure), listen(t, "c", secure)
				const calls = 20
				started := make(chan struct{}, calls)
				b.Serve(handlerFunc(func(ctx context.Context, _ cluster.Verb, _ []byte) ([]byte, error) {
					started <- struct{}{}
					<-ctx.Done()
					return []byte("too late"), nil
				}))
				results := make(chan error, calls)
				for range calls {
					go func() {
						_, err := a.Call(soon(t), b.Addr(), cluster.VerbForward, nil)
						results <- err
					}()
				}
				for range calls {
					take(t, started)
				}
				closing := b
				if who == "caller" {
					closing = a
				}
				if err := closing.Close(); err != nil {
					t.Error(err)
				}
				for range calls {
					failed := wantCallError(t, take(t, results), true)
					if who == "caller" && !errors.Is(failed, ErrClosed) {
						t.Error(failed)
					}
				}
			})
		}
	})
}
