package api

import (
	"slices"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// namesMax bounds a list of names, which has no pages: a prefix cuts it down.
const namesMax = 100_000

func (c *call) names(all func(*tree.State) []string) (answer, error) {
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	names := []string{}
	prefix := c.query.Get("prefix")
	for _, name := range all(view.Tree) {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	if len(names) > c.s.namesMax {
		return answer{}, reject(wire.CodeTooLarge, "prefix", "%d names begin like this, the limit of one answer is %d; give a longer prefix", len(names), c.s.namesMax)
	}
	slices.Sort(names)
	return answer{body: wire.Names{State: stateOf(view), Names: names}}, nil
}

func (c *call) listClasses() (answer, error) { return c.names((*tree.State).ResourceClasses) }
func (c *call) listTraits() (answer, error)  { return c.names((*tree.State).Traits) }

func (c *call) createClass() (answer, error) {
	return c.do("", nil, wire.Op{CreateResourceClass: &wire.ResourceClassName{Name: c.r.PathValue("name")}})
}

func (c *call) deleteClass() (answer, error) {
	return c.do("", nil, wire.Op{RemoveResourceClass: &wire.ResourceClassName{Name: c.r.PathValue("name")}})
}

func (c *call) createTrait() (answer, error) {
	return c.do("", nil, wire.Op{CreateTrait: &wire.TraitName{Name: c.r.PathValue("name")}})
}

func (c *call) deleteTrait() (answer, error) {
	return c.do("", nil, wire.Op{RemoveTrait: &wire.TraitName{Name: c.r.PathValue("name")}})
}
