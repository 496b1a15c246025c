package api

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strconv"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// treeProvidersMax bounds a tree that is told whole.
const treeProvidersMax = 100_000

// scanStride is how many elements a scan looks at between two looks at the
// clock.
const scanStride = 1024

// collect takes elements that keep says yes to until there are limit, and
// reports whether there are more.
func collect[E any](ctx context.Context, all iter.Seq[E], limit int, keep func(E) bool) (found []E, more bool, err error) {
	seen := 0
	for e := range all {
		if seen++; seen%scanStride == 0 && ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		if !keep(e) {
			continue
		}
		if len(found) == limit {
			return found, true, nil
		}
		found = append(found, e)
	}
	return found, false, nil
}

// afterNumber reads the cursor of a list of providers: the number of the last
// one of the page before. Numbers are not reused, so that a page follows the
// one before even if its last provider has been removed since.
func (c *call) afterNumber() (uint32, error) {
	text := c.query.Get("after")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, reject(wire.CodeInvalid, "after", "%q is not the next of a page before", excerpt(text))
	}
	return uint32(n), nil
}

// pageOf answers with a page of providers.
func (c *call) pageOf(view *fsm.View, all func(after uint32) iter.Seq[tree.Provider], keep func(tree.Provider) bool) (answer, error) {
	limit, err := c.limit(wire.PageProvidersMax)
	if err != nil {
		return answer{}, err
	}
	after, err := c.afterNumber()
	if err != nil {
		return answer{}, err
	}
	found, more, err := collect(c.r.Context(), all(after), limit, keep)
	if err != nil {
		return answer{}, err
	}
	next := ""
	if more {
		next = strconv.FormatUint(uint64(found[len(found)-1].Number()), 10)
	}
	return list(stateOf(view), "providers", found, showProvider, next), nil
}

func (c *call) listTrees() (answer, error) {
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	return c.pageOf(view, view.Tree.Roots, anyProvider)
}

func (c *call) listProviders() (answer, error) {
	f, err := c.filter()
	if err != nil {
		return answer{}, err
	}
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	candidates, err := f.candidates(view)
	if err != nil {
		return answer{}, err
	}
	return c.pageOf(view, candidates, f.keeps)
}

// filter is what a list of providers is narrowed by; all of it must hold.
type filter struct {
	name      string
	uuid      tree.UUID
	rootsOnly bool
	inTree    string
	root      tree.UUID // of the tree that inTree is in
	traits    []string
	classes   []string
	memberOf  tree.UUID
}

func (c *call) filter() (*filter, error) {
	f := &filter{
		name: c.query.Get("name"), inTree: c.query.Get("in_tree"), traits: c.query["trait"], classes: c.query["resource_class"],
	}
	var err error
	if f.rootsOnly, err = c.flag("root"); err != nil {
		return nil, err
	}
	for _, u := range []struct {
		name string
		into *tree.UUID
	}{{"uuid", &f.uuid}, {"member_of", &f.memberOf}} {
		var refused *wire.Error
		if *u.into, refused = optionalUUID(u.name, c.query.Get(u.name)); refused != nil {
			return nil, refused
		}
	}
	return f, nil
}

// candidates chooses the index that is likely to leave the fewest providers to
// look at. Names that the state does not know are refused: they are more often
// misspelt than meant to find nothing.
func (f *filter) candidates(view *fsm.View) (func(after uint32) iter.Seq[tree.Provider], error) {
	s := view.Tree
	for _, trait := range f.traits {
		if !s.HasTrait(trait) {
			return nil, reject(wire.CodeTraitNotFound, "trait", "no trait %q", excerpt(trait))
		}
	}
	for _, class := range f.classes {
		if !s.HasResourceClass(class) {
			return nil, reject(wire.CodeClassNotFound, "resource_class", "no resource class %q", excerpt(class))
		}
	}
	var member tree.Provider
	if f.inTree != "" {
		var err error
		if member, err = find(view, "in_tree", f.inTree); err != nil {
			return nil, err
		}
		f.root = member.Root().UUID()
	}
	switch {
	case !f.uuid.IsZero():
		return oneProvider(s.Find(tree.ByUUID(f.uuid))), nil
	case f.name != "":
		return oneProvider(s.Find(tree.ByName(f.name))), nil
	case f.inTree != "" && f.rootsOnly:
		return oneProvider(member.Root(), true), nil
	case f.inTree != "":
		return byNumber(member.Root().Subtree()), nil
	case !f.memberOf.IsZero():
		return func(after uint32) iter.Seq[tree.Provider] { return s.ProvidersInAggregate(f.memberOf, after) }, nil
	case len(f.traits) > 0:
		return func(after uint32) iter.Seq[tree.Provider] { return s.ProvidersWithTrait(f.traits[0], after) }, nil
	case len(f.classes) > 0:
		return func(after uint32) iter.Seq[tree.Provider] { return s.ProvidersWithClass(f.classes[0], after) }, nil
	case f.rootsOnly:
		return s.Roots, nil
	}
	return s.Providers, nil
}

func oneProvider(p tree.Provider, ok bool) func(uint32) iter.Seq[tree.Provider] {
	return func(after uint32) iter.Seq[tree.Provider] {
		return func(yield func(tree.Provider) bool) {
			if ok && p.Number() > after {
				yield(p)
			}
		}
	}
}

// byNumber brings providers in order of creation, as the indexes have them.
func byNumber(all []tree.Provider) func(uint32) iter.Seq[tree.Provider] {
	slices.SortFunc(all, func(a, b tree.Provider) int { return cmp.Compare(a.Number(), b.Number()) })
	return func(after uint32) iter.Seq[tree.Provider] {
		i, found := slices.BinarySearchFunc(all, after, func(p tree.Provider, n uint32) int { return cmp.Compare(p.Number(), n) })
		if found {
			i++
		}
		return slices.Values(all[i:])
	}
}

func (f *filter) keeps(p tree.Provider) bool {
	if f.name != "" && p.Name() != f.name ||
		!f.uuid.IsZero() && p.UUID() != f.uuid ||
		f.rootsOnly && !p.IsRoot() ||
		f.inTree != "" && p.Root().UUID() != f.root ||
		!f.memberOf.IsZero() && !p.InAggregate(f.memberOf) {
		return false
	}
	for _, trait := range f.traits {
		if !p.HasTrait(trait) {
			return false
		}
	}
	for _, class := range f.classes {
		_, has := p.Inventory(class)
		if !has && !slices.ContainsFunc(p.Devices(), func(d tree.Device) bool { return d.Class == class }) {
			return false
		}
	}
	return true
}

func (c *call) getSubtree() (answer, error) {
	return c.topDown(func(p tree.Provider) tree.Provider { return p })
}
func (c *call) getTree() (answer, error) { return c.topDown(tree.Provider.Root) }

// topDown answers with everything below a provider and itself, whole: a tree
// in pages of different states would not be one.
func (c *call) topDown(top func(tree.Provider) tree.Provider) (answer, error) {
	view, p, err := c.provider()
	if err != nil {
		return answer{}, err
	}
	all := top(p).Subtree()
	if len(all) > c.s.treeMax {
		return answer{}, reject(wire.CodeTooLarge, "provider",
			"%d providers are below %s, the limit of one answer is %d; list them with in_tree, page by page, or ask for smaller subtrees",
			len(all), top(p).Name(), c.s.treeMax)
	}
	return list(stateOf(view), "providers", all, showProvider, ""), nil
}
