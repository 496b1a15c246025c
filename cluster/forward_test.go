package cluster

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// A leader that has more to say than one answer holds says so of the rest,
// whose callers ask again.
func TestForwardedAnswerIsBounded(t *testing.T) {
	// One that leaves little room, and small ones of which few fit into it: to
	// encode many large ones takes minutes under the race detector.
	sized := func(bytes int) fsm.Result {
		return fsm.Result{Revision: 7, Effect: tree.Effect{Created: make([]tree.UUID, bytes/len(tree.UUID{}))}}
	}
	const small = 16 << 10
	large := sized(forwardedBytesMax - 3*small)
	answer := appendForwarded(nil, large, nil)
	for range batchCommandsMax - 1 {
		answer = appendForwarded(answer, sized(small), nil)
	}
	if len(answer) > CallBytesMax {
		t.Fatalf("%d bytes, a call carries %d", len(answer), CallBytesMax)
	}
	results, err := decodeForwarded(answer, batchCommandsMax)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		var e *Error
		switch {
		case i <= 2 && (r.err != nil || r.result.Revision != large.Revision):
			t.Errorf("result %d: %v", i, r.err)
		case i > 3 && (!errors.As(r.err, &e) || e.Code != CodeOutcomeUnknown):
			t.Fatalf("result %d: %v", i, r.err)
		}
	}
}

// carried is a span that only has what another node is told.
type carried []byte

func (c carried) Carry() []byte                   { return c }
func (carried) Part(string, time.Time, time.Time) {}
func (carried) Set(string, uint64)                {}
func (carried) End(error)                         {}

// FuzzForward holds that neither side of a forwarding panics, and that what is
// read of a request is all of it.
func FuzzForward(f *testing.F) {
	asked := &source{fsm.Origin{User: "u", Project: "p", Action: "a", Request: "r"}, []string{"admin", "reader"}}
	f.Add(encodeForward([]*proposal{{command: []byte("a")}, {command: nil}}, plainForward))
	f.Add(encodeForward([]*proposal{{command: []byte("a"), traced: &traced{span: carried("t")}}, {command: nil, source: asked}}, originForward))
	f.Add(appendSource(nil, asked))
	f.Add(appendForwarded(appendForwarded(nil, fsm.Result{}, nil), fsm.Result{}, fail(CodeBusy, nil, "%s", strings.Repeat("x", 600))))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, form := range []forwardForm{plainForward, originForward} {
			commands, err := decodeForward(b, form)
			if err != nil {
				continue
			}
			group := make([]*proposal, len(commands))
			for i, c := range commands {
				group[i] = &proposal{command: c.command}
				if len(c.span) > 0 {
					group[i].traced = &traced{span: carried(c.span)}
				}
				if group[i].source, err = decodeSource(c.origin); err != nil {
					group = nil
					break
				}
			}
			if again := encodeForward(group, form); group != nil && !bytes.Equal(again, b) {
				t.Errorf("%x is read as %x", b, again)
			}
		}
		if s, err := decodeSource(b); err == nil && !bytes.Equal(appendSource(nil, s), b) {
			t.Errorf("%x is read as %+v", b, s)
		}
		for commands := range 4 {
			if results, err := decodeForwarded(b, commands); err == nil && len(results) != commands {
				t.Errorf("%d results of %d commands", len(results), commands)
			}
		}
	})
}
