package cluster

import (
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster/audit"
	"github.com/treenode/treenode/fsm"
)

// The defaults of Config: a gibibyte of audit.
const (
	auditFileBytes = 64 << 20
	auditFiles     = 16
)

// openAudit opens the node's audit, if it keeps one. An audit that can't be written
// ends the node: what it would do could not be told.
func (n *Node) openAudit() (err error) {
	if n.config.AuditDir == "" {
		return nil
	}
	n.audit, err = audit.Open(n.config.AuditDir, audit.Options{
		Node: n.config.NodeID, Cluster: n.clusterID, Stall: n.config.Timing.Stall, Failed: n.stop,
		FileBytes: n.config.AuditFileBytes, Files: n.config.AuditFiles,
	})
	if err != nil {
		n.audit = nil
		return fail(CodeInvalid, err, "audit directory %s", n.config.AuditDir)
	}
	return nil
}

func (n *Node) closeAudit() error {
	if n.audit == nil {
		return nil
	}
	return n.audit.Close()
}

// auditEntry has an entry written that was applied. The audit's errors here are told
// to the node by its Failed.
func (n *Node) auditEntry(l *raft.Log, results []fsm.Result) {
	if n.audit != nil && (len(results) > 0 || fsm.KindOf(l.Data) == fsm.KindJoinToken) {
		_ = n.audit.Add(audit.Entry{Index: l.Index, Term: l.Term, Data: l.Data, Results: results})
	}
}

// auditMembers has a change of the members written.
func (n *Node) auditMembers(l *raft.Log) {
	if n.audit == nil || l.Type != raft.LogConfiguration {
		return
	}
	e := audit.Entry{Index: l.Index, Term: l.Term, Members: []string{}, Time: l.AppendedAt.UTC()}
	for _, m := range membersOf(raft.DecodeConfiguration(l.Data)) {
		role := "nonvoter"
		if m.Voter {
			role = "voter"
		}
		e.Members = append(e.Members, m.RaftID+" at "+m.Peer+" "+role)
	}
	_ = n.audit.Add(e)
}

// auditRestored notes that a snapshot replaced the state.
func (n *Node) auditRestored(index uint64) {
	if n.audit != nil {
		_ = n.audit.Restored(index)
	}
}

// auditThrough returns once all up to an index is in the audit, on disk.
func (n *Node) auditThrough(index uint64) error {
	if n.audit == nil {
		return nil
	}
	return wrap("the audit", n.audit.Sync(index))
}
