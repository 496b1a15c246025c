package tree

// generationMax leaves room to count on for ever.
const generationMax = 1<<63 - 1

// checkGenerations refuses what can't be a list of things with their generations.
func checkGenerations(field, noun string, given []Generation) error {
	seen := make(map[UUID]bool, len(given))
	for i, g := range given {
		switch at := indexed(field, i); {
		case g.UUID.IsZero():
			return invalid(at+".uuid", "a %s UUID is needed", noun)
		case seen[g.UUID]:
			return invalid(at+".uuid", "%s %s is given twice", noun, g.UUID)
		case g.Generation > generationMax:
			return invalid(at+".generation", "generation is %d; it must be from 0 to %d", g.Generation, int64(generationMax))
		}
		seen[g.UUID] = true
	}
	return nil
}

func (o RaiseGenerations) apply(d *draft) error {
	if len(o.Providers)+len(o.Consumers) == 0 {
		return invalid("providers", "at least one provider or consumer is needed")
	}
	if err := checkGenerations("providers", "provider", o.Providers); err != nil {
		return err
	}
	if err := checkGenerations("consumers", "consumer", o.Consumers); err != nil {
		return err
	}
	for i, g := range o.Providers {
		p, err := d.need(indexed("providers", i)+".uuid", ByUUID(g.UUID))
		if err != nil {
			return err
		}
		if p.generation >= g.Generation {
			continue
		}
		next := d.edit(p)
		next.generation = g.Generation
		if err := d.putProvider("raise generation", next); err != nil {
			return err
		}
	}
	for i, g := range o.Consumers {
		if err := d.raiseConsumer(indexed("consumers", i)+".uuid", g); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) raiseConsumer(field string, g Generation) error {
	c, ok := d.consumer(g.UUID)
	if !ok {
		e := refuse(CodeConsumerNotFound, "consumer %s has no allocations", g.UUID).at(field)
		e.Consumer = g.UUID.String()
		return e
	}
	if c.generation >= g.Generation {
		return nil
	}
	next := *c
	next.generation, next.updated = g.Generation, d.at
	if err := d.step("raise consumer generation"); err != nil {
		return err
	}
	d.consumers.set(g.UUID, &next)
	d.touchedConsumers = append(d.touchedConsumers, g.UUID)
	return nil
}
