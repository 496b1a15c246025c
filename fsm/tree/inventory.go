package tree

import (
	"cmp"
	"slices"
)

// Inventory is what a provider has of one resource class. Amounts are whole
// units in [0, 2^31-1].
type Inventory struct {
	Total    int64
	Reserved int64
	MinUnit  int64
	MaxUnit  int64
	StepSize int64
	Ratio    Ratio
}

// Capacity is floor((Total-Reserved)*Ratio): the most that can be allocated.
func (i Inventory) Capacity() int64 { return i.Ratio.times(i.Total - i.Reserved) }

// inventory is an Inventory in a record, with what is allocated of it.
type inventory struct {
	class    uint32
	total    int32
	reserved int32
	minUnit  int32
	maxUnit  int32
	stepSize int32
	ratio    Ratio
	used     int64
}

func (i inventory) public() Inventory {
	return Inventory{
		Total: int64(i.total), Reserved: int64(i.reserved), MinUnit: int64(i.minUnit),
		MaxUnit: int64(i.maxUnit), StepSize: int64(i.stepSize), Ratio: i.ratio,
	}
}

func (i inventory) capacity() int64 { return i.ratio.times(int64(i.total) - int64(i.reserved)) }

// same reports whether the two describe the same inventory, used or not.
func (i inventory) same(o inventory) bool {
	i.used, o.used = 0, 0
	return i == o
}

// inventoriesFrom checks inventories as an operation gives them and returns
// them sorted by class. The path of each field is prefix + class + field.
func (t *tables) inventoriesFrom(prefix string, given []InventoryOf) ([]inventory, *Error) {
	found := make([]inventory, 0, len(given))
	for _, g := range given {
		class, ok := t.classes.number(g.Class)
		path := prefix + g.Class
		if !ok {
			return nil, classNotFound(path, g.Class)
		}
		if err := g.check(path); err != nil {
			return nil, err
		}
		found = append(found, inventory{
			class: class,
			total: int32(g.Total), reserved: int32(g.Reserved), //nolint:gosec // checked above
			minUnit: int32(g.MinUnit), maxUnit: int32(g.MaxUnit), //nolint:gosec // checked above
			stepSize: int32(g.StepSize), ratio: g.Ratio, //nolint:gosec // checked above
		})
	}
	slices.SortFunc(found, func(a, b inventory) int { return cmp.Compare(a.class, b.class) })
	for i := 1; i < len(found); i++ {
		if found[i].class == found[i-1].class {
			name := t.classes.name(found[i].class)
			return nil, invalid(prefix+name, "resource class %s is given twice", name)
		}
	}
	return found, nil
}

func (i Inventory) check(path string) *Error {
	for _, f := range [...]struct {
		name     string
		value    int64
		min, max int64
	}{
		{"total", i.Total, 1, amountMax},
		{"reserved", i.Reserved, 0, amountMax},
		{"min_unit", i.MinUnit, 1, amountMax},
		{"max_unit", i.MaxUnit, 1, amountMax},
		{"step_size", i.StepSize, 1, amountMax},
	} {
		if f.value < f.min || f.value > f.max {
			return invalid(path+"."+f.name, "%s is %d; it must be from %d to %d", f.name, f.value, f.min, f.max)
		}
	}
	if i.Reserved > i.Total {
		return invalid(path+".reserved", "reserved %d is more than total %d", i.Reserved, i.Total)
	}
	if !i.Ratio.valid() {
		return invalid(path+".allocation_ratio", "allocation_ratio must be a finite number, not negative")
	}
	return nil
}

// inventoryOf returns the index of the class's inventory, or where it belongs.
func (p *provider) inventoryOf(class uint32) (int, bool) {
	return searchClass(p.inventories, class)
}

// searchClass is inventoryOf for a list sorted by class that no record has yet.
func searchClass(list []inventory, class uint32) (int, bool) {
	return slices.BinarySearchFunc(list, class, func(i inventory, c uint32) int { return cmp.Compare(i.class, c) })
}

func (o SetInventories) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	given, err := d.inventoriesFrom("inventories.", o.Inventories)
	if err != nil {
		return err
	}
	return d.setInventories("inventories.", p, given)
}

// setInventories replaces a provider's inventories and counts a generation.
func (d *draft) setInventories(prefix string, p *provider, given []inventory) error {
	if err := d.carryUsage(prefix, p, given); err != nil {
		return err
	}
	next := d.edit(p)
	next.generation++
	if err := d.replaceInventories(p, next, given); err != nil {
		return err
	}
	return d.putProvider("put inventories", next)
}

// carryUsage copies what is used from the old inventories to the new ones and
// refuses to lose any of it.
func (d *draft) carryUsage(prefix string, p *provider, given []inventory) error {
	for _, old := range p.inventories {
		i, ok := searchClass(given, old.class)
		switch {
		case ok:
			given[i].used = old.used
		case old.used != 0:
			name := d.classes.name(old.class)
			return refuse(CodeInventoryInUse, "inventory of %s on provider %s is in use", name, p.name).at(prefix + name).about(p)
		}
	}
	return nil
}

// replaceInventories gives next the inventories and keeps the class index.
func (d *draft) replaceInventories(old, next *provider, given []inventory) error {
	for _, i := range old.inventories {
		if !containsClass(given, i.class) && !hasDeviceOf(next.devices, i.class) {
			if err := d.unindex("class", &d.byClass, i.class, old.number); err != nil {
				return err
			}
		}
	}
	for _, i := range given {
		if _, had := d.byClass.get(pairOf(i.class, old.number)); !had {
			if err := d.index("class", &d.byClass, i.class, old.number); err != nil {
				return err
			}
		}
	}
	next.inventories = given
	return nil
}

func containsClass(list []inventory, class uint32) bool {
	_, ok := searchClass(list, class)
	return ok
}

func (o PutInventories) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	given, err := d.inventoriesFrom("inventories.", o.Inventories)
	if err != nil {
		return err
	}
	if len(given) == 0 {
		return invalid("inventories", "at least one inventory is needed")
	}
	merged := slices.Clone(p.inventories)
	for _, g := range given {
		i, had := searchClass(merged, g.class)
		name := d.classes.name(g.class)
		switch {
		case had && o.Mode == AddOnly:
			return refuse(CodeInventoryExists, "provider %s has an inventory of %s", p.name, name).at("inventories." + name).about(p)
		case !had && o.Mode == UpdateOnly:
			return inventoryNotFound("inventories."+name, p, name)
		case had:
			merged[i] = g
		default:
			merged = slices.Insert(merged, i, g)
		}
	}
	return d.setInventories("inventories.", p, merged)
}

func (o RemoveInventories) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	if len(o.Classes) == 0 {
		return invalid("classes", "at least one resource class is needed")
	}
	left := slices.Clone(p.inventories)
	for _, name := range o.Classes {
		class, ok := d.classes.number(name)
		if !ok {
			return classNotFound("classes", name)
		}
		if !containsClass(left, class) {
			return inventoryNotFound("classes", p, name)
		}
		left = slices.DeleteFunc(left, func(i inventory) bool { return i.class == class })
	}
	return d.setInventories("classes.", p, left)
}

func inventoryNotFound(field string, p *provider, class string) *Error {
	return refuse(CodeInventoryNotFound, "provider %s has no inventory of %s", p.name, class).at(field).about(p)
}
