package cluster

import (
	"context"
	"slices"
	"sync"

	"github.com/hashicorp/raft"
)

// terms asks voters for their current term, each of them one question at a
// time. A leader has its majority before the slower voters answer, and goes
// on; their questions are not given up then, which would cost a connection
// each, and no more of them gather at a voter that hangs.
type terms struct {
	ask func(ctx context.Context, s raft.Server) (uint64, error)

	mu     sync.Mutex
	voters map[raft.Server]*rounds
}

// join is rounds.join for one of the servers: the answer is to a question that
// was put after the call. Servers that are no longer there are forgotten.
func (t *terms) join(ctx context.Context, s raft.Server, servers []raft.Server) (uint64, error) {
	return t.rounds(s, servers).join(ctx)
}

func (t *terms) rounds(s raft.Server, servers []raft.Server) *rounds {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.voters[s]; r != nil {
		return r
	}
	for known := range t.voters {
		if !slices.Contains(servers, known) {
			delete(t.voters, known)
		}
	}
	if t.voters == nil {
		t.voters = map[raft.Server]*rounds{}
	}
	r := &rounds{ask: func(ctx context.Context) (uint64, error) { return t.ask(ctx, s) }}
	t.voters[s] = r
	return r
}

// askTerm is one question to one voter.
func (n *Node) askTerm(ctx context.Context, s raft.Server) (uint64, error) {
	answer, err := n.config.Network.Call(ctx, string(s.Address), VerbTerm, []byte(s.ID))
	if err != nil {
		return 0, err
	}
	return decodeIndex(answer)
}

// followed counts the voters that answer, to a question put from now on, with a
// term no later than the one led; one server is not asked. It ends with a majority.
func (n *Node) followed(ctx context.Context, l *leadership, servers []raft.Server, without string) (agreed, voters int) {
	asked := 0
	answers := make(chan bool, len(servers))
	for _, s := range servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		switch {
		case without != "" && (string(s.ID) == without || nodeIDOf(string(s.ID)) == without):
			continue
		case n.isSelf(s):
			answers <- n.raft.CurrentTerm() == l.term && n.raft.State() == raft.Leader
		default:
			go func() {
				term, err := n.terms.join(ctx, s, servers)
				answers <- err == nil && term <= l.term
			}()
		}
		asked++
	}
	for ; asked > 0 && agreed <= voters/2; asked-- {
		select {
		case yes := <-answers:
			if yes {
				agreed++
			}
		case <-ctx.Done():
			return agreed, voters
		}
	}
	return agreed, voters
}
