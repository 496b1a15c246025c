package fsm

import (
	"fmt"
	"math"

	"github.com/treenode/treenode/fsm/tree"
)

// Raise is how much higher the numbers of a view become that another cluster
// begins with. Numbers are what clients remember of a state: where a state goes
// back to an earlier one, the same number must not come to mean something else.
type Raise struct {
	// Index is added to the log index and to the revision.
	Index uint64
	// Generations is added to the generation of every provider and consumer.
	Generations uint64
}

// Raised returns the view with higher numbers, and all else as it is: also the
// answers that are remembered, with the numbers that were told to their callers.
// The view that it is called on stays. The error names the number that would be
// too large.
func (v *View) Raised(r Raise) (*View, error) {
	meta := v.Tree.Meta()
	var err error
	add := func(what string, n, by uint64) uint64 {
		if n > math.MaxInt64 || by > math.MaxInt64-n {
			if err == nil {
				err = fmt.Errorf("%s is %d and can't be raised by %d", what, n, by)
			}
			return n
		}
		return n + by
	}
	next := &View{Index: add("the index", v.Index, r.Index), requests: v.requests, logTime: v.logTime}
	meta.Revision = add("the revision", meta.Revision, r.Index)
	b := tree.NewBuilder(meta)
	for c := range v.Tree.ClassRecords() {
		b.AddClass(c)
	}
	for t := range v.Tree.TraitRecords() {
		b.AddTrait(t)
	}
	for p := range v.Tree.ProviderRecords() {
		p.Generation = add("the generation of provider "+p.UUID.String(), p.Generation, r.Generations)
		b.AddProvider(p)
	}
	for c := range v.Tree.ConsumerRecords() {
		c.Generation = add("the generation of consumer "+c.UUID.String(), c.Generation, r.Generations)
		b.AddConsumer(c)
	}
	if err != nil {
		return nil, err
	}
	next.Tree, err = b.Build()
	return next, err
}

// LogTime is the time of the newest entry, in microseconds since 1970.
func (v *View) LogTime() tree.Time { return v.logTime }
