package candidates

import (
	"github.com/treenode/treenode/fsm/tree"
)

// Stage is a step of the search that turns providers, trees or partial answers
// away.
type Stage uint8

// The stages, in the order they are passed.
const (
	StageRootTraits    Stage = iota + 1 // the tree's root lacks or has a trait
	StageInTree                         // not in the tree that the group names
	StageClass                          // no inventory of a class
	StageAmount                         // min_unit, max_unit or step_size
	StageCapacity                       // not enough left
	StageTraits                         // a required trait is missing
	StageForbidden                      // a forbidden trait is there
	StageAggregates                     // not a member
	StageNotAggregates                  // a member of a forbidden aggregate
	StageDomain                         // the tree has no provider for a group
	StageTogether                       // each group has a provider, not all have together
)

// String is the stage's name.
func (s Stage) String() string {
	names := [...]string{
		"", "root_traits", "in_tree", "class", "amount", "capacity", "traits",
		"forbidden_traits", "aggregates", "forbidden_aggregates", "no_provider", "together",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return ""
}

// Rejection tells what a stage turned away.
type Rejection struct {
	Stage Stage
	// Provider is the one turned away; for StageRootTraits, StageDomain and
	// StageTogether the root of a tree that was, as for StageTraits where the
	// trait is wanted of the group without suffix as a whole.
	Provider tree.Provider
	// Suffix is the group it was looked at for; empty too where the tree was
	// looked at as a whole. Like groups are looked at once: it is the first.
	Suffix string
	// Detail is the class, trait or aggregate it is about, if it is about one.
	Detail string
}

// Observer is told what a search turns away. With one, the search enters every
// tree, so that each provider that is turned away is told about. It must not
// keep the search from being deterministic.
type Observer interface {
	Rejected(Rejection)
}

// filter is one condition on a provider for a group.
type filter interface {
	// Check reports whether the provider passes.
	Check(p tree.Provider) bool
	// Rejects tells the stage, and the detail, of what does not pass.
	Rejects() (Stage, string)
}

// traitFilter wants one of the traits, or none of them.
type traitFilter struct {
	traits []uint32
	names  string
	none   bool
}

func (f *traitFilter) Check(p tree.Provider) bool {
	for _, t := range f.traits {
		if p.HasTraitNumber(t) {
			return !f.none
		}
	}
	return f.none
}

func (f *traitFilter) Rejects() (Stage, string) {
	if f.none {
		return StageForbidden, f.names
	}
	return StageTraits, f.names
}

// memberFilter wants membership in one aggregate of every choice and in none
// of those forbidden. Where the root counts too, its choices are met as a
// whole by the provider or as a whole by the root.
type memberFilter struct {
	choices  [][]tree.UUID
	none     []tree.UUID
	rootToo  bool
	rejected Stage // one of the two lists is empty
}

func (f *memberFilter) Check(p tree.Provider) bool {
	if len(f.none) > 0 {
		return !inAny(p, f.none) && !(f.rootToo && !p.IsRoot() && inAny(p.Root(), f.none))
	}
	return f.all(p) || f.rootToo && !p.IsRoot() && f.all(p.Root())
}

func (f *memberFilter) all(p tree.Provider) bool {
	for _, choice := range f.choices {
		if !inAny(p, choice) {
			return false
		}
	}
	return true
}

func (f *memberFilter) Rejects() (Stage, string) { return f.rejected, "" }

func inAny(p tree.Provider, aggregates []tree.UUID) bool {
	for _, a := range aggregates {
		if p.InAggregate(a) {
			return true
		}
	}
	return false
}

// treeFilter wants a provider of one tree.
type treeFilter struct {
	root uint32 // 0 if the provider that names it does not exist
	name string
}

func (f *treeFilter) Check(p tree.Provider) bool { return p.RootNumber() == f.root }

func (f *treeFilter) Rejects() (Stage, string) { return StageInTree, f.name }
