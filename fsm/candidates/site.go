package candidates

import (
	"slices"

	"github.com/treenode/treenode/fsm/tree"
)

// place is a provider within reach of a tree that fits some slot.
type place struct {
	provider tree.Provider
	// rooms has, for each class of the plan, the most that all slots together
	// can take: what is left, but no more than max_unit; negative for none.
	rooms   []int64
	sharing bool
	// above are the numbers of all ancestors; only with sets of same_subtree.
	above []uint32
}

// site is one tree with the sharing providers within its reach, and where each
// slot could go.
type site struct {
	plan   *plan
	root   tree.Provider
	places []place
	// domains has, for each kind, the places that fit it.
	domains [][]int32

	// What follows is memory that is used again for the next tree.
	walk    walk
	members []tree.Provider
	rooms   []room
	near    []int32
	sums    []int64
	sorted  []int32
	head    []int32
	next    []int32
}

func (p *plan) newSite() *site {
	return &site{plan: p, domains: make([][]int32, len(p.kinds)), rooms: make([]room, len(p.classes))}
}

// enter looks at a tree and reports whether every slot has a place.
func (t *site) enter(root tree.Provider) bool {
	p := t.plan
	t.root = root
	t.places = t.places[:0]
	t.sorted = t.sorted[:0]
	for k := range t.domains {
		t.domains[k] = t.domains[k][:0]
	}
	for _, f := range p.rootFilters {
		if !f.Check(root) {
			if p.observer != nil {
				p.observer.Rejected(Rejection{Stage: StageRootTraits, Provider: root, Detail: f.names})
			}
			return false
		}
	}
	t.members = root.AppendSubtree(t.members[:0])
	for _, m := range t.members {
		p.look(m, t.rooms)
		index := int32(-1)
		for k := range p.kinds {
			if !p.fits(k, m, t.rooms, p.observer) {
				continue
			}
			if index < 0 {
				index = t.addPlace(m)
				t.places[index].sharing = len(p.sharing) > 0 && m.HasTraitNumber(p.sharingTrait)
			}
			t.domains[k] = append(t.domains[k], index)
		}
	}
	if len(p.sharing) > 0 {
		t.addSharing()
	}
	for k := range t.domains {
		if len(t.domains[k]) == 0 {
			if p.observer != nil {
				p.observer.Rejected(Rejection{Stage: StageDomain, Provider: root, Suffix: p.kinds[k].group.Suffix})
			}
			return false
		}
	}
	return t.hasChoices()
}

// hasChoices reports whether each trait wanted of the group without suffix is
// on a provider that could contribute.
func (t *site) hasChoices() bool {
	p := t.plan
	for _, choice := range p.choices {
		has := slices.ContainsFunc(p.loose, func(s int32) bool {
			return slices.ContainsFunc(t.domains[p.slots[s].kind], func(at int32) bool { return choice.Check(t.places[at].provider) })
		})
		if !has {
			if p.observer != nil {
				p.observer.Rejected(Rejection{Stage: StageTraits, Provider: t.root, Detail: choice.names})
			}
			return false
		}
	}
	return true
}

// addPlace adds the provider whose rooms were looked at last. It uses the
// memory of places of an earlier tree where there is some.
func (t *site) addPlace(provider tree.Provider) int32 {
	n := len(t.places)
	if n < cap(t.places) {
		t.places = t.places[:n+1]
	} else {
		t.places = append(t.places, place{})
	}
	at := &t.places[n]
	at.provider = provider
	if at.rooms == nil {
		at.rooms = make([]int64, len(t.rooms))
	}
	for i, r := range t.rooms {
		at.rooms[i] = -1
		if r.there {
			at.rooms[i] = min(r.Free, r.MaxUnit)
		}
	}
	at.above = at.above[:0]
	if len(t.plan.subtrees) > 0 {
		for up, ok := provider.Parent(); ok; up, ok = up.Parent() {
			at.above = append(at.above, up.Number())
		}
	}
	return int32(n) //nolint:gosec // provider numbers have 32 bits
}

// addSharing adds the sharing providers of other trees that are in an
// aggregate with any member of this one.
func (t *site) addSharing() {
	p := t.plan
	t.near = t.near[:0]
	root := t.root.Number()
	for _, m := range t.members {
		m.EachAggregate(func(a tree.UUID) bool {
			for _, i := range p.sharedBy[a] {
				if p.sharing[i].provider.RootNumber() != root {
					t.near = append(t.near, i)
				}
			}
			return true
		})
	}
	slices.Sort(t.near)
	t.near = slices.Compact(t.near)
	for _, i := range t.near {
		s := &p.sharing[i]
		p.look(s.provider, t.rooms)
		index := t.addPlace(s.provider)
		t.places[index].sharing = true
		for k, fits := range s.fits {
			if fits {
				t.domains[k] = append(t.domains[k], index)
			}
		}
	}
}
