package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// follows is what a leader has heard of its followers. hashicorp/raft keeps that
// to itself, so it is read off the answers that pass through the transport.
type follows struct {
	mu   sync.Mutex
	term uint64
	by   map[raft.ServerID]heard
}

type heard struct {
	match   uint64    // the last entry that it is known to have as the leader has it
	contact time.Time // of its last answer
}

// answered notes a follower's answer. What is of an older term is of no use.
func (f *follows) answered(id raft.ServerID, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if args.Term < f.term {
		return
	}
	if args.Term > f.term || f.by == nil {
		f.term, f.by = args.Term, make(map[raft.ServerID]heard)
	}
	known := f.by[id]
	known.contact = now
	if resp.Success {
		known.match = max(known.match, args.PrevLogEntry+uint64(len(args.Entries)))
	}
	f.by[id] = known
}

// of returns what is known of a follower in a term.
func (f *follows) of(term uint64, id raft.ServerID) (heard, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.by[id]
	return known, ok && f.term == term
}
