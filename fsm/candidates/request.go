package candidates

import (
	"fmt"
	"math"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
)

// Request says what is looked for. The zero value of every field but Groups
// and Nested is what a caller without a wish passes.
type Request struct {
	// Groups has at most one with the empty suffix, the one whose resources may
	// be spread over several providers.
	Groups []Group
	// Policy tells whether groups with a suffix may share a provider.
	Policy Policy
	// SameSubtree lists sets of suffixes: of the providers that meet the groups
	// of a set, one is ancestor of, or the same as, each of the others.
	SameSubtree [][]string
	// RootRequired and RootForbidden are traits of the root of the tree in
	// which the candidate lies.
	RootRequired  []string
	RootForbidden []string
	// Nested lets a candidate use several providers of one tree.
	Nested bool
	// Limit is the most candidates to return; 0 for all.
	Limit int

	Options
}

// Options are an operator's choices, the same for all requests.
type Options struct {
	// MaxGenerated is the most candidates to look at before Limit; 0 for no
	// bound.
	MaxGenerated int
	// MaxSteps bounds the work, as Stats.Steps counts it; 0 for no bound. A
	// search that meets it ends early, see Search.GaveUp.
	MaxSteps int
	Order    Order
	// Random mixes the candidates by Seed before Limit. Equal seeds give equal
	// results. See the package's documentation for what is mixed.
	Random bool
	Seed   uint64
}

// Policy tells whether groups with a suffix may share a provider.
type Policy uint8

// The policies.
const (
	None    Policy = iota // they may
	Isolate               // each is met by a provider of its own
)

// Order tells how the candidates of several trees follow each other.
type Order uint8

// The orders.
const (
	DepthFirst   Order = iota // all of one tree, then those of the next
	BreadthFirst              // one of each tree, then the second of each
)

// Group is what one provider has to offer, or several for the empty suffix.
type Group struct {
	Suffix string
	// Resources name each class once. Only a group with a suffix that is in a
	// set of SameSubtree may have none.
	Resources []Resource
	// Required is a list of choices: of each, one trait is needed.
	Required  [][]string
	Forbidden []string
	// MemberOf is a list of choices: of each, one aggregate is needed.
	MemberOf  [][]tree.UUID
	NotMember []tree.UUID
	// InTree, unless zero, is a provider; only its tree is looked at.
	InTree tree.UUID
}

// Resource is an amount of a class.
type Resource struct {
	Class  string
	Amount int64
}

// Code is the kind of an Error.
type Code string

// The codes.
const (
	CodeInvalid      Code = "invalid"
	CodeUnknownClass Code = "unknown_resource_class"
	CodeUnknownTrait Code = "unknown_trait"
)

// Error says why a request makes no sense. No search was done.
type Error struct {
	Code Code
	// Field is the part of the Request, such as groups[1].resources[0].class.
	Field string
	// Value is the class or trait that is not known.
	Value   string
	Message string
}

// Error implements error.
func (e *Error) Error() string { return e.Field + ": " + e.Message }

func invalid(field, format string, args ...any) *Error {
	return &Error{Code: CodeInvalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Limits of a request.
const (
	groupsMax    = 1000
	resourcesMax = 1000
	amountMax    = math.MaxInt32
)

// check looks at the request's form; names are looked up later.
func (r *Request) check() *Error {
	switch {
	case len(r.Groups) == 0:
		return invalid("groups", "at least one group is needed")
	case len(r.Groups) > groupsMax:
		return invalid("groups", "more than %d groups", groupsMax)
	case r.Limit < 0:
		return invalid("limit", "the limit must not be negative")
	case r.MaxGenerated < 0:
		return invalid("max_generated", "the bound must not be negative")
	case r.MaxSteps < 0:
		return invalid("max_steps", "the bound must not be negative")
	}
	suffixes := make(map[string]bool, len(r.Groups))
	some := false
	for i := range r.Groups {
		g := &r.Groups[i]
		if suffixes[g.Suffix] {
			return invalid(fmt.Sprintf("groups[%d].suffix", i), "suffix %q is used twice", g.Suffix)
		}
		suffixes[g.Suffix] = true
		some = some || len(g.Resources) > 0
		if err := g.check(i); err != nil {
			return err
		}
	}
	if !some {
		return invalid("groups", "no group has resources")
	}
	return r.checkSubtrees(suffixes)
}

func (g *Group) check(i int) *Error {
	if len(g.Resources) > resourcesMax {
		return invalid(fmt.Sprintf("groups[%d].resources", i), "more than %d resources", resourcesMax)
	}
	for j, res := range g.Resources {
		field := fmt.Sprintf("groups[%d].resources[%d]", i, j)
		if res.Amount < 1 || res.Amount > amountMax {
			return invalid(field+".amount", "amount must be from 1 to %d", amountMax)
		}
		if slices.ContainsFunc(g.Resources[:j], func(o Resource) bool { return o.Class == res.Class }) {
			return invalid(field+".class", "class %s is given twice", res.Class)
		}
	}
	for j, choice := range g.Required {
		if len(choice) == 0 {
			return invalid(fmt.Sprintf("groups[%d].required[%d]", i, j), "a choice without traits")
		}
	}
	for j, choice := range g.MemberOf {
		if len(choice) == 0 {
			return invalid(fmt.Sprintf("groups[%d].member_of[%d]", i, j), "a choice without aggregates")
		}
	}
	return nil
}

func (r *Request) checkSubtrees(suffixes map[string]bool) *Error {
	named := make(map[string]bool)
	for i, set := range r.SameSubtree {
		for j, suffix := range set {
			if suffix == "" || !suffixes[suffix] {
				return invalid(fmt.Sprintf("same_subtree[%d][%d]", i, j), "no group has the suffix %q", suffix)
			}
			named[suffix] = true
		}
	}
	for i, g := range r.Groups {
		if len(g.Resources) == 0 && !named[g.Suffix] {
			return invalid(fmt.Sprintf("groups[%d].resources", i), "group %q has no resources and is in no set of same_subtree", g.Suffix)
		}
	}
	return nil
}
