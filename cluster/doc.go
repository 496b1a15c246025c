// Package cluster is one node of a replicated store: it joins package fsm to
// hashicorp/raft and answers for what a caller is told.
//
// # What a caller can rely on
//
//   - Propose returns the result of the command, on this node or any other,
//     durable on a majority; or an *Error whose code says whether the command
//     certainly did not happen or whether that is unknown. Proposing the same
//     request id again is always safe.
//   - Read(Linearizable) shows every change acknowledged before it was called,
//     on any node. The leader asks a majority of voters for their term after
//     the read arrived; Raft's VerifyLeader counts answers to heartbeats sent
//     before, and a partitioned leader passes it.
//   - A machine that halts, a log store that fails and a removal from the
//     cluster end the node: it closes its peer port first, so that the others
//     elect a leader, and then closes Failed.
//
// # What differs from a plain hashicorp/raft node
//
//   - No fast path for heartbeats (transport.go), for hashicorp/raft issue 695.
//   - A leader sends its new entries to the followers while its own disk writes
//     them. No answer of a follower counts before that write is done, so that
//     nothing is committed, applied or acknowledged that the leader's disk has
//     not (logstore.Ahead, transport.go).
//   - The log store checks every entry and bounds every call (package
//     logstore).
//   - Waiting commands share one log entry, and one call to the leader
//     (gather.go, batch.go, forward.go).
//   - A leader begins its term with an empty entry of its own and serves reads
//     once that is applied (leader.go).
//   - A server's Raft id is its node id and the instance of its data directory:
//     a node that lost its directory comes back as another server and can't
//     vote twice in a term that the old one voted in (identity.go).
//
// # Duties of the owner
//
// Construct a Network, Open the node, serve it, watch Failed, Close it. After
// Failed the process should exit and may be started again.
//
// # Known limits
//
// One voter is added or removed at a time. A cluster that lost its majority
// for good has no way back in this version.
package cluster
