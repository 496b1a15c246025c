package tree

import "fmt"

// Check verifies every invariant of the state: each record in itself, records
// against each other, and every index against the records. It costs a walk
// over everything. A non-nil error means a bug or corruption.
func (s *State) Check() error {
	for _, check := range []func() error{
		// The walk of checkParents ends for sure only in an index without
		// surplus entries.
		s.checkVocabularies, s.checkProviders, s.checkIndexSizes, s.checkParents, s.checkConsumers,
	} {
		if err := check(); err != nil {
			return fmt.Errorf("state invariant: %w", err)
		}
	}
	return nil
}

func (s *State) checkVocabularies() error {
	for i, v := range []*vocabulary{&s.classes, &s.traits} {
		name := [...]string{"class", "trait"}[i]
		if v.byNumber.len() != v.byName.len() {
			return fmt.Errorf("%d %s numbers but %d names", v.byNumber.len(), name, v.byName.len())
		}
		if v.next < firstCustom {
			return fmt.Errorf("next %s number %d is one of a standard name", name, v.next)
		}
		var err error
		v.byNumber.ascend(0, func(n uint32, t term) bool {
			if t.name == "" {
				err = fmt.Errorf("%s %d has no name", name, n)
			} else if back, ok := v.byName.get(t.name); !ok || back != n {
				err = fmt.Errorf("%s %d is not found by its name %q", name, n, t.name)
			} else if n >= v.next && n >= firstCustom {
				err = fmt.Errorf("%s %d is not below the next number %d", name, n, v.next)
			}
			return err == nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// checkProviders looks at each provider's record and its index entries.
func (s *State) checkProviders() error {
	var err error
	s.providers.ascend(0, func(n uint32, p *provider) bool {
		err = s.checkProvider(n, p)
		return err == nil
	})
	return err
}

func (s *State) checkProvider(n uint32, p *provider) error {
	if err := s.checkRecord(n, p); err != nil {
		return err
	}
	return s.checkIndexed(n, p)
}

func (p *provider) fault(n uint32, format string, args ...any) error {
	return fmt.Errorf("provider %d (%s): %s", n, p.uuid, fmt.Sprintf(format, args...))
}

// checkRecord looks at a provider's record alone.
func (s *State) checkRecord(n uint32, p *provider) error {
	if p.number != n || n == 0 || n >= s.nextProvider {
		return p.fault(n, "has number %d, next is %d", p.number, s.nextProvider)
	}
	if err := checkName("name", p.name); err != nil {
		return p.fault(n, "%v", err)
	}
	if p.uuid.IsZero() {
		return p.fault(n, "has no UUID")
	}
	for i, inv := range p.inventories {
		name := s.classes.name(inv.class)
		if name == "" {
			return p.fault(n, "has inventory of unknown class %d", inv.class)
		}
		if i > 0 && p.inventories[i-1].class >= inv.class {
			return p.fault(n, "has inventories out of order")
		}
		if err := inv.public().check(name); err != nil {
			return p.fault(n, "%v", err)
		}
		if inv.used < 0 {
			return p.fault(n, "uses %d of %s", inv.used, name)
		}
	}
	for i, d := range p.devices {
		if s.classes.name(d.class) == "" {
			return p.fault(n, "has a device of unknown class %d", d.class)
		}
		if i > 0 && compareDevice(p.devices[i-1], d) >= 0 {
			return p.fault(n, "has devices out of order")
		}
	}
	for i, t := range p.traits {
		if s.traits.name(t) == "" {
			return p.fault(n, "has unknown trait %d", t)
		}
		if i > 0 && p.traits[i-1] >= t {
			return p.fault(n, "has traits out of order")
		}
	}
	for i, a := range p.aggregates {
		if a.IsZero() {
			return p.fault(n, "is in the zero aggregate")
		}
		if i > 0 && compareUUID(p.aggregates[i-1], a) >= 0 {
			return p.fault(n, "has aggregates out of order")
		}
	}
	return nil
}

// checkIndexed looks for a provider in every index.
func (s *State) checkIndexed(n uint32, p *provider) error {
	if back, ok := s.byUUID.get(p.uuid); !ok || back != n {
		return p.fault(n, "is not found by its UUID")
	}
	if back, ok := s.byName.get(p.name); !ok || back != n {
		return p.fault(n, "is not found by its name %q", p.name)
	}
	if _, ok := s.children.get(pairOf(p.parent, n)); !ok {
		return p.fault(n, "is not among the children of %d", p.parent)
	}
	for _, inv := range p.inventories {
		if _, ok := s.byClass.get(pairOf(inv.class, n)); !ok {
			return p.fault(n, "is not indexed by class %s", s.classes.name(inv.class))
		}
	}
	for _, d := range p.devices {
		if _, ok := s.byClass.get(pairOf(d.class, n)); !ok {
			return p.fault(n, "is not indexed by class %d", d.class)
		}
	}
	for _, t := range p.traits {
		if _, ok := s.byTrait.get(pairOf(t, n)); !ok {
			return p.fault(n, "is not indexed by trait %d", t)
		}
	}
	for _, a := range p.aggregates {
		if _, ok := s.byAggregate.get(aggregateKey{a, n}); !ok {
			return p.fault(n, "is not indexed by aggregate %s", a)
		}
	}
	return nil
}

// checkParents walks every tree from its root: what it does not meet hangs in
// a loop or below nothing.
func (s *State) checkParents() error {
	met := 0
	var err error
	seconds(&s.children, 0, func(root uint32) bool {
		for _, n := range s.subtree(root) {
			p, ok := s.providers.get(n)
			switch {
			case !ok:
				err = fmt.Errorf("child %d has no record", n)
			case p.root != root:
				err = fmt.Errorf("provider %d has root %d, not %d", n, p.root, root)
			}
			if err != nil {
				return false
			}
			met++
		}
		return true
	})
	if err == nil && met != s.providers.len() {
		err = fmt.Errorf("%d of %d providers hang below a root", met, s.providers.len())
	}
	return err
}

// checkConsumers looks at each consumer's record and its index entries, and at
// what all of them hold.
func (s *State) checkConsumers() error {
	var all []held
	var err error
	s.consumers.ascend(UUID{}, func(uuid UUID, c *consumer) bool {
		if err = c.check(uuid); err != nil {
			return false
		}
		for _, a := range c.allocations {
			if _, ok := s.claims.get(claimKey{a.provider, uuid}); !ok {
				err = fmt.Errorf("consumer %s is not indexed by provider %d", uuid, a.provider)
			}
			all = append(all, held{claimKey{a.provider, uuid}, a.class, a.amount})
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	sortHeld(all)
	claims := 0
	for i := range all {
		if i == 0 || all[i-1].claimKey != all[i].claimKey {
			claims++
		}
	}
	if claims != s.claims.len() {
		return fmt.Errorf("%d claims are indexed, there are %d", s.claims.len(), claims)
	}
	return s.checkUsage(all)
}

// checkIndexSizes finds entries without a record: each record's entries were
// found above, so an index with as many entries as that has no other.
func (s *State) checkIndexSizes() error {
	var classes, traits, aggregates int
	s.providers.ascend(0, func(_ uint32, p *provider) bool {
		classes += len(p.inventories)
		for i, d := range p.devices {
			if (i == 0 || p.devices[i-1].class != d.class) && !containsClass(p.inventories, d.class) {
				classes++
			}
		}
		traits += len(p.traits)
		aggregates += len(p.aggregates)
		return true
	})
	for _, c := range []struct {
		name      string
		has, want int
	}{
		{"uuid", s.byUUID.len(), s.providers.len()},
		{"name", s.byName.len(), s.providers.len()},
		{"children", s.children.len(), s.providers.len()},
		{"class", s.byClass.len(), classes},
		{"trait", s.byTrait.len(), traits},
		{"aggregate", s.byAggregate.len(), aggregates},
	} {
		if c.has != c.want {
			return fmt.Errorf("index %s has %d entries, the records %d", c.name, c.has, c.want)
		}
	}
	return nil
}
