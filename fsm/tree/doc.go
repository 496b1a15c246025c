// Package tree is the domain: an immutable *State of resource providers, what
// they have (inventories, traits, aggregates, named devices), and what
// consumers claim of it (allocations).
//
// # Guarantees
//
//   - A *State never changes once it is reachable: any number of goroutines
//     read it without locks, for as long as they like.
//   - State.Apply builds the next state beside the old one. An error, or a
//     panic, at any step leaves the old state as it was and nothing of the new
//     one reachable: all or nothing by construction, there is no rollback code.
//   - Apply is a pure function: equal states, times and transactions give
//     equal states, effects and errors, on every machine. There is no clock,
//     no randomness, no map order, no goroutine and no float arithmetic; the
//     product (total-reserved)*ratio is computed in integers, bit by bit as
//     IEEE 754 double arithmetic would (see capacity.go).
//   - State.Check verifies every invariant between records and indexes.
//
// # Shape
//
// Operations are data (see Op), rather than one method each on State: a
// transaction is a list of them, the log carries them, and one walk over them
// serves the tests that break each at every step. A draft collects the changes
// of one transaction on copy-on-write B-trees (table.go; the busiest are those of
// package persistent); sealing it is the only way to a new State.
//
// # Known limits
//
// A provider's number is 32 bits wide and never reused: 4.29 billion providers
// over a cluster's life. The standard names (standard/*.txt) are part of the
// first state, and therefore of the log format: a later version may add names
// only through a command.
package tree
