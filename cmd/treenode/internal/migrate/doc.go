// Package migrate carries everything that a service of resource providers
// holds to another one: from any service that speaks Placement, or from a
// stream of JSON lines, into a cluster, and from a cluster into such a stream.
//
// # How
//
// Both sides are read whole, compared, and the difference is written in
// transactions (NewPlan, Plan.Apply). So a run that was interrupted anywhere
// needs no note of how far it came: the next one reads again, and writes what
// is missing still.
//
// # Guarantees
//
//   - A cluster is read as it is at one revision, or not at all.
//   - A source is gone through until a pass finds nothing new. What changed
//     without a trace in generations, names, parents or allocations is not
//     noticed: only aggregates can, by clients older than microversion 1.19.
//   - Obstacles are found before anything is written.
//   - Providers come with their UUIDs, parents before children; consumers with
//     project, user, type and the order of their allocations. A consumer that
//     holds more than its provider has by now is carried over as it is.
//   - A generation is afterwards the source's, or higher where the way to the same
//     contents counted further: what a client remembers of the source is still the
//     case, or a conflict, and never something else.
//   - A stream that was cut or changed is refused, with the line's number.
//   - Secrets reach no error.
//
// # Known limits
//
//   - Times of creation and change are those of the import.
//   - An inventory with an allocation ratio of 0 is refused: in the native API
//     0 means 1.
//   - Two providers that swapped their names or places between two runs are
//     refused by the cluster; move one aside by hand.
//   - Everything is held in memory, both sides of it: about 2 KiB for each
//     provider and 1 KiB for each consumer.
package migrate
