package audit

import (
	"slices"
	"time"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// Bounds of what a line names.
const (
	targetsMax     = 16
	targetBytesMax = 256
)

// Entry is an entry of the log that was applied.
type Entry struct {
	Index, Term uint64
	// Data is the entry, and Results what came of its commands. Neither may change
	// any more.
	Data    []byte
	Results []fsm.Result
	// Members are the cluster's, each as text, where the entry is a change of them;
	// then Time is when that was proposed.
	Members []string
	Time    time.Time
}

// records are an entry's lines.
func (e *Entry) records() ([]Record, error) {
	if e.Members != nil {
		r := Record{Kind: Members, Index: e.Index, Term: e.Term, Time: e.Time}
		for _, m := range e.Members {
			r.Targets = append(r.Targets, "member:"+shorten(m))
		}
		return []Record{r}, nil
	}
	entry, err := fsm.DecodeEntry(e.Data)
	if err != nil {
		return nil, err
	}
	if entry.Kind == fsm.KindJoinToken {
		return []Record{e.joinToken(entry)}, nil
	}
	all := make([]Record, len(entry.Commands))
	for i, command := range entry.Commands {
		cmd, err := fsm.DecodeCommand(command)
		if err != nil {
			return nil, err
		}
		r := &all[i]
		*r = Record{
			Kind: Change, Index: e.Index, Term: e.Term, Command: i, Time: time.UnixMicro(int64(entry.At)).UTC(),
			RequestID: cmd.RequestID.String(), Outcome: Applied,
		}
		// One of a form from the future is none here; the log still has it.
		if o, known, err := entry.Origin(i); err == nil && known {
			r.User, r.Project, r.System, r.Action, r.APIRequest = o.User, o.Project, o.System, o.Action, o.Request
		}
		result := e.Results[i]
		if result.Refused != nil {
			r.Outcome = result.Refused.Code.String()
		}
		if result.Replayed {
			r.Replayed, r.First = true, result.Index
		}
		for _, op := range cmd.Txn.Ops {
			if kind := op.Kind(); !slices.Contains(r.Ops, kind) {
				r.Ops = append(r.Ops, kind)
			}
			r.about(op)
		}
	}
	return all, nil
}

// joinToken is the line of a change of a join token. Of its secret the log has only
// a hash, and the line not even that.
func (e *Entry) joinToken(entry fsm.Entry) Record {
	change := entry.JoinToken
	r := Record{
		Kind: JoinToken, Index: e.Index, Term: e.Term, Time: time.UnixMicro(int64(entry.At)).UTC(),
		Ops: []string{change.Op.String()}, User: change.Token.By,
	}
	r.target("token", change.Token.ID)
	for _, about := range []struct{ kind, name string }{{"node", change.Token.Node}, {"member", change.Token.UsedBy}} {
		if about.name != "" {
			r.target(about.kind, about.name)
		}
	}
	return r
}

func shorten(s string) string { return s[:min(len(s), targetBytesMax)] }

func (r *Record) target(kind, name string) {
	if len(r.Targets) == targetsMax {
		r.More++
		return
	}
	if t := shorten(kind + ":" + name); !slices.Contains(r.Targets, t) {
		r.Targets = append(r.Targets, t)
	}
}

func (r *Record) provider(p tree.Ref) {
	if !p.IsZero() {
		r.target("provider", p.String())
	}
}

// about adds what an operation is about. What is claimed comes after who claims it.
func (r *Record) about(op tree.Op) {
	switch o := op.(type) {
	case tree.CreateProvider:
		r.provider(tree.Ref{UUID: o.UUID, Name: o.Name})
	case tree.RemoveProvider:
		r.provider(o.Provider)
	case tree.RenameProvider:
		r.provider(o.Provider)
		r.provider(tree.ByName(o.NewName))
	case tree.MoveProvider:
		r.provider(o.Provider)
		r.provider(o.Parent)
	case tree.Populate:
		for _, p := range o.Providers {
			r.provider(tree.Ref{UUID: p.UUID, Name: p.Name})
		}
	case tree.SetInventories:
		r.provider(o.Provider)
		r.classes(o.Inventories)
	case tree.PutInventories:
		r.provider(o.Provider)
		r.classes(o.Inventories)
	case tree.RemoveInventories:
		r.provider(o.Provider)
		for _, c := range o.Classes {
			r.target("class", c)
		}
	case tree.ChangeTraits:
		r.provider(o.Provider)
		for _, t := range o.Traits {
			r.target("trait", t)
		}
	case tree.ChangeAggregates:
		r.provider(o.Provider)
	case tree.ChangeResources:
		r.provider(o.Provider)
	case tree.Claim:
		r.claims(o.Consumers)
	case tree.Release:
		for _, c := range o.Consumers {
			r.target("consumer", c.String())
		}
	case tree.Reshape:
		for _, i := range o.Inventories {
			r.provider(i.Provider)
		}
		r.claims(o.Consumers)
	case tree.RaiseGenerations:
		for _, g := range o.Providers {
			r.provider(tree.ByUUID(g.UUID))
		}
		for _, g := range o.Consumers {
			r.target("consumer", g.UUID.String())
		}
	case tree.CreateResourceClass:
		r.target("class", o.Class)
	case tree.RenameResourceClass:
		r.target("class", o.Class)
		r.target("class", o.NewName)
	case tree.RemoveResourceClass:
		r.target("class", o.Class)
	case tree.CreateTrait:
		r.target("trait", o.Trait)
	case tree.RemoveTrait:
		r.target("trait", o.Trait)
	}
}

func (r *Record) classes(all []tree.InventoryOf) {
	for _, i := range all {
		r.target("class", i.Class)
	}
}

func (r *Record) claims(all []tree.ConsumerClaim) {
	for _, c := range all {
		r.target("consumer", c.Consumer.String())
	}
	for _, c := range all {
		for _, a := range c.Allocations {
			r.provider(a.Provider)
		}
	}
}
