package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm"
)

// heldGatherer is a gatherer whose groups are under way until let go.
type heldGatherer struct {
	*gatherer
	groups chan []*proposal
	stop   func()
}

func holdGatherer(t *testing.T) heldGatherer {
	t.Helper()
	stopped, groups := make(chan struct{}), make(chan []*proposal, 1)
	h := heldGatherer{groups: groups, stop: sync.OnceFunc(func() { close(stopped) })}
	h.gatherer = gather(1, stopped, func(group []*proposal, _ func()) {
		for _, p := range group {
			if len(p.command) == 0 {
				panic("a command that its caller took back was sent")
			}
		}
		groups <- group // its slot is never free again
	})
	t.Cleanup(h.stop)
	return h
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

func wantCode(t *testing.T, err error, code Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("the error is %v, want %s", err, code)
	}
}

// fill puts commands into a queue whose gatherer has one group under way and one in
// its hand, until there is no room for one more.
func (h heldGatherer) fill(ctx context.Context, t *testing.T, command []byte) (waiting []*proposal) {
	t.Helper()
	for _, what := range []string{"one is under way", "one has to wait for that"} {
		if _, err := h.enqueue(ctx, command, nil); err != nil {
			t.Fatal(err)
		}
		eventually(t, what, func() bool { return len(h.groups) == 1 && h.waiting.held.Load() == 0 })
	}
	for {
		p, err := h.enqueue(ctx, command, nil)
		if err != nil {
			wantCode(t, err, CodeBusy)
			return waiting
		}
		waiting = append(waiting, p)
	}
}

// While the leader is held, no more bytes wait than may; those that are given up
// make room at once, although their places in the queue are not free.
func TestQueueIsBoundedByBytes(t *testing.T) {
	h := holdGatherer(t)
	command := make([]byte, commandBytesMax)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := h.fill(ctx, t, command)
	if want := queueBytesMax / commandBytesMax; len(waiting) != want {
		t.Errorf("%d of the largest commands wait, want %d", len(waiting), want)
	}
	if held := h.waiting.held.Load(); held != int64(len(waiting))*commandBytesMax {
		t.Errorf("%d bytes are held for %d commands", held, len(waiting))
	}
	rest := make([]byte, queueBytesMax-len(waiting)*commandBytesMax)
	last, err := h.enqueue(ctx, rest, nil)
	if err != nil {
		t.Fatalf("one that just fits: %v", err)
	}
	if _, err := h.enqueue(ctx, []byte{1}, nil); err == nil {
		t.Error("a byte more was taken")
	} else {
		wantCode(t, err, CodeBusy)
	}
	cancel()
	for _, p := range append(waiting, last) {
		_, err := h.await(ctx, p)
		wantCode(t, err, CodeDeadline)
		if p.command != nil {
			t.Fatal("a command that was given up is kept")
		}
	}
	if held := h.waiting.held.Load(); held != 0 {
		t.Errorf("%d bytes are held for none", held)
	}
	if again, err := h.enqueue(t.Context(), command, nil); err != nil || h.waiting.held.Load() != int64(again.size()) {
		t.Errorf("%v, %d bytes are held for one", err, h.waiting.held.Load())
	}
}

// A stop gives back the bytes of all that wait.
func TestStoppedQueueHoldsNothing(t *testing.T) {
	h := holdGatherer(t)
	waiting := h.fill(t.Context(), t, make([]byte, commandBytesMax))
	h.stop()
	for _, p := range waiting {
		_, err := h.await(t.Context(), p)
		wantCode(t, err, CodeStopping)
	}
	if held := h.waiting.held.Load(); held != 0 {
		t.Errorf("%d bytes are held after a stop", held)
	}
}

// A full queue that refuses for the number keeps no bytes of what it refused.
func TestQueueFullByNumberHoldsNoMore(t *testing.T) {
	h := holdGatherer(t)
	waiting := h.fill(t.Context(), t, []byte{1})
	if held := h.waiting.held.Load(); len(waiting) != queueMax || held != queueMax {
		t.Errorf("%d commands wait, with %d bytes", len(waiting), held)
	}
}

// Whatever becomes of commands, their bytes are given back once: callers that come,
// are answered, refused, or give up at any moment, and a stop in between.
func TestQueueAccountsExactly(t *testing.T) {
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any will do
	t.Logf("seed %d", seed)
	stopped := make(chan struct{})
	g := gather(2, stopped, func(group []*proposal, release func()) {
		go func() {
			defer release()
			for _, p := range group {
				p.done <- proposed{result: fsm.Result{}}
			}
		}()
	})
	g.waiting.most = 1 << 20 // no command waits yet; the first one orders this before it
	text := make([]byte, commandBytesMax)
	var callers sync.WaitGroup
	codes := make([]map[Code]int, 8)
	for i := range codes {
		codes[i] = map[Code]int{}
		random := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // a test's
		callers.Go(func() {
			for n := range 200 {
				if i == 0 && n == 180 {
					close(stopped)
				}
				var some sync.WaitGroup
				var mu sync.Mutex
				for range 8 {
					command := text[:1+random.IntN(commandBytesMax/4)]
					ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(300))*time.Microsecond)
					from := &source{roles: []string{fmt.Sprint(n)}}
					some.Go(func() {
						defer cancel()
						_, err := g.submit(ctx, command, from)
						var e *Error
						mu.Lock()
						defer mu.Unlock()
						if errors.As(err, &e) {
							codes[i][e.Code]++
						} else {
							codes[i][""]++
						}
					})
				}
				some.Wait()
			}
		})
	}
	callers.Wait()
	all := map[Code]int{}
	for _, c := range codes {
		for code, n := range c {
			all[code] += n
		}
	}
	t.Log(all)
	if all[""] == 0 || all[CodeDeadline]+all[CodeBusy] == 0 || all[CodeStopping] == 0 {
		t.Errorf("not everything happened: %v", all)
	}
	if held := g.waiting.held.Load(); held != 0 {
		t.Errorf("%d bytes are held for none", held)
	}
}
