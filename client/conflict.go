package client

import (
	"errors"
	"fmt"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// ConflictReason says in which way a provider is not as it was loaded.
type ConflictReason string

// The reasons of a conflict.
const (
	ConflictChanged ConflictReason = "changed" // its generation is another
	ConflictMissing ConflictReason = "missing" // it does not exist any more
	ConflictMoved   ConflictReason = "moved"   // it has another parent
	ConflictRenamed ConflictReason = "renamed" // it has another name
	ConflictExists  ConflictReason = "exists"  // one with the UUID or name of a new one exists
)

// ProviderConflict is a provider that is not as the transaction needs it.
type ProviderConflict struct {
	Name string // as it was loaded; of a new provider, its own
	UUID string
	// Want and Have are the generation loaded and the one found; nil where no
	// generations were compared, Have also where the provider is missing.
	Want *uint64
	Have *uint64
	// Reasons has at least one element.
	Reasons []ConflictReason
}

// ConflictError is a commit that was rejected because somebody else was there
// before. Nothing happened. It wraps the *Error, of code conflict.
type ConflictError struct {
	// Conflicts has one element for each provider concerned.
	Conflicts []ProviderConflict
	err       *Error
}

// Error implements error.
func (e *ConflictError) Error() string {
	var s strings.Builder
	s.WriteString("treenode: conflict: ")
	for i, c := range e.Conflicts {
		if i > 0 {
			s.WriteString("; ")
		}
		fmt.Fprintf(&s, "provider %s (%s)", c.Name, c.UUID)
		for j, reason := range c.Reasons {
			if j > 0 {
				s.WriteByte(',')
			}
			fmt.Fprintf(&s, " %s", reason)
			if reason == ConflictChanged && c.Want != nil && c.Have != nil {
				fmt.Fprintf(&s, " from generation %d to %d", *c.Want, *c.Have)
			}
		}
	}
	return s.String()
}

// Unwrap returns the *Error.
func (e *ConflictError) Unwrap() error { return e.err }

// guard adds the preconditions: that what changes, moves or goes is as it was
// loaded, and that what is new is not there.
func (d *differ) guard(moved, renamed, created []*record) {
	add := func(g guard, c wire.Precondition) {
		d.plan.txn.Preconditions = append(d.plan.txn.Preconditions, c)
		d.plan.guards = append(d.plan.guards, g)
	}
	for _, old := range d.old.all() {
		if !d.changed[old.uuid] {
			continue
		}
		add(guard{old.uuid, old.name, ConflictChanged}, wire.Precondition{
			ProviderGeneration: &wire.ProviderGeneration{Provider: old.uuid, Generation: d.generations[old.uuid]},
		})
		if _, here := d.now.records[old.uuid]; !here {
			d.guardPlace(add, old)
		} else {
			d.plan.touched = append(d.plan.touched, old.uuid)
		}
	}
	for _, r := range moved {
		d.guardPlace(add, d.old.records[r.uuid])
	}
	// A rename counts no generation: look the provider up by its old name.
	for _, r := range renamed {
		old := d.old.records[r.uuid]
		if _, isUUID := canonicalUUID(old.name); !isUUID {
			add(guard{old.uuid, old.name, ConflictRenamed}, wire.Precondition{
				ProviderGeneration: &wire.ProviderGeneration{Provider: old.name, Generation: d.generations[old.uuid]},
			})
		}
	}
	for _, r := range created {
		d.plan.touched = append(d.plan.touched, r.uuid)
		byUUID, byName := r.uuid, r.name // the caller may write through pointers
		add(guard{r.uuid, r.name, ConflictExists}, wire.Precondition{ProviderAbsent: &byUUID})
		// A name that a loaded provider gives up is guarded with that one.
		if _, isUUID := canonicalUUID(r.name); !isUUID && d.old.uuids[r.name] == "" {
			add(guard{r.uuid, r.name, ConflictExists}, wire.Precondition{ProviderAbsent: &byName})
		}
	}
}

func (d *differ) guardPlace(add func(guard, wire.Precondition), old *record) {
	add(guard{old.uuid, old.name, ConflictMoved}, wire.Precondition{
		ProviderParent: &wire.ProviderParent{Provider: old.uuid, Parent: old.parent},
	})
}

// explain turns a conflict into a *ConflictError; other errors stay.
func (p *plan) explain(err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Code != wire.CodeConflict {
		return err
	}
	found := &ConflictError{err: e}
	at := map[string]int{} // index in found.Conflicts by UUID
	for _, c := range e.Conflicts {
		if c.Precondition < 0 || c.Precondition >= len(p.guards) {
			return err // not an answer to these preconditions
		}
		g := p.guards[c.Precondition]
		i, seen := at[g.uuid]
		if !seen {
			i = len(found.Conflicts)
			at[g.uuid] = i
			found.Conflicts = append(found.Conflicts, ProviderConflict{Name: g.name, UUID: g.uuid})
		}
		found.Conflicts[i].add(g.reason, c)
	}
	if len(found.Conflicts) == 0 {
		return err
	}
	return found
}

// add notes one precondition that did not hold. A provider that is missing is
// only that.
func (p *ProviderConflict) add(reason ConflictReason, c wire.Conflict) {
	if len(p.Reasons) > 0 && (p.Reasons[0] == ConflictMissing || p.Reasons[len(p.Reasons)-1] == reason) {
		return
	}
	if reason == ConflictChanged {
		p.Want, p.Have = c.Want, c.Have
		if c.Have == nil {
			reason = ConflictMissing
		}
	}
	if reason == ConflictRenamed && c.Have != nil && p.Want != nil {
		return // by its name it has the other generation too: known already
	}
	p.Reasons = append(p.Reasons, reason)
}
