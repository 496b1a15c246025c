package cluster

import (
	"context"
	"time"
)

// Tracer draws where the time of a request goes. Its methods may be called
// concurrently, and must be quick.
type Tracer interface {
	// Begin starts a span below that of the context or, where carried is not empty,
	// below one of another node. It returns nil where nothing is to be drawn.
	Begin(ctx context.Context, name string, carried []byte) Span
}

// Span is a part of a request on its way. It is used by one goroutine at a time.
type Span interface {
	// Carry is what another node has to know to begin a span below this one, at
	// most carriedBytesMax bytes.
	Carry() []byte
	// Part adds a span below this one that has ended already.
	Part(name string, begin, end time.Time)
	// Set notes a number.
	Set(name string, value uint64)
	// End ends the span, with why it failed.
	End(err error)
}

// The spans of this package, by name. Below a proposal are its waiting in a queue
// and then either the call to the leader, below which the leader's proposal is, or
// the replication and the execution of its entry.
const (
	SpanPropose   = "treenode.propose"
	SpanQueue     = "treenode.queue"
	SpanForward   = "treenode.forward"
	SpanReplicate = "treenode.replicate"
	SpanApply     = "treenode.apply"
	SpanRead      = "treenode.read"
	SpanReadIndex = "treenode.read_index"
	SpanCatchUp   = "treenode.catch_up"
)

// carriedBytesMax bounds what one node tells another of a span.
const carriedBytesMax = 64

// begin starts a span, nil if nobody draws.
func (n *Node) begin(ctx context.Context, name string, carried []byte) Span {
	if n.config.Tracer == nil {
		return nil
	}
	return n.config.Tracer.Begin(ctx, name, carried)
}

type spanKey struct{}

// within returns a context whose commands are parts of a span.
func within(ctx context.Context, s Span) context.Context {
	if s == nil {
		return ctx
	}
	return context.WithValue(ctx, spanKey{}, s)
}

// traced is the tracing of a proposal: which span it is a part of, and since when it
// waits.
type traced struct {
	span   Span
	queued time.Time
}

func tracedIn(ctx context.Context) *traced {
	span, ok := ctx.Value(spanKey{}).(Span)
	if !ok {
		return nil
	}
	return &traced{span, time.Now()}
}

// carry is what goes to the leader of the span, nothing if there is none.
func (t *traced) carry() []byte {
	if t == nil {
		return nil
	}
	return t.span.Carry()
}

// end ends the span of a proposal that came from another node.
func (t *traced) end(err error) {
	if t != nil {
		t.span.End(err)
	}
}

// passage is what became of a traced proposal. It goes with the result, so that only
// who waits for that touches the span.
type passage struct {
	sent, back                   time.Time // a call to the leader
	proposed, committed, applied time.Time // an entry
	index, term                  uint64
	commands                     int
}

// draw adds a passage to the proposal's span.
func (t *traced) draw(p *passage) {
	if t == nil || p == nil {
		return
	}
	if !p.sent.IsZero() {
		t.span.Part(SpanQueue, t.queued, p.sent)
		t.span.Part(SpanForward, p.sent, p.back)
		return
	}
	t.span.Part(SpanQueue, t.queued, p.proposed)
	t.span.Part(SpanReplicate, p.proposed, p.committed)
	t.span.Part(SpanApply, p.committed, p.applied)
	t.span.Set("treenode.raft.index", p.index)
	t.span.Set("treenode.raft.term", p.term)
	t.span.Set("treenode.entry.commands", uint64(p.commands)) //nolint:gosec // a count
}
