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

	// The parent in the tree as it will be: one that is given too, or else
	// the number of one that stays, 0 for a root.
	parent *populating
	above  uint32
}

// apply checks the whole list before it changes anything: who each provider
// is, that parents fit, that there is no loop, that what goes is unused, that
// names fit. Then names, places, and contents follow, and last what is no
// longer given goes.
func (o Populate) apply(d *draft) error {
	if len(o.Providers) == 0 {
		return invalid("providers", "at least one provider is needed")
	}
	all, err := d.identify(o.Providers)
	if err != nil {
		return err
	}
	doomed := d.doomed(all)
	if err := d.findParents(all, doomed); err != nil {
		return err
	}
	if err := checkLoops(all); err != nil {
		return err
	}
	for _, number := range doomed {
		if err := d.needUnused("providers", d.record(number)); err != nil {
			return err
		}
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
	seen := make(map[uint32]bool, len(all))
	for _, p := range all {
		if p.number == 0 {
			continue
		}
		d.walk(p.number, func(number uint32) bool {
			if seen[number] { // and so was what is below
				return false
			}
			seen[number] = true
			if !given[number] {
				doomed = append(doomed, number)
			}
			return true
		})
	}
	return doomed
}

// findParents looks the parents up in the tree as it will be, and refuses
// those that will not be there, naming every orphan.
func (d *draft) findParents(all []*populating, doomed []uint32) error {
	byUUID := make(map[UUID]*populating, len(all))
	byName := make(map[string]*populating, len(all))
	// What is in elsewhere is given or goes: its old name and place are void.
	elsewhere := make(map[uint32]bool, len(all)+len(doomed))
	for _, p := range all {
		byUUID[p.uuid], byName[p.given.Name] = p, p
		elsewhere[p.number] = true
	}
	for _, number := range doomed {
		elsewhere[number] = true
	}
	var orphans []string
	var first *populating
	for _, p := range all {
		if p.given.Parent.IsZero() {
			continue
		}
		for _, r := range [...]Ref{ByUUID(p.given.Parent.UUID), ByName(p.given.Parent.Name)} {
			if given, ok := byUUID[r.UUID]; ok && !r.UUID.IsZero() {
				p.parent = given
			} else if given, ok := byName[r.Name]; ok {
				p.parent = given
			} else if old, ok := d.find(r); ok && !elsewhere[old.number] {
				p.above = old.number
			} else {
				continue
			}
			break
		}
		if p.parent == nil && p.above == 0 {
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
	return nil
}

// checkLoops walks up from every provider as the tree will be. A walk that
// meets itself is a loop; one that meets an earlier walk ends well, and so
// does one that meets a provider which is not given: nothing above that is
// given, or else it would be given or go.
func checkLoops(all []*populating) error {
	walked := make(map[*populating]int, len(all))
	for walk, p := range all {
		for at := p; at != nil; at = at.parent {
			before, ok := walked[at]
			if ok && before == walk {
				return refuse(CodeLoop, "provider %q would hang below itself", p.given.Name).at(p.path + "parent")
			}
			if ok {
				break
			}
			walked[at] = walk
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
	// Roots follow once all hang in place: each is written once, however
	// deep the tree and whatever the order.
	var moved []uint32
	for _, p := range all {
		parent := p.above
		if p.parent != nil {
			parent = p.parent.number
		}
		if d.record(p.number).parent == parent {
			continue
		}
		if err := d.hang(d.record(p.number), parent); err != nil {
			return err
		}
		moved = append(moved, p.number)
	}
	roots := make(map[uint32]uint32, len(moved))
	for _, number := range moved {
		if err := d.setRoots(number, d.rootAbove(number, roots)); err != nil {
			return err
		}
	}
	return nil
}

// rootAbove climbs to the root of a provider and remembers it for every one on
// the way.
func (d *draft) rootAbove(number uint32, roots map[uint32]uint32) uint32 {
	var path []uint32
	root, known := roots[number]
	for !known {
		path = append(path, number)
		parent := d.record(number).parent
		if parent == 0 {
			root = number
			break
		}
		number = parent
		root, known = roots[number]
	}
	for _, n := range path {
		roots[n] = root
	}
	return root
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
