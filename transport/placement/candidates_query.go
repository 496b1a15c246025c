package placement

import (
	"errors"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/schema"
)

// candidateQuery is what GET /allocation_candidates asks for, before names are
// looked up.
type candidateQuery struct {
	groups      []*groupQuery // in the order of their first mention
	root        wanted
	sameSubtree [][]string
	policy      string
	limit       int
}

// groupQuery is the part of a query that has one suffix.
type groupQuery struct {
	suffix  string
	needs   []need
	traits  wanted
	members []members
	inTree  tree.UUID // zero where it is not given
	nowhere bool      // in_tree is not written as we write UUIDs: nobody has it
}

func (c *call) candidatesSchema() *schema.Schema {
	switch {
	case c.version >= 36:
		return schema.Candidates36
	case c.version >= 35:
		return schema.Candidates35
	case c.version >= 33:
		return schema.Candidates33
	case c.version >= 31:
		return schema.Candidates31
	case c.version >= 25:
		return schema.Candidates25
	case c.version >= 21:
		return schema.Candidates21
	case c.version >= 17:
		return schema.Candidates17
	case c.version >= 16:
		return schema.Candidates16
	}
	return schema.Candidates10
}

// candidateQuery reads the query, with the checks in the order that clients
// can observe: traits of the root, sets of same_subtree, each group by itself,
// groups without resources, traits that exclude each other, the policy.
func (c *call) candidateQuery() (*candidateQuery, *failure) {
	parameters, f := c.parameters(c.candidatesSchema())
	if f != nil {
		return nil, f
	}
	values := valuesOf(parameters)
	q := &candidateQuery{}
	if f := c.rootTraits(q, values["root_required"]); f != nil {
		return nil, f
	}
	if f := q.subtrees(values["same_subtree"]); f != nil {
		return nil, f
	}
	if f := c.groups(q, parameters, values); f != nil {
		return nil, f
	}
	if f := c.emptyGroups(q); f != nil {
		return nil, f
	}
	if f := q.contradictions(); f != nil {
		return nil, f
	}
	suffixed := 0
	for _, g := range q.groups {
		if g.suffix != "" {
			suffixed++
		}
	}
	q.policy = values.Get("group_policy")
	if suffixed > 1 && q.policy == "" {
		return nil, badRequest(`The "group_policy" parameter is required when specifying more than one "resources{N}" parameter.`)
	}
	if text := values.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		switch {
		case errors.Is(err, strconv.ErrRange):
			n = math.MaxInt
		case err != nil: // the schema saw the last of several, and the first counts
			return nil, badRequest("Invalid query string parameters: %s is not a number", schema.Quoted(text))
		}
		q.limit = n
	}
	return q, nil
}

func (c *call) rootTraits(q *candidateQuery, values []string) *failure {
	if len(values) > 1 {
		return badRequest("Query parameter 'root_required' may be specified only once.").as(codeQueryDuplicateKey)
	}
	if len(values) == 0 {
		return nil
	}
	root, f := c.parseTraitList(values[0], false)
	if f != nil {
		return f
	}
	q.root = root
	var both []string
	for _, set := range root.required {
		if slices.Contains(root.forbidden, set[0]) && !slices.Contains(both, set[0]) {
			both = append(both, set[0])
		}
	}
	if both != nil {
		slices.Sort(both)
		return badRequest("Conflicting required and forbidden traits found in root_required: %s", strings.Join(both, ", ")).as(codeQueryBadValue)
	}
	return nil
}

func (q *candidateQuery) subtrees(values []string) *failure {
	for _, value := range values {
		var set []string
		for _, suffix := range strings.Split(value, ",") {
			suffix = strings.TrimSpace(suffix)
			if suffix == "" {
				return badRequest("Empty string (unsuffixed group) can not be specified in `same_subtree` ").as(codeQueryBadValue)
			}
			if !slices.Contains(set, suffix) {
				set = append(set, suffix)
			}
		}
		q.sameSubtree = append(q.sameSubtree, set)
	}
	return nil
}

// groupKeys are the parameters that take a suffix.
var groupKeys = []string{"resources", "required", "member_of", "in_tree"}

// groups reads the parameters of all groups.
func (c *call) groups(q *candidateQuery, parameters []parameter, values url.Values) *failure {
	bySuffix := map[string]*groupQuery{}
	done := map[string]bool{}
	for _, p := range parameters {
		key, suffix := "", ""
		for _, k := range groupKeys {
			// The schema let only suffixes through that are well formed.
			if rest, ok := strings.CutPrefix(p.name, k); ok {
				key, suffix = k, rest
			}
		}
		if key == "" || done[p.name] {
			continue
		}
		done[p.name] = key == "required" || key == "member_of" // all their values at once
		g := bySuffix[suffix]
		if g == nil {
			g = &groupQuery{suffix: suffix}
			bySuffix[suffix] = g
			q.groups = append(q.groups, g)
		}
		given := []string{p.value}
		if done[p.name] {
			given = values[p.name]
		}
		if f := c.groupParameter(g, key, p.name, given); f != nil {
			return f
		}
	}
	return nil
}

func (c *call) groupParameter(g *groupQuery, key, name string, values []string) (f *failure) {
	switch key {
	case "resources":
		for _, value := range values {
			if g.needs, f = parseResources(value); f != nil {
				return f
			}
		}
	case "required":
		g.traits, f = c.parseTraits(values)
	case "member_of":
		g.members, f = c.parseMembers(name, values)
	case "in_tree":
		for _, value := range values {
			text := strings.TrimSpace(value)
			u, ok := schema.UUID(text)
			if !ok {
				return badRequest("Invalid query string parameters: Expected 'in_tree' parameter to be a format of uuid. Got: %s", value)
			}
			g.inTree, g.nowhere = u, u.String() != text
		}
	}
	return f
}

