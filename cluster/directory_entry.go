package cluster

import (
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// LogEntry describes one entry of a log for people.
type LogEntry struct {
	Index uint64 `json:"index"`
	Term  uint64 `json:"term"`
	// Kind is that of a command entry (see fsm.EntryKind), or Raft's name for
	// its own.
	Kind  string `json:"kind"`
	Bytes int    `json:"bytes"`
	// Time is when it was proposed, by the clock of the leader.
	Time     time.Time         `json:"time,omitzero"`
	Commands []LogCommand      `json:"commands,omitempty"`
	Marked   uint64            `json:"marked,omitempty"`
	Digest   Digest            `json:"digest,omitzero"`
	Members  []DirectoryMember `json:"members,omitempty"`
	// Unreadable says why this program can't read it.
	Unreadable string `json:"unreadable,omitempty"`
}

// LogCommand is one command of an entry.
type LogCommand struct {
	RequestID     string   `json:"request_id"`
	Preconditions int      `json:"preconditions,omitempty"`
	Ops           []string `json:"ops"`
	// Origin is where it comes from; nil if the log does not say.
	Origin *LogOrigin `json:"origin,omitempty"`
}

// LogOrigin is where a command comes from; see Origin.
type LogOrigin struct {
	User    string `json:"user,omitempty"`
	Project string `json:"project,omitempty"`
	System  bool   `json:"system,omitempty"`
	Action  string `json:"action,omitempty"`
	Request string `json:"api_request,omitempty"`
}

// DirectoryMember is one server of a configuration.
type DirectoryMember struct {
	RaftID string `json:"raft_id"`
	Peer   string `json:"peer"`
	Voter  bool   `json:"voter"`
}

// Entries calls visit with the entries from one index to another, both
// inclusive, as far as the log has them.
func (d *Directory) Entries(from, to uint64, visit func(LogEntry) error) error {
	if d.last == 0 {
		return nil
	}
	for index := max(from, d.first); index <= min(to, d.last); index++ {
		l, err := d.entry(index)
		if err != nil {
			return err
		}
		if err := visit(describe(l)); err != nil {
			return err
		}
	}
	return nil
}

func describe(l *raft.Log) LogEntry {
	e := LogEntry{Index: l.Index, Term: l.Term, Bytes: len(l.Data), Time: l.AppendedAt.UTC()}
	switch l.Type {
	case raft.LogCommand:
		describeCommand(&e, l.Data)
	case raft.LogConfiguration:
		e.Kind, e.Members = "configuration", membersOf(raft.DecodeConfiguration(l.Data))
	case raft.LogNoop:
		e.Kind = "noop"
	case raft.LogBarrier:
		e.Kind = "barrier"
	default:
		e.Kind = fmt.Sprintf("raft type %d", l.Type)
	}
	return e
}

func describeCommand(e *LogEntry, data []byte) {
	e.Kind = fsm.KindOf(data).String()
	entry, err := fsm.DecodeEntry(data)
	if err != nil {
		e.Unreadable = err.Error()
		return
	}
	e.Time, e.Marked, e.Digest = time.UnixMicro(int64(entry.At)).UTC(), entry.Marked, entry.Digest
	for i, command := range entry.Commands {
		cmd, err := fsm.DecodeCommand(command)
		if err != nil {
			e.Unreadable = fmt.Sprintf("command %d: %v", i, err)
			return
		}
		c := LogCommand{RequestID: cmd.RequestID.String(), Preconditions: len(cmd.Txn.Preconditions)}
		for _, op := range cmd.Txn.Ops {
			c.Ops = append(c.Ops, describeOp(op))
		}
		if o, known, err := entry.Origin(i); err == nil && known {
			c.Origin = &LogOrigin{o.User, o.Project, o.System, o.Action, o.Request}
		}
		e.Commands = append(e.Commands, c)
	}
}

func membersOf(c raft.Configuration) []DirectoryMember {
	members := make([]DirectoryMember, len(c.Servers))
	for i, s := range c.Servers {
		members[i] = DirectoryMember{string(s.ID), string(s.Address), s.Suffrage == raft.Voter}
	}
	return members
}

// describeOp is an operation's kind and what it is about. What a device's
// owner wrote down for it is not shown: it may be a secret.
func describeOp(op tree.Op) string {
	about := ""
	switch o := op.(type) {
	case tree.CreateProvider:
		about = o.Name
		if !o.Parent.IsZero() {
			about += " below " + o.Parent.String()
		}
	case tree.RemoveProvider:
		about = o.Provider.String()
		if o.Subtree {
			about += " and all below"
		}
	case tree.RenameProvider:
		about = o.Provider.String() + " to " + o.NewName
	case tree.MoveProvider:
		about = o.Provider.String() + " to the roots"
		if !o.Parent.IsZero() {
			about = o.Provider.String() + " below " + o.Parent.String()
		}
	case tree.Populate:
		about = fmt.Sprintf("%d providers", len(o.Providers))
	case tree.SetInventories:
		about = fmt.Sprintf("%d of %s", len(o.Inventories), o.Provider)
	case tree.PutInventories:
		about = fmt.Sprintf("%d of %s", len(o.Inventories), o.Provider)
	case tree.RemoveInventories:
		about = fmt.Sprintf("%d of %s", len(o.Classes), o.Provider)
	case tree.ChangeTraits:
		about = fmt.Sprintf("%d of %s", len(o.Traits), o.Provider)
	case tree.ChangeAggregates:
		about = fmt.Sprintf("%d of %s", len(o.Aggregates), o.Provider)
	case tree.ChangeResources:
		about = fmt.Sprintf("%d of %s", len(o.Devices), o.Provider)
	case tree.Claim:
		about = fmt.Sprintf("%d consumers", len(o.Consumers))
		if len(o.Consumers) == 1 {
			about = fmt.Sprintf("%s, %d allocations", o.Consumers[0].Consumer, len(o.Consumers[0].Allocations))
		}
	case tree.Release:
		about = fmt.Sprintf("%d consumers", len(o.Consumers))
		if len(o.Consumers) == 1 {
			about = o.Consumers[0].String()
		}
	case tree.Reshape:
		about = fmt.Sprintf("%d providers, %d consumers", len(o.Inventories), len(o.Consumers))
	case tree.RaiseGenerations:
		about = fmt.Sprintf("%d providers, %d consumers", len(o.Providers), len(o.Consumers))
	case tree.CreateResourceClass:
		about = o.Class
	case tree.RenameResourceClass:
		about = o.Class + " to " + o.NewName
	case tree.RemoveResourceClass:
		about = o.Class
	case tree.CreateTrait:
		about = o.Trait
	case tree.RemoveTrait:
		about = o.Trait
	}
	if about == "" {
		return op.Kind()
	}
	return op.Kind() + " " + about
}
