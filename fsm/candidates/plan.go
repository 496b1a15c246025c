package candidates

import (
	"fmt"
	"slices"
	"strings"

	"github.com/treenode/treenode/fsm/tree"
)

// plan is a request with its names looked up in one state, and what is the
// same for every tree. A slot is what one provider has to meet: a group with a
// suffix is one slot, the group without has one for each class.
type plan struct {
	state    *tree.State
	request  *Request
	observer Observer
	isolate  bool

	classes []class
	groups  []group
	slots   []slot // those of a group are neighbours
	kinds   []kind // like slots share a kind
	needs   int    // of all slots

	all      []int32        // the slots' numbers
	loose    []int32        // the slots of the group without suffix
	choices  []*traitFilter // each wanted of any provider of the loose slots
	subtrees [][]int32      // slots

	rootFilters []*traitFilter

	sharingTrait uint32
	sharing      []share
	sharedBy     map[tree.UUID][]int32 // aggregate: members among sharing
}

type class struct {
	name   string
	number uint32
}

type group struct {
	suffix string
	kind   int32 // of its only slot, if it has a suffix
}

type slot struct {
	group, kind int32
	suffixed    bool
	needs       []need
}

type need struct {
	class  int32
	amount int64
}

// kind is what slots that accept the same providers have in common.
type kind struct {
	group   *Group
	needs   []need
	filters []filter
	shared  []int32 // members of plan.sharing that fit
}

// share is a sharing provider that fits some kind.
type share struct {
	provider tree.Provider
	fits     []bool // by kind
}

func compile(s *tree.State, r *Request, o Observer) (*plan, *Error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	p := &plan{state: s, request: r, observer: o, isolate: r.Policy == Isolate}
	for i := range r.Groups {
		if err := p.addGroup(i); err != nil {
			return nil, err
		}
	}
	for i := range p.slots {
		p.all = append(p.all, int32(i))
		p.needs += len(p.slots[i].needs)
	}
	for i, names := range [2][]string{r.RootRequired, r.RootForbidden} {
		for j, name := range names {
			field := fmt.Sprintf("%s[%d]", [...]string{"root_required", "root_forbidden"}[i], j)
			f, err := p.traitFilter(field, []string{name}, i == 1)
			if err != nil {
				return nil, err
			}
			p.rootFilters = append(p.rootFilters, f)
		}
	}
	for _, set := range r.SameSubtree {
		var slots []int32
		for i := range p.slots {
			if slices.Contains(set, p.groups[p.slots[i].group].suffix) {
				slots = append(slots, int32(i))
			}
		}
		if len(slots) > 1 {
			p.subtrees = append(p.subtrees, slots)
		}
	}
	// With one slot, a sharing provider is found in its own tree.
	if len(p.slots) > 1 || len(p.rootFilters) > 0 {
		p.findSharing()
	}
	return p, nil
}

func (p *plan) addGroup(i int) *Error {
	g := &p.request.Groups[i]
	number := int32(len(p.groups)) //nolint:gosec // bounded by check
	loose := g.Suffix == ""
	if !loose {
		for k := range p.kinds {
			if alike(p.kinds[k].group, g) {
				p.groups = append(p.groups, group{g.Suffix, int32(k)})
				p.slots = append(p.slots, slot{number, int32(k), true, p.kinds[k].needs})
				return nil
			}
		}
	}
	needs := make([]need, len(g.Resources))
	for j, res := range g.Resources {
		c, err := p.class(fmt.Sprintf("groups[%d].resources[%d].class", i, j), res.Class)
		if err != nil {
			return err
		}
		needs[j] = need{c, res.Amount}
	}
	filters, err := p.filters(i, g)
	if err != nil {
		return err
	}
	p.groups = append(p.groups, group{suffix: g.Suffix, kind: int32(len(p.kinds))}) //nolint:gosec // as above
	if !loose {
		p.addSlot(number, g, needs, filters)
		return nil
	}
	for j := range needs {
		p.loose = append(p.loose, int32(len(p.slots))) //nolint:gosec // bounded by check
		p.addSlot(number, g, needs[j:j+1:j+1], filters)
	}
	return nil
}

func (p *plan) addSlot(group int32, g *Group, needs []need, filters []filter) {
	p.slots = append(p.slots, slot{group, int32(len(p.kinds)), g.Suffix != "", needs}) //nolint:gosec // bounded by check
	p.kinds = append(p.kinds, kind{group: g, needs: needs, filters: filters})
}

// alike reports whether two groups with suffixes accept the same providers and
// take the same of them.
func alike(a, b *Group) bool {
	return a.Suffix != "" && a.InTree == b.InTree &&
		slices.Equal(a.Resources, b.Resources) &&
		slices.Equal(a.Forbidden, b.Forbidden) &&
		slices.Equal(a.NotMember, b.NotMember) &&
		slices.EqualFunc(a.Required, b.Required, slices.Equal) &&
		slices.EqualFunc(a.MemberOf, b.MemberOf, slices.Equal)
}

