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
//   - A node whose state is not the one that most voters have halts, with both
//     digests; see "Checkpoints".
//   - A machine that halts, a log store that fails, damage and a removal from the
//     cluster end the node: it closes its peer port first, so that the others
//     elect a leader, and then closes Failed. Supervise opens it again: on the
//     same directory, or on an empty one that the others fill if it is damaged
//     (quarantine.go).
//   - A leader whose disk runs out of room hands over while it still can (room.go).
//   - On a Network whose peers prove their node ids (peername.go), a node speaks for
//     itself only: in calls, in Raft's messages (acceptors.go) and by what it
//     answers. A member gets what is meant for it and no other node does; one that
//     is no member any more is refused by the leader.
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
//   - Entries carry the time that most voters' clocks agree on, not the leader's
//     own: a single clock that is wrong or is set changes nothing (time.go).
//   - A leader begins its term with an empty entry of its own and serves reads
//     once that is applied (leader.go).
//   - A server's Raft id is its node id and the instance of its data directory:
//     a node that lost its directory comes back as another server and can't
//     vote twice in a term that the old one voted in (identity.go).
//
// # Checkpoints
//
// While the log moves, the leader puts a mark into it now and then: every node
// captures its state there, which costs a pointer, and computes the digest
// beside applying (checkpoint.go). The leader asks the voters for theirs
// (checkpoint_leader.go). A digest that more than half of all voters have is
// right: the leader puts it into the log as a checkpoint, and every node that
// has another one halts, whether it leads, follows or has no vote. So a leader
// that is wrong stops itself, and a node that was away compares when it applies
// the log. What a leader thinks of its own state counts no more than any other
// voter's: to compare all with it alone would stop a whole cluster for the sake
// of one bad leader.
//
// Where two digests differ and none has a majority, some answers are wrong and
// nobody can tell which. After a second round, and a few seconds for voters
// that can't be reached, all that gave a digest halt: a store that stands still
// can be mended, one that has sold the same thing twice can't. They are told so
// by a call and not by the log, which would stop them again for ever, also
// those that were mended.
//
// A node that halted so leaves diverged.json in its data directory and does not
// start while that is there: else it would serve the same again until the next
// checkpoint. It is for people to compare (treenode inspect), and to give it an
// empty directory.
//
// Without a digest there is nothing to compare: a node that restarted between
// mark and checkpoint applies both again, one that restored a snapshot in
// between waits for the next. Marks and checkpoints are proposed only once
// every member reads them (level.go).
//
// # Origins
//
// The context of a Propose says where the change comes from (origin.go). That goes
// with the command to the leader and into the log. It is no part of the command: who
// tries again under the same request id gets the first answer, as anybody.
//
// A leader with Config.Authorize asks it again about every change that has an origin,
// its own node's and the others'. What it denies was certainly not applied
// (CodeForbidden). So the leader's policy counts, however lax the one of the node that
// took the change. A change that another node forwards without an origin is refused
// then, since a node that does not ask its clients who they are would be the way
// around the policy. There is one exception: while some member is so old that it
// can't send an origin, the node is trusted to have asked its own policy, as all
// nodes are trusted not to make origins up. Both rest on peers that prove who they
// are.
//
// Origins are in the log once every member reads them. A leader finds out when the
// first one is to be proposed; until then changes are logged without. level.json
// keeps that the log has such entries, for a node whose snapshot took them out of it.
//
// # Audit
//
// With Config.AuditDir a node writes down every change that it applies, and who asked
// for it (audited.go, package audit). No snapshot is kept before the audit is on disk
// up to there, and a node that can't write its audit ends.
//
// # Duties of the owner
//
// Supervise a node with what makes its Network, serve it, watch Failed, Close it.
// Or Open one: then nobody opens it again after Failed.
//
// # Encryption
//
// With Config.Keys the payloads of the log and the snapshots are encrypted on this
// node's disk, and nowhere else: what goes to other nodes and the state machine is
// plain (sealed.go, logstore, atrest). A key that is missing is an
// *atrest.MissingKeyError of Open, and no damage.
//
// # Data directories at rest
//
// OpenDirectory looks into the directory of a node that does not run, and
// CompareDirectories finds where two part (directory*.go). Neither changes a
// byte. They show what a node that starts there would have: a state that was
// wrong in the memory of a process alone leaves no trace but diverged.json.
//
// # A cluster that begins with a state
//
// Restore makes the data directory of a new cluster of one node from the state of an
// archive (package cluster/archive), Directory.Recover from that of a member whose
// cluster lost its majority for good (restore.go, recover.go). Both give it an id of
// its own, so that nobody of the other cluster mixes with it, a log that is empty
// behind a snapshot (found.go), and higher numbers, so that what clients know of the
// other cluster means nothing here. The directory is there whole or as it was before.
//
// Numbers go up by a bound that no provider or consumer comes to in practice, not one
// that none can come to: a client that knew one which changed more than a thousand
// times a second ever since could overwrite. A provider that was made after the state
// was taken, and is made again after, begins with generation 0 as it did before. And
// nothing keeps a majority of the old members, if it comes back, from being a cluster.
//
// # Lines at which a node may be killed
//
// failpoint.Reach marks lines of this package and of the log store at which the
// end of the process is most dangerous. It does nothing but in a program for
// tests, built with the tag failpoints; so does the clock of package clock, by
// which entries are stamped.
//
// # Known limits
//
// A checkpoint compares the trees, not the memory of request ids. A state that
// is wrong on most voters, because of a bug in the program that they share, is
// taken for right. After an upgrade there are none until each member has been
// seen once with a program that knows them.
//
// Where most voters' clocks are wrong, so is the time of the log. If it is more
// than an hour ahead of the clients' clocks, or, for a leader's whole term, more than
// five minutes behind, their request ids are refused. So are those that a node with a
// clock as wrong makes for requests that come without one. In a cluster with members
// that do not tell their clocks yet, the leader takes theirs to be like its own.
//
// One voter is added or removed at a time.
package cluster
