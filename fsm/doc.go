// Package fsm is the replicated state machine: it turns log entries into
// states, one after the other, the same way on every node.
//
// # Guarantees
//
//   - Machine.Apply is a pure function of the state and the entry. It reads no
//     clock (the entry carries the proposer's), no randomness, no environment.
//   - One entry publishes one View with one atomic store, after all of its
//     commands are done. Readers never wait and never see a half-made state.
//   - Each command of an entry is all or nothing for itself, and is executed at
//     most once: the machine remembers the answer of every request id (see
//     requests.go) and gives it again when the id comes back. An id that is too
//     old to be remembered is refused as expired, never executed a second time.
//   - An entry that can't be read, or that makes the code panic, halts the
//     machine with the entry's index and hash. Nothing of it is published, and
//     nothing is applied or restored after.
//   - A snapshot captures a View, which costs one pointer. It is written in a
//     fixed order with a SHA-256 at its end; a restore verifies all of it, and
//     every invariant of the state, before anything is replaced.
//
// # Encodings
//
// codec.go describes the bytes. Kinds are numbers that are never reused, and
// each kind's fields are fixed for good: a change is a new kind. A reader that
// meets what it does not know halts rather than guess, so level.go numbers what
// a program knows, for a cluster to tell whether all of it knows a new kind. The
// golden files below testdata are never edited.
//
// # Origins
//
// A batch may say of each command who asked for it (origin.go). That is for whoever
// reads the log: nothing that the machine decides, answers or remembers depends on
// it, and an origin that this program can't read is none, not a halt. The same
// request id with the same command is the same change, whoever sends it again.
//
// # Known limits
//
// The memory of answers holds requestsMax ids or requestsBytesMax bytes for at
// most an hour of log time; a client that retries later than that is told so.
//
// Log time never goes back. Entries that were stamped far ahead take it along for
// good: until the clocks of callers have caught up, the request ids that they make
// count as expired. So whoever stamps must not believe one clock; package cluster
// does not.
//
// An answer lists everything its command touched. Moving a tree of very many
// providers makes a large one, which displaces others from memory.
package fsm
