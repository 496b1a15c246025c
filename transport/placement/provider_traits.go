package placement

import (
	"net/http"
	"slices"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

func presentTraits(names []string, generation uint64) *jsontext.Object {
	list := []any{}
	for _, name := range names {
		list = append(list, name)
	}
	return jsontext.NewObject().Set("traits", list).Set("resource_provider_generation", generation)
}

func listProviderTraits(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		if f.status == http.StatusNotFound {
			f.message += ": " + f.message
		}
		return f
	}
	c.modified(p.UpdatedAt())
	return c.reply(http.StatusOK, presentTraits(p.Traits(), p.Generation()))
}

func setProviderTraits(c *call) *failure {
	body, f := c.body(schema.ProviderTraits)
	if f != nil {
		return f
	}
	s, p, f := c.provider()
	if f != nil {
		return f
	}
	if whole(body.Get("resource_provider_generation")) != int64(p.Generation()) { //nolint:gosec // counts writes
		return concurrent(generationChanged)
	}
	var names, unknown []string
	for _, t := range body.Array("traits") {
		name, _ := t.(string)
		switch {
		case slices.Contains(names, name) || slices.Contains(unknown, name):
		case s.HasTrait(name):
			names = append(names, name)
		default:
			unknown = append(unknown, name)
		}
	}
	if unknown != nil {
		slices.Sort(unknown)
		return badRequest("No such trait %s", strings.Join(unknown, ", "))
	}
	next, f := c.writeTraits(p, names)
	if f != nil {
		return f
	}
	c.modified(0)
	return c.reply(http.StatusOK, presentTraits(names, next))
}

// writeTraits replaces the traits of a provider that has to be as it was seen,
// and returns its generation.
func (c *call) writeTraits(p tree.Provider, names []string) (uint64, *failure) {
	if !p.TraitsChanged(names) {
		return p.Generation(), nil
	}
	result, f := c.propose(tree.Txn{
		Preconditions: []tree.Precondition{generation(p)},
		Ops:           []tree.Op{tree.ChangeTraits{Mode: tree.Set, Provider: tree.ByUUID(p.UUID()), Traits: names}},
	})
	switch {
	case f != nil:
		return 0, f
	case result.Refused == nil:
		return p.Generation() + 1, nil
	case result.Refused.Code == tree.CodeTraitNotFound:
		return 0, badRequest("%s", result.Refused.Message)
	}
	return 0, concurrent(generationChanged)
}

func deleteProviderTraits(c *call) *failure {
	_, p, f := c.provider()
	if f != nil {
		return f
	}
	if _, f := c.writeTraits(p, nil); f != nil {
		return f
	}
	return c.done(http.StatusNoContent)
}
