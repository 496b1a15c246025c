package client

import (
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// Populate adds the providers given, in any order, or replaces them where they
// exist: by UUID or, without one, by name. A part that is nil stays as it is;
// one that is there, even if empty, replaces what was. Descendants of a given
// provider that are not given themselves are removed. A parent must be given
// or be in the Tree; the error of code orphan names every provider without.
func (t *Tree) Populate(providers ...wire.PopulateProvider) error {
	if len(providers) == 0 {
		return refuse(wire.CodeInvalid, "providers", "at least one provider is needed")
	}
	p := &populating{
		f: t.now.clone(), given: providers, byUUID: map[string]int{}, byName: map[string]int{}, doomed: map[string]*record{},
	}
	for _, step := range []func() *Error{p.identify, p.doom, p.findParents, p.checkLoops, p.checkNames, p.fill} {
		if err := step(); err != nil {
			return err
		}
	}
	p.removeDoomed()
	p.place()
	t.now = p.f
	t.version++
	return nil
}

// populating is a Populate on its way, on a copy of the forest. All checks are
// made before that copy is changed.
type populating struct {
	f       *forest
	given   []wire.PopulateProvider
	records []*record // what becomes of each one given
	byUUID  map[string]int
	byName  map[string]int
	doomed  map[string]*record // descendants that are not given
}

func field(i int, name string) string { return indexed("providers", i) + "." + name }

// identify finds out who each provider is.
func (p *populating) identify() *Error {
	for i, g := range p.given {
		if err := checkName(field(i, "name"), g.Name); err != nil {
			return err
		}
		if _, twice := p.byName[g.Name]; twice {
			return refuse(wire.CodeDuplicateName, field(i, "name"), "provider name %q is given twice", g.Name)
		}
		p.byName[g.Name] = i
		old, err := p.known(i, g)
		if err != nil {
			return err
		}
		next := &record{inventories: map[string]wire.Inventory{}, devices: devices{}}
		if old != nil {
			*next = *old
		} else if next.uuid, err = p.f.newUUID(field(i, "uuid"), g.UUID); err != nil {
			return err
		}
		next.name = g.Name
		if _, twice := p.byUUID[next.uuid]; twice {
			return refuse(wire.CodeProviderExists, field(i, "uuid"), "provider %s is given twice", next.uuid)
		}
		p.byUUID[next.uuid] = i
		p.records = append(p.records, next)
	}
	return nil
}

func (p *populating) known(i int, g wire.PopulateProvider) (*record, *Error) {
	if g.UUID == "" {
		return p.f.records[p.f.uuids[g.Name]], nil
	}
	u, err := checkUUID(field(i, "uuid"), g.UUID)
	if err != nil {
		return nil, err
	}
	return p.f.records[u], nil
}

// doom finds the descendants that are not given.
func (p *populating) doom() *Error {
	for u := range p.byUUID {
		if _, ok := p.f.records[u]; !ok {
			continue
		}
		for _, r := range p.f.subtree(u) {
			if _, stays := p.byUUID[r.uuid]; !stays {
				p.doomed[r.uuid] = r
			}
		}
	}
	return nil
}

// findParents resolves the parents in the tree as it will be: by the new names
// of those given and the names of others that stay.
func (p *populating) findParents() *Error {
	var orphans []string
	first := 0
	for i, g := range p.given {
		parent := ""
		if g.Parent != "" {
			var ok bool
			if parent, ok = p.resolve(g.Parent, p.records[i].parent); !ok {
				if len(orphans) == 0 {
					first = i
				}
				orphans = append(orphans, g.Name)
			}
		}
		p.records[i].parent = parent
	}
	if len(orphans) > 0 {
		return refuse(wire.CodeOrphan, field(first, "parent"), "no parent among the given or existing providers for: %s",
			strings.Join(orphans, ", ")).about(p.given[first].Name)
	}
	return nil
}

// resolve finds a parent. One outside of the Tree is known only as the parent
// that the provider has.
func (p *populating) resolve(ref, have string) (string, bool) {
	if u, ok := canonicalUUID(ref); ok {
		if _, given := p.byUUID[u]; given || p.f.records[u] != nil && p.doomed[u] == nil {
			return u, true
		}
		if _, outside := p.f.outside[u]; outside && u == have {
			return u, true
		}
	}
	if i, given := p.byName[ref]; given {
		return p.records[i].uuid, true
	}
	// The old name of a provider that gets a new one does not count.
	u, ok := p.f.uuids[ref]
	if _, given := p.byUUID[u]; !ok || given || p.doomed[u] != nil {
		return "", false
	}
	return u, true
}

// checkLoops refuses providers that would hang below themselves. A walk up
// that meets an earlier one ends well, and so does one that meets a provider
// which is not given: nothing above that is given, or it would be doomed.
func (p *populating) checkLoops() *Error {
	walked := map[string]int{}
	for i, r := range p.records {
		for at := r; ; {
			walk, met := walked[at.uuid]
			if met && walk == i {
				return refuse(wire.CodeLoop, field(i, "parent"), "provider %q would hang below itself", r.name).about(r.uuid)
			}
			walked[at.uuid] = i
			above, given := p.byUUID[at.parent]
			if met || !given {
				break
			}
			at = p.records[above]
		}
	}
	return nil
}

// checkNames refuses names that others keep.
func (p *populating) checkNames() *Error {
	for i, r := range p.records {
		holder := p.f.uuids[r.name]
		if _, given := p.byUUID[holder]; holder != "" && !given && p.doomed[holder] == nil {
			return refuse(wire.CodeDuplicateName, field(i, "name"), "provider name %q is taken", r.name).about(holder)
		}
	}
	return nil
}

// fill puts in the parts given.
func (p *populating) fill() *Error {
	var err *Error
	for i, g := range p.given {
		r := p.records[i]
		if g.Inventories != nil {
			if r.inventories, err = checkInventories(field(i, ""), g.Inventories); err != nil {
				return err
			}
		}
		if g.Traits != nil {
			if r.traits, err = checkTerms(field(i, "traits"), g.Traits); err != nil {
				return err
			}
		}
		if g.Aggregates != nil {
			if r.aggregates, err = checkAggregates(field(i, "aggregates"), g.Aggregates); err != nil {
				return err
			}
		}
		if g.Resources != nil {
			if r.devices, err = checkResources(field(i, ""), g.Resources); err != nil {
				return err
			}
		}
	}
	return nil
}

// removeDoomed drops the doomed. Those given that hang below one are in no
// list of children until they are put in place.
func (p *populating) removeDoomed() {
	for _, r := range p.doomed {
		delete(p.f.children, r.uuid)
		delete(p.f.records, r.uuid)
		delete(p.f.uuids, r.name)
	}
	for key, list := range p.f.children {
		left := slices.DeleteFunc(list, func(u string) bool { return p.doomed[u] != nil })
		if p.f.children[key] = left; len(left) == 0 {
			delete(p.f.children, key)
		}
	}
}

// place puts everyone given in place: new ones first at the top, so that none
// is put below one that is not there yet.
func (p *populating) place() {
	for _, r := range p.records {
		if _, known := p.f.records[r.uuid]; !known {
			bare := *r
			bare.parent = ""
			p.f.put(&bare)
		}
	}
	for _, r := range p.records {
		p.f.put(r)
	}
}
