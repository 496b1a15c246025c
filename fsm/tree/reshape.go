package tree

// apply of a reshape works in three moves, like the generations it counts: the
// new inventories are joined to the old ones, so that both the old and the new
// allocations fit; the allocations move; the inventories that are no longer
// given go. What is checked is the end: every amount and capacity against the
// new inventories, and nothing in use lost.
func (o Reshape) apply(d *draft) error {
	if len(o.Inventories) == 0 && len(o.Consumers) == 0 {
		return invalid("inventories", "a reshape needs inventories or consumers")
	}
	type target struct {
		number uint32
		given  []inventory
		path   string
	}
	targets := make([]target, 0, len(o.Inventories))
	seen := make(map[uint32]bool, len(o.Inventories))
	for _, r := range o.Inventories {
		path := "inventories." + r.Provider.String()
		p, err := d.need(path, r.Provider)
		if err != nil {
			return err
		}
		if seen[p.number] {
			return invalid(path, "provider %s is given twice", p.name)
		}
		seen[p.number] = true
		given, err := d.inventoriesFrom(path+".", r.Inventories)
		if err != nil {
			return err
		}
		targets = append(targets, target{p.number, given, path + "."})
	}
	for _, t := range targets {
		if len(t.given) == 0 {
			continue
		}
		p := d.record(t.number)
		if err := d.setInventories(t.path, p, union(t.given, p.inventories)); err != nil {
			return err
		}
	}
	if len(o.Consumers) > 0 {
		plan, err := d.planClaim(o.Consumers)
		if err != nil {
			return err
		}
		if err := d.applyClaim(plan); err != nil {
			return err
		}
		for i := range plan.usages {
			// Judge by the final usage below, whatever this change was.
			plan.usages[i].delta = max(plan.usages[i].delta, 0)
		}
		if err := d.checkReshaped(plan.usages); err != nil {
			return err
		}
	}
	for _, t := range targets {
		if err := d.setInventories(t.path, d.record(t.number), t.given); err != nil {
			return err
		}
	}
	return nil
}

// checkReshaped compares usage already written with the capacity, for the
// classes where it grew.
func (d *draft) checkReshaped(usages []usage) error {
	for _, u := range usages {
		if u.delta == 0 {
			continue
		}
		p := d.record(u.provider)
		i, _ := p.inventoryOf(u.class)
		inv := p.inventories[i]
		if capacity := inv.capacity(); inv.used > capacity {
			return refuse(CodeCapacityExceeded, "provider %s has a capacity of %d %s; %d would be used",
				p.name, capacity, d.classes.name(u.class), inv.used).at(d.fieldOf(u)).about(p)
		}
	}
	return nil
}

// union is the given inventories and those of old whose class is not given,
// sorted by class.
func union(given, old []inventory) []inventory {
	all := make([]inventory, 0, len(given)+len(old))
	for len(given) > 0 || len(old) > 0 {
		switch {
		case len(old) == 0 || len(given) > 0 && given[0].class <= old[0].class:
			if len(old) > 0 && old[0].class == given[0].class {
				old = old[1:]
			}
			all, given = append(all, given[0]), given[1:]
		default:
			all, old = append(all, old[0]), old[1:]
		}
	}
	return all
}
