package tree

import "slices"

// sharingTrait marks a provider whose inventory serves every tree that shares
// an aggregate with it.
const sharingTrait = "MISC_SHARES_VIA_AGGREGATE"

// traitsFrom resolves trait names to sorted numbers, each once.
func (t *tables) traitsFrom(names []string) ([]uint32, *Error) {
	found := make([]uint32, 0, len(names))
	for _, name := range names {
		number, ok := t.traits.number(name)
		if !ok {
			return nil, traitNotFound("traits", name)
		}
		found = append(found, number)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func (o ChangeTraits) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	given, err := d.traitsFrom(o.Traits)
	if err != nil {
		return err
	}
	return d.setTraits(p, combine(o.Mode, p.traits, given, containsTrait))
}

// containsTrait looks into a sorted list.
func containsTrait(sorted []uint32, trait uint32) bool {
	_, ok := slices.BinarySearch(sorted, trait)
	return ok
}

// combine is the set that results from changing have by given. Both are
// sorted, as contains may expect; the result need not be.
func combine[T any](mode ChangeMode, have, given []T, contains func([]T, T) bool) []T {
	switch mode {
	case Add:
		all := slices.Clone(have)
		for _, g := range given {
			if !contains(have, g) {
				all = append(all, g)
			}
		}
		return all
	case Remove:
		return slices.DeleteFunc(slices.Clone(have), func(h T) bool { return contains(given, h) })
	case Set:
	}
	return given
}

// setTraits replaces a provider's traits; unchanged ones count no generation.
func (d *draft) setTraits(p *provider, traits []uint32) error {
	slices.Sort(traits)
	if slices.Equal(p.traits, traits) {
		return nil
	}
	next := d.edit(p)
	next.generation++
	if err := d.replaceTraits(p, next, traits); err != nil {
		return err
	}
	return d.putProvider("put traits", next)
}

// replaceTraits gives next the traits, which are sorted, and keeps the index.
func (d *draft) replaceTraits(old, next *provider, traits []uint32) error {
	for _, trait := range old.traits {
		if !containsTrait(traits, trait) {
			if err := d.unindex("trait", &d.byTrait, trait, old.number); err != nil {
				return err
			}
		}
	}
	for _, trait := range traits {
		if !containsTrait(old.traits, trait) {
			if err := d.index("trait", &d.byTrait, trait, old.number); err != nil {
				return err
			}
		}
	}
	next.traits = traits
	return nil
}
