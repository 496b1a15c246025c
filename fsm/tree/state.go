package tree

import "cmp"

// Time is an instant in microseconds since the Unix epoch, UTC, stamped by the
// proposer of a transaction.
type Time int64

// State is one immutable version of everything the store knows. Make one with
// New, Apply or a Builder; read it from any number of goroutines.
type State struct {
	tables
	revision uint64
}

// tables are the records and indexes of a state. Copying the struct shares
// them all; each is copied on its first write by a draft.
type tables struct {
	// nextProvider is the number of the next provider; numbers are not reused.
	nextProvider uint32

	classes vocabulary
	traits  vocabulary

	providers sorted[uint32, *provider]
	consumers sorted[UUID, *consumer]

	// The indexes below follow from the records; Check compares them.
	byUUID      sorted[UUID, uint32]
	byName      table[string, uint32]
	children    table[pair, struct{}] // parent (0 for roots), child
	byClass     table[pair, struct{}] // class, provider with an inventory or device of it
	byTrait     table[pair, struct{}] // trait, provider
	byAggregate set[aggregateKey]
	claims      sorted[claimKey, struct{}]
}

type aggregateKey struct {
	aggregate UUID
	provider  uint32
}

type claimKey struct {
	provider uint32
	consumer UUID
}

func (k claimKey) compare(o claimKey) int {
	if k.provider != o.provider {
		return cmp.Compare(k.provider, o.provider)
	}
	return compareUUID(k.consumer, o.consumer)
}

func newTables() tables {
	return tables{
		nextProvider: 1, // 0 is the parent of roots
		classes:      newVocabulary(StandardResourceClasses()),
		traits:       newVocabulary(StandardTraits()),
		providers:    newSorted[uint32, *provider](searchNumber),
		consumers:    newSorted[UUID, *consumer](SearchUUID),
		byUUID:       newSorted[UUID, uint32](SearchUUID),
		byName:       newTable[string, uint32](),
		children:     newTable[pair, struct{}](),
		byClass:      newTable[pair, struct{}](),
		byTrait:      newTable[pair, struct{}](),
		byAggregate: newSet(func(a, b aggregateKey) bool {
			if c := compareUUID(a.aggregate, b.aggregate); c != 0 {
				return c < 0
			}
			return a.provider < b.provider
		}),
		claims: newSorted(searchClaim),
	}
}

// disown marks every table as shared.
func (t *tables) disown() {
	t.classes.byNumber.owned, t.classes.byName.owned = false, false
	t.traits.byNumber.owned, t.traits.byName.owned = false, false
	t.providers.edit, t.consumers.edit, t.byUUID.edit, t.claims.edit = nil, nil, nil, nil
	t.byName.owned, t.children.owned = false, false
	t.byClass.owned, t.byTrait.owned, t.byAggregate.owned = false, false, false
}

// New is the first state of every cluster: no provider, the standard resource
// classes and traits.
func New() *State {
	s := &State{tables: newTables()}
	s.disown()
	return s
}

// Revision counts the transactions that led to this state.
func (s *State) Revision() uint64 { return s.revision }

// NumProviders and NumConsumers count the records.
func (s *State) NumProviders() int { return s.providers.len() }

// NumConsumers counts the consumers with allocations.
func (s *State) NumConsumers() int { return s.consumers.len() }

// NumClaims counts the pairs of a consumer and a provider that it has allocations
// on.
func (s *State) NumClaims() int { return s.claims.len() }

// StepHook is called before every single change that an operation makes to the
// draft, with the operation's index and the step's name. An error it returns
// refuses the transaction. It exists to show that a failure at any step leaves
// nothing behind; production passes nil.
type StepHook func(op int, step string) error

// Effect tells what a transaction touched.
type Effect struct {
	// Created has the UUID of every provider that CreateProvider and Populate
	// named, in their order.
	Created []UUID
	// Providers and Consumers have every record that the transaction wrote and
	// that is still there, in order of first touch, with its new generation.
	Providers []Generation
	Consumers []Generation
}

// Generation is the generation of a provider or consumer.
type Generation struct {
	UUID       UUID
	Generation uint64
}

// Apply executes the transaction on the state at the given time and returns
// the next state. The error is a *Error; s is as it was in every case, and the
// returned state is nil if there is an error.
func (s *State) Apply(at Time, txn Txn, hook StepHook) (*State, Effect, error) {
	b := s.Batch()
	effect, err := b.Apply(at, txn, hook)
	if err != nil {
		return nil, Effect{}, err
	}
	return b.State(), effect, nil
}

// located names the operation an error came from.
func located(err error, op int) error {
	e, ok := err.(*Error) //nolint:errorlint // refusals are made here and never wrapped
	if !ok {
		e = refuse(CodeFault, "%v", err)
	}
	e.Op = op
	return e
}
