package tree

import "fmt"

func (b *Batch) checkPreconditions(conditions []Precondition) error {
	var conflicts []Conflict
	for i, c := range conditions {
		conflict, ok := b.holds(c)
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

func (b *Batch) holds(c Precondition) (Conflict, bool) {
	conflict := Conflict{Want: c.Value}
	switch c.Kind {
	case StateRevision:
		conflict.Have = b.revision
		return conflict, b.revision == c.Value
	case ConsumerGeneration, ConsumerAbsent:
		conflict.Consumer = c.Consumer.String()
		held, ok := b.consumer(c.Consumer)
		if c.Kind == ConsumerAbsent {
			conflict.Structural = true
			return conflict, !ok
		}
		if !ok {
			conflict.Missing = true
			return conflict, false
		}
		conflict.Have = held.generation
		return conflict, held.generation == c.Value
	case ProviderGeneration, ProviderAbsent, ProviderParent:
	default: // what nobody knows does not hold
		conflict.Structural = true
		return conflict, false
	}
	p, ok := b.find(c.Provider)
	conflict.Provider = c.Provider.String()
	if c.Kind == ProviderAbsent {
		conflict.Structural = true
		return conflict, !ok
	}
	if !ok {
		conflict.Missing = true
		return conflict, false
	}
	conflict.Provider = p.uuid.String()
	if c.Kind == ProviderParent {
		conflict.Structural = true
		if c.Parent.IsZero() {
			return conflict, p.parent == 0
		}
		parent, ok := b.find(c.Parent)
		return conflict, ok && parent.number == p.parent
	}
	conflict.Have = p.generation
	return conflict, p.generation == c.Value
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
