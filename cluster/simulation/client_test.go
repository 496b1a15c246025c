package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
)

// between draws a time.
func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}

// pick returns a node that is up, or nil.
func (h *history) pick(random *rand.Rand) (*cluster.Node, string) {
	s := h.nodes[random.IntN(len(h.nodes))]
	return s.node.Load(), s.config.NodeID
}

// patienceOf draws how long a client waits for an answer: mostly not long, so
// that it asks another node while the first still believes something.
func (h *history) patienceOf(random *rand.Rand) time.Duration {
	if random.IntN(4) == 0 {
		return between(random, time.Second, 4*time.Second)
	}
	return between(random, 20*time.Millisecond, 400*time.Millisecond)
}

var errDown = errors.New("the node is down")

// client proposes and reads until the history heals. What has no outcome by
// then is learned at the end.
func (h *history) client(number int, first *cluster.View) {
	random := h.random(100 + uint64(number)) //nolint:gosec // small
	session := first.Index
	for n := int64(1); !h.healing.Load(); n++ {
		if number < writers && random.IntN(2) == 0 {
			w := &write{client: number, register: random.IntN(registers), value: firstTotal + n*clients + int64(number)}
			w.command = writeOf(requestID(random), w.register, w.value)
			w.begun = h.record.now()
			h.record.addWrite(w)
			if h.insist(random, w) {
				session = max(session, w.index)
			}
		} else if view := h.look(random, number, session); view != nil {
			session = max(session, view.Index)
		}
		time.Sleep(between(random, time.Millisecond, 80*time.Millisecond))
	}
}

// insist proposes a write again and again, here and there, until its outcome is
// known or the client has enough of it.
func (h *history) insist(random *rand.Rand, w *write) bool {
	for !h.healing.Load() {
		ctx, cancel := context.WithTimeout(context.Background(), h.patienceOf(random))
		err := h.try(ctx, random, w)
		cancel()
		if err == nil {
			return true
		}
		if random.IntN(6) == 0 {
			return false
		}
		time.Sleep(between(random, time.Millisecond, 300*time.Millisecond))
	}
	return false
}

// try proposes a write once. A second answer must be the first one.
func (h *history) try(ctx context.Context, random *rand.Rand, w *write) error {
	again := random.IntN(8) == 0
	node, name := h.pick(random)
	if node == nil {
		return errDown
	}
	w.tries++
	result, err := node.Propose(ctx, w.command)
	if err != nil {
		h.checkError(name, err)
		return err
	}
	if result.Refused != nil {
		h.t.Errorf("%v was refused by %s: %v", w, name, result.Refused)
	}
	w.revision, w.index, w.ended = result.Revision, result.Index, h.record.now()
	if node, name = h.pick(random); again && node != nil {
		h.tryAgain(node, name, w, result)
	}
	return nil
}

func (h *history) tryAgain(node *cluster.Node, name string, w *write, was fsm.Result) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	result, err := node.Propose(ctx, w.command)
	if err != nil {
		h.checkError(name, err)
		return
	}
	if !result.Replayed || result.Index != was.Index || result.Revision != was.Revision || result.Refused != nil {
		h.t.Errorf("%v: %s answers again with %+v", w, name, result)
	}
}

// checkError fails the history for errors that no fault here explains.
func (h *history) checkError(name string, err error) {
	var e *cluster.Error
	if !errors.As(err, &e) {
		h.t.Errorf("%s: an error of type %T: %v", name, err, err)
		return
	}
	switch e.Code {
	case cluster.CodeNoLeader, cluster.CodeNotReady, cluster.CodeBusy, cluster.CodeDeadline, cluster.CodeStopping, cluster.CodeOutcomeUnknown:
	default:
		h.t.Errorf("%s: %v", name, err)
	}
}

// look reads at some level on some node.
func (h *history) look(random *rand.Rand, number int, session uint64) *cluster.View {
	level := []cluster.Level{cluster.Linearizable, cluster.Linearizable, cluster.Session, cluster.Stale}[random.IntN(4)]
	wait := h.patienceOf(random)
	node, name := h.pick(random)
	if node == nil {
		return nil
	}
	x := &read{client: number, level: level, node: name, index: session, begun: h.record.now()}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	view, err := node.Read(ctx, level, session)
	if err != nil {
		h.checkError(fmt.Sprintf("%s, level %d", name, level), err)
		return nil
	}
	x.view, x.ended = view, h.record.now()
	h.record.addRead(x)
	if level == cluster.Stale {
		return nil // a session does not go on from a stale read, which may be behind it
	}
	return view
}
