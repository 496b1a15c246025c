// Package check decides whether a recorded history of a cluster keeps the
// store's promises.
//
// # What is checked
//
//   - The history of writes, refusals and linearizable reads is linearizable:
//     porcupine finds an order that a model of the store (State) explains. All
//     providers and consumers are one object, so that an operation that spans
//     several is never taken apart. An operation of unknown outcome stays open
//     for ever: it may take effect at any later time, or never.
//   - Stale and session reads show some state of that same order, one that was
//     there before they returned. A session read is as new as the index it
//     asked for.
//   - No acknowledged change is lost and none is done twice, no provider of
//     constant inventory is seen over its capacity, and of a transaction that
//     writes a pair nobody sees one half. These are looked for directly too,
//     because such a finding says more than "not linearizable".
//
// # How the search stays short
//
// Every answer carries the revision it shows, which counts accepted changes.
// The model counts too, so that an acknowledged change fits at one place only,
// and one of unknown outcome fits only where a revision has no acknowledged
// owner. This makes the check stricter, never laxer: whatever order is found
// is an order without revisions as well.
//
// # Known limits
//
// Time-outs of the search are told as undecided. Wall-clock times, names,
// traits and aggregates are not part of the model.
package check
