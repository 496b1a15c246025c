package tree

import (
	"slices"
	"strings"
)

// populating is one provider of a Populate while it is worked on.
type populating struct {
	given  PopulateProvider
	path   string
	number uint32 // 0 while it is new and not yet created
	uuid   UUID
}

// apply checks the whole list before it changes anything: who each provider
// is, that names and parents fit, that there is no loop. Then names, places,
// and contents follow, and last what is no longer given goes.
func (o Populate) apply(d *draft) error {
	if len(o.Providers) == 0 {
		return invalid("providers", "at least one provider is needed")
	}
	all, err := d.identify(o.Providers)
	if err != nil {
		return err
	}
	doomed := d.doomed(all)
	if err := d.checkPlaces(all, doomed); err != nil {
		return err
	}
	if err := d.freeNames(all, doomed); err != nil {
		return err
	}
	if err := d.place(all); err != nil {
		return err
	}
	for _, p := range all {
		if err := d.fill(p); err != nil {
			return err
		}
	}
	for _, number := range slices.Backward(doomed) {
		if err := d.removeProvider("providers", d.record(number)); err != nil {
			return err
		}
	}
	return nil
}

// identify finds out which of the providers exist.
func (d *draft) identify(given []PopulateProvider) ([]*populating, error) {
	all := make([]*populating, 0, len(given))
	uuids := make(map[UUID]bool, len(given))
	names := make(map[string]bool, len(given))
	for i, g := range given {
		p := &populating{given: g, path: indexed("providers", i) + ".", uuid: g.UUID}
		if err := checkName(p.path+"name", g.Name); err != nil {
			return nil, err
		}
		if names[g.Name] {
			return nil, refuse(CodeDuplicateName, "provider name %q is given twice", g.Name).at(p.path + "name")
		}
		names[g.Name] = true
		old, exists := d.find(Ref{UUID: g.UUID})
		if g.UUID.IsZero() {
			if old, exists = d.find(ByName(g.Name)); !exists {
				p.uuid = g.NewUUID
				if _, taken := d.find(ByUUID(p.uuid)); taken || p.uuid.IsZero() {
					return nil, refuse(CodeProviderExists, "no new UUID for provider %q", g.Name).at(p.path + "uuid")
				}
			}
		}
		if exists {
			p.number, p.uuid = old.number, old.uuid
		}
		if uuids[p.uuid] {
			return nil, refuse(CodeProviderExists, "provider %s is given twice", p.uuid).at(p.path + "uuid")
		}
		uuids[p.uuid] = true
		all = append(all, p)
	}
	return all, nil
}

// doomed lists the descendants of given providers that are not given, parents
// before children.
func (d *draft) doomed(all []*populating) []uint32 {
	given := make(map[uint32]bool, len(all))
	for _, p := range all {
		given[p.number] = true
	}
	var doomed []uint32
	seen := map[uint32]bool{}
	for _, p := range all {
		if p.number == 0 {
			continue
		}
		for _, number := range d.subtree(p.number) {
			if !given[number] && !seen[number] {
				seen[number] = true
				doomed = append(doomed, number)
			}
		}
	}
	return doomed
}

// checkPlaces refuses parents that do not exist or are going, naming every
// orphan, and loops.
func (d *draft) checkPlaces(all []*populating, doomed []uint32) error {
	byUUID := make(map[UUID]*populating, len(all))
	byName := make(map[string]*populating, len(all))
	for _, p := range all {
		byUUID[p.uuid], byName[p.given.Name] = p, p
	}
	going := make(map[uint32]bool, len(doomed))
	for _, number := range doomed {
		going[number] = true
	}
	parentOf := func(p *populating) (*populating, *provider) {
		r := p.given.Parent
		if given, ok := byUUID[r.UUID]; ok && !r.UUID.IsZero() {
			return given, nil
		}
		if given, ok := byName[r.Name]; ok && r.Name != "" {
			return given, nil
		}
		if old, ok := d.find(r); ok && !going[old.number] {
			return nil, old
		}
		return nil, nil
	}
	var orphans []string
	var first *populating
	for _, p := range all {
		if p.given.Parent.IsZero() {
			continue
		}
		if given, old := parentOf(p); given == nil && old == nil {
			orphans = append(orphans, p.given.Name)
			if first == nil {
				first = p
			}
		}
	}
	if first != nil {
		e := refuse(CodeOrphan, "no parent among the given or existing providers for: %s", strings.Join(orphans, ", ")).at(first.path + "parent")
		e.Provider = first.given.Name
		return e
	}
	byNumber := make(map[uint32]*populating, len(all))
	for _, p := range all {
		byNumber[p.number] = p
	}
	// Walk up as the tree will be: given providers by their new parent, others
	// by the one they have. A walk that meets itself is a loop; one that meets
	// an earlier walk ends well.
	walked := make(map[*populating]int, len(all))
	for walk, p := range all {
		at, old := p, (*provider)(nil)
		for at != nil || old != nil {
			if at != nil {
				if before, ok := walked[at]; ok && before == walk {
					return refuse(CodeLoop, "provider %q would hang below itself", p.given.Name).at(p.path + "parent")
				} else if ok {
					break
				}
				walked[at] = walk
			}
			switch {
			case at != nil && at.given.Parent.IsZero():
				at, old = nil, nil
			case at != nil:
				at, old = parentOf(at)
			case old.parent == 0:
				at, old = nil, nil
			default:
				number := old.parent
				if given, ok := byNumber[number]; ok {
					at, old = given, nil
				} else {
					old = d.record(number)
				}
			}
			if old != nil {
				if given, ok := byNumber[old.number]; ok {
					at, old = given, nil
				}
			}
		}
	}
	return nil
}