func (p *plan) class(field, name string) (int32, *Error) {
	for i, c := range p.classes {
		if c.name == name {
			return int32(i), nil
		}
	}
	number, ok := p.state.ClassNumber(name)
	if !ok {
		return 0, &Error{CodeUnknownClass, field, name, fmt.Sprintf("no resource class %q", name)}
	}
	p.classes = append(p.classes, class{name, number})
	return int32(len(p.classes) - 1), nil //nolint:gosec // bounded by check
}

func (p *plan) traitFilter(field string, names []string, none bool) (*traitFilter, *Error) {
	f := &traitFilter{names: strings.Join(names, ","), none: none}
	for _, name := range names {
		number, ok := p.state.TraitNumber(name)
		if !ok {
			return nil, &Error{CodeUnknownTrait, field, name, fmt.Sprintf("no trait %q", name)}
		}
		f.traits = append(f.traits, number)
	}
	return f, nil
}

// filters are the conditions of a group on each provider alone. Traits wanted
// by the group without suffix are not among them, they go into choices.
func (p *plan) filters(i int, g *Group) ([]filter, *Error) {
	var all []filter
	if !g.InTree.IsZero() {
		f := &treeFilter{name: g.InTree.String()}
		if in, ok := p.state.Find(tree.ByUUID(g.InTree)); ok {
			f.root = in.RootNumber()
		}
		all = append(all, f)
	}
	loose := g.Suffix == ""
	for j, choice := range g.Required {
		f, err := p.traitFilter(fmt.Sprintf("groups[%d].required[%d]", i, j), choice, false)
		if err != nil {
			return nil, err
		}
		if loose {
			p.choices = append(p.choices, f)
		} else {
			all = append(all, f)
		}
	}
	if len(g.Forbidden) > 0 {
		f, err := p.traitFilter(fmt.Sprintf("groups[%d].forbidden", i), g.Forbidden, true)
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	if len(g.MemberOf) > 0 {
		all = append(all, &memberFilter{choices: g.MemberOf, rootToo: loose, rejected: StageAggregates})
	}
	if len(g.NotMember) > 0 {
		all = append(all, &memberFilter{none: g.NotMember, rootToo: loose, rejected: StageNotAggregates})
	}
	return all, nil
}

// sharingTrait marks a provider that serves every tree with which it shares an
// aggregate.
const sharingTrait = "MISC_SHARES_VIA_AGGREGATE"

func (p *plan) findSharing() {
	trait, ok := p.state.TraitNumber(sharingTrait)
	if !ok {
		return
	}
	p.sharingTrait = trait
	rooms := make([]room, len(p.classes))
	p.state.IndexOfTrait(trait).Each(0, func(number uint32) bool {
		provider, _ := p.state.ByNumber(number)
		index := int32(len(p.sharing)) //nolint:gosec // provider numbers have 32 bits
		p.look(provider, rooms)
		s := share{provider: provider, fits: make([]bool, len(p.kinds))}
		any := false
		for k := range p.kinds {
			if p.fits(k, provider, rooms, nil) {
				s.fits[k], any = true, true
				p.kinds[k].shared = append(p.kinds[k].shared, index)
			}
		}
		if !any {
			return true
		}
		p.sharing = append(p.sharing, s)
		if p.sharedBy == nil {
			p.sharedBy = make(map[tree.UUID][]int32)
		}
		provider.EachAggregate(func(a tree.UUID) bool {
			p.sharedBy[a] = append(p.sharedBy[a], index)
			return true
		})
		return true
	})
}

// room is the room of one class on a provider, if it has the class.
type room struct {
	tree.Room
	there bool
}

// look gets a provider's rooms of all classes.
func (p *plan) look(provider tree.Provider, rooms []room) {
	for i := range rooms {
		rooms[i].Room, rooms[i].there = provider.RoomOf(p.classes[i].number)
	}
}

// fits reports whether the provider, which has the rooms, alone can meet the
// kind.
func (p *plan) fits(k int, provider tree.Provider, rooms []room, o Observer) bool {
	kind := &p.kinds[k]
	for _, n := range kind.needs {
		room := &rooms[n.class]
		if room.there && room.Fits(n.amount) {
			continue
		}
		if o != nil {
			stage := StageCapacity
			switch {
			case !room.there:
				stage = StageClass
			case room.Free >= n.amount:
				stage = StageAmount
			}
			o.Rejected(Rejection{stage, provider, kind.group.Suffix, p.classes[n.class].name})
		}
		return false
	}
	for _, f := range kind.filters {
		if !f.Check(provider) {
			if o != nil {
				stage, detail := f.Rejects()
				o.Rejected(Rejection{stage, provider, kind.group.Suffix, detail})
			}
			return false
		}
	}
	return true
}
