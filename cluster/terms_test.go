package cluster

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/hashicorp/raft"
)

// A leader that has its majority gives up waiting for the others. Their
// questions go on: giving one up costs its connection.
func TestTermQuestionOutlivesWhoWaits(t *testing.T) {
	slow := raft.Server{ID: "slow", Address: "a:1"}
	asked, answer := make(chan context.Context), make(chan uint64)
	terms := terms{ask: func(ctx context.Context, s raft.Server) (uint64, error) {
		if s != slow {
			t.Errorf("asked %v", s)
		}
		asked <- ctx
		return <-answer, nil
	}}
	waiting, giveUp := context.WithCancel(t.Context())
	gone := make(chan error)
	go func() {
		_, err := terms.join(waiting, slow, []raft.Server{slow})
		gone <- err
	}()
	first := <-asked
	giveUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("join returned %v when its context ended", err)
	}
	if first.Err() != nil {
		t.Errorf("the question was given up: %v", first.Err())
	}

	// Whoever comes now waits for a question of its own, which is not put while
	// the first has no answer.
	got := make(chan uint64)
	go func() {
		term, err := terms.join(t.Context(), slow, []raft.Server{slow})
		if err != nil {
			t.Error(err)
		}
		got <- term
	}()
	r := terms.rounds(slow, []raft.Server{slow})
	for joined := false; !joined; runtime.Gosched() {
		r.mu.Lock()
		joined = r.next != nil
		r.mu.Unlock()
	}
	select {
	case <-asked:
		t.Fatal("a second question while the first has no answer")
	default:
	}
	answer <- 1
	<-asked
	answer <- 2
	if term := <-got; term != 2 {
		t.Errorf("an answer, %d, to a question from before the call", term)
	}
}

func TestTermsForgetWhoIsGone(t *testing.T) {
	terms := terms{ask: func(context.Context, raft.Server) (uint64, error) { return 1, nil }}
	a, b, moved := raft.Server{ID: "a", Address: "a:1"}, raft.Server{ID: "b", Address: "b:1"}, raft.Server{ID: "b", Address: "b:2"}
	for _, servers := range [][]raft.Server{{a, b}, {a, moved}} {
		for _, s := range servers {
			if _, err := terms.join(t.Context(), s, servers); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(terms.voters) != 2 || terms.voters[b] != nil || terms.voters[moved] == nil {
		t.Errorf("it knows %v", terms.voters)
	}
}