// freeNames takes the old names of renamed and doomed providers out of the
// way, so that names may be swapped, and refuses names others keep.
func (d *draft) freeNames(all []*populating, doomed []uint32) error {
	leaving := make(map[string]bool, len(doomed))
	for _, number := range doomed {
		leaving[d.record(number).name] = true
	}
	renamed := make([]*populating, 0)
	for _, p := range all {
		if p.number != 0 && d.record(p.number).name != p.given.Name {
			renamed = append(renamed, p)
			leaving[d.record(p.number).name] = true
		}
	}
	for _, p := range all {
		if p.number != 0 && d.record(p.number).name == p.given.Name {
			continue
		}
		if !leaving[p.given.Name] {
			if err := d.freeName(p.path+"name", p.given.Name); err != nil {
				return err
			}
		}
	}
	for i, number := range doomed {
		// A doomed provider keeps its record until the end, under a name
		// that no other can have: names do not start with NUL.
		if err := d.rename(number, "\x00"+indexed("doomed", i)); err != nil {
			return err
		}
	}
	for i, p := range renamed {
		if err := d.rename(p.number, "\x00"+indexed("renamed", i)); err != nil {
			return err
		}
	}
	for _, p := range renamed {
		if err := d.rename(p.number, p.given.Name); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) rename(number uint32, name string) error {
	p := d.record(number)
	if err := d.dropName(p.name); err != nil {
		return err
	}
	next := d.edit(p)
	next.name = name
	if err := d.putProvider("rename provider", next); err != nil {
		return err
	}
	return d.putName(name, number)
}

// place creates the new providers and moves the old ones. New ones start as
// roots, so that order does not matter; roots follow once all hang in place.
func (d *draft) place(all []*populating) error {
	for _, p := range all {
		if p.number != 0 {
			d.created = append(d.created, p.uuid)
			continue
		}
		made, err := d.createProvider(p.path, p.uuid, p.given.Name, &provider{})
		if err != nil {
			return err
		}
		p.number = made.number
	}
	// First every provider whose parent changes is taken out, then each is
	// hung in: no intermediate place can be a loop.
	type change struct{ number, parent uint32 }
	var changes []change
	for _, p := range all {
		parent := uint32(0)
		if !p.given.Parent.IsZero() {
			r, err := d.need(p.path+"parent", p.given.Parent)
			if err != nil {
				return err
			}
			parent = r.number
		}
		if d.record(p.number).parent != parent {
			changes = append(changes, change{p.number, parent})
		}
	}
	for _, c := range changes {
		if d.record(c.number).parent != 0 {
			if err := d.move(d.record(c.number), &provider{}); err != nil {
				return err
			}
		}
	}
	for _, c := range changes {
		if c.parent != 0 {
			if err := d.move(d.record(c.number), d.record(c.parent)); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill replaces the parts that are given.
func (d *draft) fill(p *populating) error {
	if g := p.given.Inventories; g != nil {
		given, err := d.inventoriesFrom(p.path+"inventories.", *g)
		if err != nil {
			return err
		}
		if old := d.record(p.number); !slices.EqualFunc(old.inventories, given, inventory.same) {
			if err := d.setInventories(p.path+"inventories.", old, given); err != nil {
				return err
			}
		}
	}
	if g := p.given.Traits; g != nil {
		given, err := d.traitsFrom(*g)
		if err != nil {
			err.Field = p.path + "traits"
			return err
		}
		if err := d.setTraits(d.record(p.number), given); err != nil {
			return err
		}
	}
	if g := p.given.Aggregates; g != nil {
		given, err := aggregatesFrom(*g)
		if err != nil {
			err.Field = p.path + "aggregates"
			return err
		}
		if old := d.record(p.number); !slices.Equal(old.aggregates, given) {
			next := d.edit(old)
			next.generation++
			if err := d.setAggregates(old, next, given); err != nil {
				return err
			}
		}
	}
	if g := p.given.Resources; g != nil {
		given, err := d.devicesFrom(p.path+"resources.", *g)
		if err != nil {
			return err
		}
		if err := d.setDevices(d.record(p.number), given); err != nil {
			return err
		}
	}
	return nil
}
