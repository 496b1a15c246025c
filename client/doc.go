// Package client talks to a treenode cluster: one method for each route of the
// native API, transactions of many operations, and Tree, a local copy of a
// provider tree that is edited at leisure and committed at once.
//
// # Guarantees
//
//   - A Client may be used from any number of goroutines. It finds the leader
//     by itself, and fails over when an endpoint stops answering.
//   - Every mutation carries a request id, a UUID version 7 made once per call
//     (or given with WithRequestID) and repeated with every attempt. The
//     cluster executes an id once, so that a mutation happens once however
//     often it had to be sent.
//   - Every error is, or wraps, an *Error, whose kind says what became of the
//     request. Rejected: it did not happen and will not; never retried. Not
//     applied: no attempt of this call happened; trying again is safe. Unknown:
//     it may have happened, or may yet; try again only with the same request
//     id, which the error has. Internal: a node has a bug or is damaged.
//   - Not applied, unknown and broken connections are retried, with jittered
//     exponential backoff, until the context ends (or, without a deadline,
//     until the timeout of WithTimeout). If by then any attempt could have
//     been applied, the error is of kind unknown; else it is not applied.
//   - The client remembers the highest log index it has seen in any answer. A
//     read of consistency session shows at least that: what this client wrote
//     or has read before. WithConsistency and WithMinIndex choose per call.
//   - Answers over 64 MiB are not read; request bodies over wire.BodyBytesMax
//     are refused before they are sent.
//
// # Tree
//
// A Tree is loaded, changed locally and committed as one transaction. Each
// local operation is all or nothing: one that fails changes nothing. Commit
// sends only the difference, guarded by the generation of every provider that
// it changes or removes, by the place of those it moves or removes, and by the
// absence of those it creates. When somebody else was there before, nothing
// happens and the *ConflictError lists every provider concerned.
//
// # Known limits
//
//   - Changes of cluster members have no request id. They are retried only
//     while they certainly did not happen; an unknown outcome is returned at
//     once, and Members shows what became of it.
//   - The leader is known by the URL that nodes tell (wire.HeaderLeader). It is
//     used in place of the configured endpoints while it can be reached, and
//     only with the scheme of the endpoint that told it. A custom http.Client
//     that adds credentials sends them there too.
//   - The client remembers indexes for its lifetime. A session read against a
//     cluster that was restored to an earlier state, or is another one, waits
//     until its context ends: make a new client then.
//   - A list of several pages is one read per page: providers that come or go
//     between pages may be missed. With consistency stale, a later page may
//     show an older state when the client failed over.
//   - Renaming a provider does not count a generation. A rename by somebody
//     else goes unnoticed by Commit, except on providers that the transaction
//     renames too.
//   - The cluster remembers the answers to request ids for an hour at most. A
//     Commit of unknown outcome that is repeated later stays unknown for good:
//     load a new Tree.
//   - A transaction's body is limited to wire.BodyBytesMax, so that one Commit
//     removes about 3000 providers at most; larger changes take several.
//   - An inventory with an allocation ratio of exactly 0 reads as ratio 1,
//     because 0 means "default" in the native API. Tree does not write
//     inventories that were not changed, so it is kept unless it is set.
package client
