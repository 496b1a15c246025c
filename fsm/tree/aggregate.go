package tree

import "slices"

func aggregatesFrom(given []UUID) ([]UUID, *Error) {
	found := slices.Clone(given)
	slices.SortFunc(found, compareUUID)
	found = slices.Compact(found)
	if len(found) > 0 && found[0].IsZero() {
		return nil, invalid("aggregates", "an aggregate is a UUID other than zero")
	}
	return found, nil
}

// containsUUID looks into a sorted list.
func containsUUID(sorted []UUID, u UUID) bool {
	_, ok := slices.BinarySearchFunc(sorted, u, compareUUID)
	return ok
}

func (o ChangeAggregates) apply(d *draft) error {
	p, err := d.need("provider", o.Provider)
	if err != nil {
		return err
	}
	given, err := aggregatesFrom(o.Aggregates)
	if err != nil {
		return err
	}
	next := d.edit(p)
	if !o.KeepGeneration {
		next.generation++
	}
	return d.setAggregates(p, next, combine(o.Mode, p.aggregates, given, containsUUID))
}

// setAggregates stores next, a copy of p, with the aggregates.
func (d *draft) setAggregates(p, next *provider, aggregates []UUID) error {
	slices.SortFunc(aggregates, compareUUID)
	if err := d.replaceAggregates(p, next, aggregates); err != nil {
		return err
	}
	return d.putProvider("put aggregates", next)
}

// replaceAggregates gives next the aggregates, which are sorted, and keeps the
// index.
func (d *draft) replaceAggregates(old, next *provider, aggregates []UUID) error {
	for _, a := range old.aggregates {
		if !containsUUID(aggregates, a) {
			if err := d.step("unindex aggregate"); err != nil {
				return err
			}
			d.byAggregate.delete(aggregateKey{a, old.number})
		}
	}
	for _, a := range aggregates {
		if !containsUUID(old.aggregates, a) {
			if err := d.step("index aggregate"); err != nil {
				return err
			}
			d.byAggregate.put(aggregateKey{a, old.number})
		}
	}
	next.aggregates = aggregates
	return nil
}
