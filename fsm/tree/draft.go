package tree

import (
	"iter"
	"slices"
)

// draft is the next state while a transaction builds it. Nothing of it is
// reachable from outside until Apply seals it; dropping it undoes everything.
//
// Every change goes through one of the methods below, so that the step hook
// stands before each of them.
type draft struct {
	tables
	at   Time
	hook StepHook
	op   int
	// changed is set by the first change.
	changed bool

	created          []UUID
	touchedProviders []uint32
	touchedConsumers []UUID

	plan claimPlan // of the last claim, for its memory
}

// begin makes a draft that has done one transaction ready for the next, which
// starts from what that one left. The lists that an Effect has are not kept.
func (d *draft) begin(at Time) {
	d.at, d.changed, d.created = at, false, nil
	d.touchedProviders, d.touchedConsumers = d.touchedProviders[:0], d.touchedConsumers[:0]
}

func (d *draft) step(name string) error {
	if d.hook != nil {
		if err := d.hook(d.op, name); err != nil {
			return err
		}
	}
	d.changed = true
	return nil
}

// putProvider stores a changed copy of a provider's record. The caller has
// made the copy, and the record is never changed after.
func (d *draft) putProvider(step string, p *provider) error {
	if err := d.step(step); err != nil {
		return err
	}
	p.updated = d.at
	d.providers.set(p.number, p)
	d.touchedProviders = append(d.touchedProviders, p.number)
	return nil
}

// edit returns a copy of the record that may be changed and put.
func (d *draft) edit(p *provider) *provider {
	c := *p
	return &c
}

func (d *draft) index(step string, t *table[pair, struct{}], a, b uint32) error {
	if err := d.step("index " + step); err != nil {
		return err
	}
	t.set(pairOf(a, b), struct{}{})
	return nil
}

func (d *draft) unindex(step string, t *table[pair, struct{}], a, b uint32) error {
	if err := d.step("unindex " + step); err != nil {
		return err
	}
	t.delete(pairOf(a, b))
	return nil
}

// effect lists what was touched, each once, in order of first touch.
func (d *draft) effect() Effect {
	e := Effect{Created: d.created}
	for number := range once(d.touchedProviders) {
		if p, ok := d.providers.get(number); ok {
			e.Providers = append(e.Providers, Generation{p.uuid, p.generation})
		}
	}
	for uuid := range once(d.touchedConsumers) {
		if c, ok := d.consumer(uuid); ok {
			e.Consumers = append(e.Consumers, Generation{uuid, c.generation})
		}
	}
	return e
}

// onceScan is how many elements once compares one by one, before it
// pays for a map.
const onceScan = 16

// once yields the elements in the order of their first occurrence.
func once[T comparable](list []T) iter.Seq[T] {
	return func(yield func(T) bool) {
		var seen map[T]struct{}
		if len(list) > onceScan {
			seen = make(map[T]struct{}, len(list))
		}
		for i, v := range list {
			if seen == nil {
				if slices.Contains(list[:i], v) {
					continue
				}
			} else {
				if _, ok := seen[v]; ok {
					continue
				}
				seen[v] = struct{}{}
			}
			if !yield(v) {
				return
			}
		}
	}
}
