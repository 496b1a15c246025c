package placement

import (
	"iter"
	"net/http"
	"slices"

	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/jsontext"
	"github.com/treenode/treenode/transport/placement/schema"
)

// providerFilter is what GET /resource_providers asks for.
type providerFilter struct {
	name    string
	uuid    string
	inTree  string
	root    tree.UUID // of the tree that inTree names; zero where there is none
	members []members
	traits  wanted
	needs   []need
}

func (c *call) providerQuery() *schema.Schema {
	switch {
	case c.version >= 18:
		return schema.ListProviders18
	case c.version >= 14:
		return schema.ListProviders14
	case c.version >= 4:
		return schema.ListProviders4
	case c.version >= 3:
		return schema.ListProviders3
	}
	return schema.ListProviders0
}

func (c *call) providerFilter() (providerFilter, *failure) {
	var w providerFilter
	values, f := c.query(c.providerQuery())
	if f != nil {
		return w, f
	}
	w.name, w.uuid, w.inTree = lastOf(values, "name"), lastOf(values, "uuid"), lastOf(values, "in_tree")
	if w.members, f = c.parseMembers("member_of", values["member_of"]); f != nil {
		return w, f
	}
	if w.traits, f = c.parseTraits(values["required"]); f != nil {
		return w, f
	}
	if values.Has("resources") {
		w.needs, f = parseResources(lastOf(values, "resources"))
	}
	return w, f
}

func listProviders(c *call) *failure {
	w, f := c.providerFilter()
	if f != nil {
		return f
	}
	s, f := c.view()
	if f != nil {
		return f
	}
	if p, ok := lookup(s, w.inTree); ok {
		w.root = p.Root().UUID()
	} else if w.inTree != "" {
		c.modified(0)
		return c.reply(http.StatusOK, jsontext.NewObject().Set("resource_providers", []any{}))
	}
	if f := w.traits.unknown(s); f != nil {
		return f
	}
	if slices.ContainsFunc(w.members, func(m members) bool { return m.empty(s) }) {
		c.modified(0)
		return c.reply(http.StatusOK, jsontext.NewObject().Set("resource_providers", []any{}))
	}
	for _, n := range w.needs {
		if !s.HasResourceClass(n.class) {
			return badRequest("Invalid resource class in resources parameter: %s", noClass(n.class))
		}
	}
	list := []any{}
	var newest tree.Time
	for p := range w.candidates(s) {
		if w.holds(p) {
			list = append(list, c.presentProvider(p))
			newest = max(newest, p.UpdatedAt())
		}
	}
	c.modified(newest)
	return c.reply(http.StatusOK, jsontext.NewObject().Set("resource_providers", list))
}

// candidates are providers among which are all that hold: from the narrowest
// index that the filter allows.
func (w providerFilter) candidates(s *tree.State) iter.Seq[tree.Provider] {
	one := func(p tree.Provider, ok bool) iter.Seq[tree.Provider] {
		if !ok {
			return slices.Values([]tree.Provider(nil))
		}
		return slices.Values([]tree.Provider{p})
	}
	switch {
	case w.uuid != "":
		return one(lookup(s, w.uuid))
	case w.name != "":
		return one(s.Find(tree.ByName(w.name)))
	case w.inTree != "":
		p, ok := lookup(s, w.inTree)
		if !ok {
			return one(p, false)
		}
		return slices.Values(p.Root().Subtree())
	case len(w.needs) > 0:
		return s.ProvidersWithClass(w.needs[0].class, 0)
	}
	return s.Providers(0)
}

func (w providerFilter) holds(p tree.Provider) bool {
	if w.name != "" && p.Name() != w.name || w.uuid != "" && p.UUID().String() != w.uuid {
		return false
	}
	if w.inTree != "" && p.Root().UUID() != w.root {
		return false
	}
	for _, m := range w.members {
		if !m.holds(p) {
			return false
		}
	}
	for _, n := range w.needs {
		if !n.holds(p) {
			return false
		}
	}
	return w.traits.holds(p)
}
