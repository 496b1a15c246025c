package cluster

import (
	"errors"
	"io"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/failpoint"
	"github.com/treenode/treenode/fsm"
)

// adapter is the machine as hashicorp/raft wants to see it. Raft calls it from
// one goroutine.
type adapter struct{ n *Node }

// applied is the response to one log entry.
type applied struct {
	results []fsm.Result
	err     error // a *fsm.Halt
	// began is when the entry was executed. It was committed just before.
	began, ended time.Time
	term         uint64
}

// ApplyBatch implements raft.BatchingFSM. Configuration entries come here too
// and move the index, so that a reader can wait for any index after a term's
// first entry.
func (a adapter) ApplyBatch(logs []*raft.Log) []any {
	responses := make([]any, len(logs))
	for i, l := range logs {
		a.n.logged.Add(uint64(len(l.Data)))
		if l.Type != raft.LogCommand {
			a.n.machine.Advance(l.Index)
			a.n.auditMembers(l)
			a.n.configurationApplied(raft.DecodeConfiguration(l.Data))
			continue
		}
		failpoint.Reach(failpoint.ApplyBefore)
		began := time.Now()
		results, err := a.n.machine.Apply(l.Index, l.Data)
		ended := time.Now()
		a.n.config.observe(Event{Kind: EventApply, Took: ended.Sub(began), Count: len(results), Err: err})
		if err != nil {
			a.n.halted(err)
		} else {
			a.n.auditEntry(l, results)
			a.n.entryApplied(l.Index, l.Data)
		}
		responses[i] = applied{results, err, began, ended, l.Term}
		failpoint.Reach(failpoint.ApplyAfter)
	}
	a.n.progress.reach(a.n.machine.View().Index)
	return responses
}

// Apply implements raft.FSM.
func (a adapter) Apply(l *raft.Log) any { return a.ApplyBatch([]*raft.Log{l})[0] }

// Snapshot implements raft.FSM: it captures one pointer.
func (a adapter) Snapshot() (raft.FSMSnapshot, error) {
	if h := a.n.machine.Halted(); h != nil {
		return nil, h
	}
	a.n.captured.Store(a.n.logged.Load())
	return captured{a.n.machine.View(), a.n}, nil
}

// Restore implements raft.FSM.
func (a adapter) Restore(r io.ReadCloser) error {
	begun := time.Now()
	err := a.n.machine.Restore(r)
	a.n.config.observe(Event{Kind: EventRestore, Took: time.Since(begun), Err: err})
	if err == nil {
		a.n.auditRestored(a.n.machine.View().Index)
		if len(a.n.machine.View().JoinTokens()) > 0 {
			// Who can't read entries with some can't read such a snapshot either.
			a.n.reachLevel(fsm.LevelJoinTokens)
		}
		a.n.checkpoints.forget()
		a.n.progress.restart(a.n.machine.View().Index)
	} else {
		err = a.n.snapshots.unreadable(err)
	}
	return errors.Join(err, r.Close())
}
