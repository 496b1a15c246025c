package migrate

import (
	"fmt"
	"maps"
	"slices"
)

// Refuse says why the options do not allow to write into a target that holds
// what this one does; nil if they do.
func (o PlanOptions) Refuse(target *Contents) error {
	if o.Resume || o.Merge || o.Prune || target.Empty() {
		return nil
	}
	return fmt.Errorf("the target is not empty: it has %s; --resume goes on with an import that was interrupted, "+
		"--merge adds to what is there, --prune makes it equal to the source", target.Counts())
}

// obstacles are what speaks against the plan, all of it.
func (p *planner) obstacles() Obstacles {
	if err := p.options.Refuse(p.target); err != nil {
		return Obstacles{err.Error()}
	}
	var found Obstacles
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	classes, traits := setOf(p.known.ResourceClasses, p.source.ResourceClasses), setOf(p.known.Traits, p.source.Traits)
	names := map[string]string{}
	for _, one := range p.source.Providers {
		if other, taken := names[one.Name]; taken {
			say("the source has two providers %q: %s and %s", one.Name, other, one.UUID)
		}
		names[one.Name] = one.UUID
		for _, class := range slices.Sorted(maps.Keys(one.Inventories)) {
			if !classes[class] {
				say("provider %q has %s, a standard resource class that the target does not know", one.Name, class)
			}
			i := one.Inventories[class]
			if i.Total < 1 || i.Reserved < 0 || i.Reserved > i.Total || i.MinUnit < 1 || i.MaxUnit < 1 || i.StepSize < 1 || i.AllocationRatio < 0 {
				say("provider %q has an inventory of %s that no service should have let in: %s", one.Name, class, shown(i))
			}
			if i.AllocationRatio == 0 {
				say("provider %q has %s with an allocation ratio of 0, which the target's API takes for 1; reserve all of it instead",
					one.Name, class)
			}
		}
		for _, trait := range one.Traits {
			if !traits[trait] {
				say("provider %q has %s, a standard trait that the target does not know", one.Name, trait)
			}
		}
		if have, ok := p.hadByName[one.Name]; ok && have.UUID != one.UUID {
			if _, both := p.wanted[have.UUID]; !both && !p.options.Prune {
				say("the target has another provider named %q (%s)", one.Name, have.UUID)
			}
		}
	}
	for _, c := range p.source.Consumers {
		for _, a := range c.Allocations {
			for _, class := range slices.Sorted(maps.Keys(a.Resources)) {
				if _, ok := p.wanted[a.Provider].Inventories[class]; !ok {
					say("consumer %s holds %s of provider %s, which has no inventory of it", c.UUID, class, a.Provider)
				}
			}
		}
	}
	if p.options.Resume && !p.options.Merge && !p.options.Prune {
		found = append(found, p.extras()...)
	}
	return found
}

// extras are what the target has and the source has not.
func (p *planner) extras() Obstacles {
	var found Obstacles
	for _, d := range Compare(p.source, p.target, CompareOptions{}) {
		if d.Source == "" && d.Target == there {
			name := d.ID
			if d.Name != "" {
				name = fmt.Sprintf("%q (%s)", d.Name, d.ID)
			}
			found = append(found, fmt.Sprintf("the target has %s %s, the source has not: --merge keeps such, --prune removes it", d.Kind, name))
		}
	}
	return found
}

func setOf(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, name := range list {
			set[name] = true
		}
	}
	return set
}
