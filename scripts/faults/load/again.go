package load

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/check"
)

const (
	// againPercent is how many calls repeat a write that was answered before.
	againPercent = 6
	// againAfter is how long ago that was at least, and answeredMax how many of
	// its answered writes a client remembers: those of some ten seconds, far
	// fewer than the store does.
	againAfter  = time.Second
	answeredMax = 200
)

// answered is a write with its answer, and the request id that it had.
type answered struct {
	op *check.Op
	id string
}

// remember keeps an answered write, to be sent again.
func (w *worker) remember(o *check.Op, id string) {
	if o.Outcome != check.OK && o.Outcome != check.Rejected {
		return
	}
	if len(w.answered) == answeredMax {
		w.answered = slices.Delete(w.answered, 0, 1)
	}
	w.answered = append(w.answered, answered{o, id})
}

// again sends an old write once more, to any node and under its first request
// id, and reports whether there was one to send. A client that did not see the
// answer does the same: it must get that answer, and nothing may happen. What
// is done twice all the same is also a revision that nobody made.
func (w *worker) again() bool {
	now := w.config.Recorder.Now()
	old := 0
	for old < len(w.answered) && w.answered[old].op.Return < now-againAfter.Nanoseconds() {
		old++
	}
	if old == 0 {
		return false
	}
	was := w.answered[w.r.IntN(old)]
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	if at := w.r.IntN(len(w.config.Endpoints)); w.config.Running(at) {
		ctx, cancel = context.WithTimeout(client.WithEndpoint(ctx, w.config.Endpoints[at]), pinnedTimeout)
		defer cancel()
	}
	o := &check.Op{Client: w.number, Kind: was.op.Kind, Args: was.op.Args, Call: now}
	err := ask(client.WithRequestID(ctx, was.id), w.client, o)
	o.Return = w.config.Recorder.Now()
	if differs := unlike(was.op, o, err); differs != "" {
		w.config.Recorder.keep(&w.config.Recorder.strange, fmt.Sprintf("request %s, sent again, %s:\n  first %s\n  again %s", was.id, differs, was.op, o))
	}
	return true
}

// unlike says how the answer to a repeated write differs from the first; empty
// where it does not, or where there is no answer.
func unlike(first, again *check.Op, err error) string {
	switch {
	case err == nil:
		again.Outcome = check.OK
	case client.IsRejected(err):
		again.Outcome, again.Code = check.Rejected, string(client.CodeOf(err))
	default:
		return ""
	}
	switch {
	case again.Outcome != first.Outcome || again.Code != first.Code:
		return "is answered otherwise"
	case again.Index != first.Index || again.Revision != first.Revision || !slices.Equal(again.Told, first.Told):
		return "shows another change"
	case err == nil && !again.Replayed:
		return "is told as done just now"
	}
	return ""
}
