package bench

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

const (
	// treeSize is how many providers a tree of scale has.
	treeSize = 10
	// markedOf: one root of so many trees has the trait and the aggregate, one
	// provider of a thousand.
	markedOf    = 100
	scaleLimit  = 100
	scaleClaims = 16
)

// scale shows how cost grows with size.
var scale = workload{
	name: "scale", asked: true,
	about: fmt.Sprintf("PUT /allocations, and GET /allocation_candidates with a trait and an aggregate that 0.1%% have, by number of providers in trees of %d", treeSize),
	rows: func(w *world, o Options) []row {
		aggregate := uuid.NewString()
		var all []row
		for _, size := range o.Sizes {
			grow := func(ctx context.Context) error {
				first := len(w.providers)
				w.grow(size, aggregate)
				return w.build(ctx, first)
			}
			claim := func(c *caller) (int, error) {
				i := c.random.IntN(len(w.providers)/treeSize)*treeSize + 1 + c.random.IntN(treeSize-1)
				return 1, w.claim(c, w.providers[i])
			}
			marked := size / treeSize / markedOf
			selective := w.candidateRow(fmt.Sprintf("scale-selective-%d", size), 1, func() query {
				return query{
					wants:      map[string]map[string]int{"1": {"VCPU": 1, "DISK": 1}},
					rest:       fmt.Sprintf("&required1=%s&member_of1=%s&limit=%d", w.trait("MARK"), aggregate, scaleLimit),
					candidates: min(marked, scaleLimit), providers: 1,
				}
			})
			all = append(all,
				row{name: fmt.Sprintf("scale-claim-%d@1", size), clients: 1, unit: "claims", prepare: grow, do: claim},
				row{name: fmt.Sprintf("scale-claim-%d@%d", size, scaleClaims), clients: scaleClaims, unit: "claims", do: claim},
				selective)
		}
		return all
	},
}

// grow lays trees out until there are so many providers. All have the classes
// that claims take, roots alone a mark.
func (w *world) grow(size int, aggregate string) {
	totals := map[string]int{"VCPU": plenty, "MEMORY": plenty, "DISK": plenty}
	for len(w.providers)+treeSize <= size {
		tree := len(w.providers) / treeSize
		root := w.root(fmt.Sprintf("host-%d", tree), totals)
		if tree%markedOf == 0 {
			root.traits, root.aggregates = []string{w.trait("MARK")}, []string{aggregate}
		}
		for i := range treeSize - 1 {
			w.below(root, fmt.Sprintf("host-%d-%d", tree, i), totals)
		}
	}
}
