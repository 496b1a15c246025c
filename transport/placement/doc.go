// Package placement serves the OpenStack Placement HTTP API, microversions 1.0
// to 1.39, on a node of the cluster.
//
// Guarantees: every read is linearizable. Every write is one command of the
// log: it is validated on a linearizable view, as clients expect to be told,
// and carries the preconditions under which that validation holds; where they
// no longer hold when the command is applied, the answer is 409 with code
// placement.concurrent_update. Whatever is refused leaves nothing behind.
//
// Candidates are searched on one view, without a write, and written while they
// are found; a request's time bounds the search, as do the steps that
// Config.Candidates allows. Which candidates a limit leaves is free.
//
// Known limits: consumers exist as long as they have allocations. UUIDs are
// kept in their canonical form, so that consumers and aggregates written with
// capitals or without dashes read back in lower case with dashes. The text of a
// refusal by a schema ends with the schema's path and value on one line each.
// Every answer to a request of a known version says vary, also the errors that
// the service this API comes from leaves without; a negative or empty
// Content-Length is refused, where that service executes the request; the media
// type of a body may have capitals; the octets of a path are UTF-8. Rules of a
// policy file that can't be read keep the node from starting, rather than deny.
// An answer has a million candidates at most; more are refused with a hint to
// use limit.
package placement
