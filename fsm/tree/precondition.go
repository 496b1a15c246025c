package tree

import "fmt"

func (b *Batch) checkPreconditions(conditions []Precondition) error {
	var conflicts []Conflict
	for i := range conditions {
		conflict, ok := b.holds(&conditions[i])
		if !ok {
			conflict.Precondition = i
			conflicts = append(conflicts, conflict)
		}
	}
	if conflicts == nil {
		return nil
	}
	e := refuse(CodeConflict, "%d of %d preconditions did not hold: %s", len(conflicts), len(conditions), conflicts[0])
	e.Conflicts = conflicts
	e.Provider, e.Consumer = conflicts[0].Provider, conflicts[0].Consumer
	return e
}

// holds reports whether the condition holds, and the conflict if it does not.
// Most do: names are put together for conflicts only.
func (b *Batch) holds(c *Precondition) (Conflict, bool) {
	switch c.Kind {
	case StateRevision:
		return Conflict{Want: c.Value, Have: b.revision}, b.revision == c.Value
	case ConsumerGeneration, ConsumerAbsent:
		return b.consumerHolds(c)
	case ProviderGeneration, ProviderAbsent, ProviderParent:
		return b.providerHolds(c)
	}
	return Conflict{Want: c.Value, Structural: true}, false // what nobody knows does not hold
}

func (b *Batch) consumerHolds(c *Precondition) (Conflict, bool) {
	conflict := Conflict{Want: c.Value}
	held, ok := b.consumer(c.Consumer)
	switch {
	case c.Kind == ConsumerAbsent:
		if !ok {
			return Conflict{}, true
		}
		conflict.Structural = true
	case !ok:
		conflict.Missing = true
	case held.generation == c.Value:
		return Conflict{}, true
	default:
		conflict.Have = held.generation
	}
	conflict.Consumer = c.Consumer.String()
	return conflict, false
}

func (b *Batch) providerHolds(c *Precondition) (Conflict, bool) {
	conflict := Conflict{Want: c.Value}
	p, ok := b.find(c.Provider)
	switch {
	case c.Kind == ProviderAbsent:
		if !ok {
			return Conflict{}, true
		}
		conflict.Structural, conflict.Provider = true, c.Provider.String()
		return conflict, false
	case !ok:
		conflict.Missing, conflict.Provider = true, c.Provider.String()
		return conflict, false
	case c.Kind == ProviderParent:
		above := uint32(0)
		if !c.Parent.IsZero() {
			var parent *provider
			if parent, ok = b.find(c.Parent); ok {
				above = parent.number
			}
		}
		if ok && p.parent == above {
			return Conflict{}, true
		}
		conflict.Structural = true
	case p.generation == c.Value:
		return Conflict{}, true
	default:
		conflict.Have = p.generation
	}
	conflict.Provider = p.uuid.String()
	return conflict, false
}

// String says the conflict in words.
func (c Conflict) String() string {
	subject := "the state"
	unit := "revision"
	switch {
	case c.Provider != "":
		subject, unit = "provider "+c.Provider, "generation"
	case c.Consumer != "":
		subject, unit = "consumer "+c.Consumer, "generation"
	}
	switch {
	case c.Missing:
		return subject + " does not exist"
	case c.Structural:
		return subject + " is not where it was expected"
	}
	return fmt.Sprintf("%s has %s %d, not %d", subject, unit, c.Have, c.Want)
}
