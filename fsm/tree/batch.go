package tree

import "fmt"

// Batch applies transactions one after the other, each to what those before it
// left, and hands out one state after the last. Each is all or nothing by
// itself, as with State.Apply.
//
// Nobody sees the states in between, so a transaction need not start from
// copies of its own, if it makes its first change only after it can no longer
// be refused: those of one claim or one release. Such transactions share the
// copies of the tables, which is most of what a short transaction costs.
//
// A Batch is for one goroutine. The state that it began with stays as it is.
type Batch struct {
	draft    // of the transactions that share it, one after the other
	base     *State
	revision uint64
}

// Batch begins a batch on the state.
func (s *State) Batch() *Batch {
	return &Batch{draft: draft{tables: s.tables}, base: s, revision: s.revision}
}

// Revision counts the transactions that led to the state so far.
func (b *Batch) Revision() uint64 { return b.revision }

// State ends the batch and returns the state that it led to.
func (b *Batch) State() *State {
	if b.revision == b.base.revision {
		return b.base
	}
	next := &State{tables: b.tables, revision: b.revision}
	next.disown()
	return next
}

// Apply executes the transaction at the given time. The error is a *Error and
// leaves everything as it was. It panics where an operation that has to check
// first is refused too late: what it has changed by then can't be undone.
func (b *Batch) Apply(at Time, txn Txn, hook StepHook) (Effect, error) {
	if err := b.checkPreconditions(txn.Preconditions); err != nil {
		return Effect{}, err
	}
	if len(txn.Ops) == 0 {
		return Effect{}, invalid("ops", "a transaction needs at least one operation")
	}
	if hook == nil && len(txn.Ops) == 1 && checksFirst(txn.Ops[0]) {
		return b.applyShared(at, txn.Ops[0])
	}
	b.disown() // what the draft changes, it copies; b keeps what was there
	d := &draft{tables: b.tables, at: at, hook: hook}
	for i, op := range txn.Ops {
		d.op = i
		if err := op.apply(d); err != nil {
			return Effect{}, located(err, i)
		}
	}
	b.tables = d.tables
	b.revision++
	return d.effect(), nil
}

// applyShared executes an operation on the batch's own draft.
func (b *Batch) applyShared(at Time, op Op) (Effect, error) {
	b.begin(at)
	if err := op.apply(&b.draft); err != nil {
		if b.changed {
			panic(fmt.Sprintf("%s was refused half-way: %v", op.Kind(), err))
		}
		return Effect{}, located(err, 0)
	}
	b.revision++
	return b.effect(), nil
}

// checksFirst reports whether the operation changes nothing before its last
// refusal.
func checksFirst(op Op) bool {
	switch op.(type) {
	case Claim, Release:
		return true
	}
	return false
}
