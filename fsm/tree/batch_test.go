package tree

import (
	"fmt"
	"testing"
)

// TestBatches applies random transactions, mostly claims and releases, one
// state after the other and in batches: errors, effects and states are the
// same, and the state that a batch began with stays as it was.
func TestBatches(t *testing.T) {
	for _, seed := range seeds() {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			c, s := newChance(seed), New()
			shared := 0
			for at := now; at < now+800; {
				before, b := dump(s), s.Batch()
				base := s
				for n := c.IntN(12); n > 0; n-- {
					at++
					c.look(s)
					txn := c.txn(s)
					if len(txn.Ops) > 0 && checksFirst(txn.Ops[0]) || !c.rarely(3) {
						txn = Txn{Ops: []Op{c.op()}}
						for tries := 0; !checksFirst(txn.Ops[0]) && tries < 40; tries++ {
							txn.Ops[0] = c.op()
						}
						shared++
					}
					next, effect, err := s.Apply(at, txn, nil)
					got, gotErr := b.Apply(at, txn, nil)
					if describe(err) != describe(gotErr) {
						t.Fatalf("seed %d: %+v gives %s in a batch, %s alone", seed, txn, describe(gotErr), describe(err))
					}
					equal(t, "effect", got, effect)
					if err == nil {
						s = next
					}
					if b.Revision() != s.Revision() {
						t.Fatalf("seed %d: revision %d in a batch, %d alone", seed, b.Revision(), s.Revision())
					}
				}
				together := b.State()
				if err := together.Check(); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if dump(together) != dump(s) {
					t.Fatalf("seed %d: a batch gives\n%s\none after the other\n%s", seed, dump(together), dump(s))
				}
				if dump(base) != before {
					t.Fatalf("seed %d: the batch changed the state that it began with", seed)
				}
				s = together
			}
			if shared < 100 {
				t.Errorf("seed %d: %d transactions only shared their batch's copies", seed, shared)
			}
		})
	}
}

// tooLate is an operation that breaks what checksFirst promises of a claim.
type tooLate struct{ Claim }

func (o tooLate) apply(d *draft) error {
	if err := d.step("something"); err != nil {
		return err
	}
	return refuse(CodeInvalid, "too late")
}

// A refusal after a change, without copies to go back to, must not pass: the
// caller halts on the panic.
func TestBatchPanicsOnALateRefusal(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	if _, err := New().Batch().applyShared(now, tooLate{}); err != nil {
		t.Error(err)
	}
}