// emptyGroups refuses groups without resources: below 1.36 all, from then on
// those that are in no set of same_subtree.
func (c *call) emptyGroups(q *candidateQuery) *failure {
	if c.version >= 36 {
		return q.unanchored()
	}
	if len(q.groups) == 0 {
		return badRequest("At least one request group (`resources` or `resources{$S}`) is required.")
	}
	var traits, members []string
	empty := false
	for _, g := range q.groups {
		if len(g.needs) > 0 {
			continue
		}
		empty = true
		if len(g.traits.required) > 0 { // not for forbidden ones alone
			traits = append(traits, "required"+g.suffix)
		}
		if len(g.members) > 0 {
			members = append(members, "member_of"+g.suffix)
		}
	}
	switch {
	case traits != nil:
		return badRequest("All traits parameters must be associated with resources.  Found the following orphaned traits keys: %s", strings.Join(traits, ", "))
	case members != nil:
		return badRequest("All member_of parameters must be associated with resources. Found the following orphaned member_of keys: %s", strings.Join(members, ", "))
	case empty:
		return badRequest("All request groups must specify resources.")
	}
	return nil
}

func (q *candidateQuery) unanchored() *failure {
	if !slices.ContainsFunc(q.groups, func(g *groupQuery) bool { return len(g.needs) > 0 }) {
		return badRequest("There must be at least one resources or resources[$S] parameter.").as(codeQueryMissingValue)
	}
	var named, suffixes, bad []string
	for _, set := range q.sameSubtree {
		named = append(named, set...)
	}
	for _, g := range q.groups {
		suffixes = append(suffixes, g.suffix)
		if len(g.needs) == 0 && !slices.Contains(named, g.suffix) {
			bad = append(bad, g.suffix)
		}
	}
	if bad != nil {
		return badRequest("Resourceless suffixed group request should be specified in `same_subtree` query param: bad group(s) - %s.", schema.Literal(bad)).as(codeQueryBadValue)
	}
	var missing []string
	for _, suffix := range named {
		if !slices.Contains(suffixes, suffix) && !slices.Contains(missing, suffix) {
			missing = append(missing, suffix)
		}
	}
	if missing != nil {
		slices.Sort(missing)
		return badRequest("Real suffixes should be specified in `same_subtree`: %s not found in %s.", schema.Literal(missing), schema.Literal(suffixes)).as(codeQueryBadValue)
	}
	return nil
}

// contradictions refuses groups that want one of a set of traits, all of which
// they forbid.
func (q *candidateQuery) contradictions() *failure {
	var found []string
	for _, g := range q.groups {
		for _, set := range g.traits.required {
			if slices.ContainsFunc(set, func(t string) bool { return !slices.Contains(g.traits.forbidden, t) }) {
				continue
			}
			names := slices.Sorted(slices.Values(set))
			text := "required" + g.suffix + ": (" + strings.Join(slices.Compact(names), ", ") + ")"
			found = append(found, text)
		}
	}
	if found == nil {
		return nil
	}
	slices.Sort(found)
	return badRequest("Conflicting required and forbidden traits found in the following traits keys: %s", strings.Join(found, ", "))
}

// unknownNames refuses classes and traits that nobody defined: those of the
// root first, then group by group.
func (q *candidateQuery) unknownNames(s *tree.State) *failure {
	if f := q.root.undefined(s, true); f != nil {
		return f
	}
	for _, g := range q.groups {
		for _, n := range g.needs {
			if !s.HasResourceClass(n.class) {
				return badRequest("Invalid resource class in resources parameter: %s", noClass(n.class))
			}
		}
		if f := g.traits.undefined(s, false); f != nil {
			return f
		}
	}
	return nil
}

// undefined refuses the first trait that nobody defined, in order of the
// request or of names.
func (w wanted) undefined(s *tree.State, sorted bool) *failure {
	var names []string
	for _, set := range w.required {
		names = append(names, set...)
	}
	if sorted {
		names = append(names, w.forbidden...)
		slices.Sort(names)
	} else {
		names = append(names, slices.Sorted(slices.Values(w.forbidden))...)
	}
	for _, name := range names {
		if !s.HasTrait(name) {
			return notDefined(name)
		}
	}
	return nil
}

func notDefined(trait string) *failure { return badRequest("No such trait(s): %s.", trait) }

// request is the search for it; false where no provider can be large enough.
func (q *candidateQuery) request(nested bool, o candidates.Options) (*candidates.Request, bool) {
	r := &candidates.Request{SameSubtree: q.sameSubtree, Nested: nested, Limit: q.limit, Options: o}
	if q.policy == "isolate" {
		r.Policy = candidates.Isolate
	}
	for _, set := range q.root.required {
		r.RootRequired = append(r.RootRequired, set[0])
	}
	r.RootForbidden = q.root.forbidden
	for _, g := range q.groups {
		if g.nowhere {
			return nil, false
		}
		group := candidates.Group{
			Suffix: g.suffix, Required: g.traits.required, Forbidden: g.traits.forbidden, InTree: g.inTree,
		}
		for _, n := range g.needs {
			if n.amount > amountMax {
				return nil, false
			}
			group.Resources = append(group.Resources, candidates.Resource{Class: n.class, Amount: n.amount})
		}
		for _, m := range g.members {
			if m.forbidden {
				group.NotMember = append(group.NotMember, m.aggregates...)
			} else {
				group.MemberOf = append(group.MemberOf, m.aggregates)
			}
		}
		r.Groups = append(r.Groups, group)
	}
	return r, true
}
