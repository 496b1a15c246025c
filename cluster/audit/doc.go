// Package audit keeps a node's audit: who changed what, as lines of JSON in files
// of which each line has the SHA-256 of the line before.
//
// # What is in it
//
// A line for each command of the log that the node has applied, in the log's order:
// whether it was executed, refused or a repetition, with what the log says of where
// it comes from (fsm.Origin), and for each change of the members. All of that is in
// the log, so every node's lines for the same indexes are the same but for the chain;
// Compare holds two nodes against each other. The other kinds of lines (see Record)
// are a node's own.
//
// # Guarantees
//
//   - A command that was applied is in the audit before a snapshot takes it out of the
//     log: the writer of a snapshot waits until the audit is on disk up to there
//     (Writer.Sync). What a crash takes from the files before that is applied again
//     at the next start, and written then. What is there already is not written twice.
//   - Where a node did not apply entries because a snapshot of the leader replaced
//     them, or because it began its audit later, a gap says so.
//   - Applying waits for a full queue, for Options.Stall at most. A disk that takes
//     nothing, or not in that time, ends the node (Options.Failed): a node that can't
//     say what it does does nothing.
//   - A last line that a crash has torn is cut off, and a line says how much it was.
//     Any other damage to the end of the chain keeps the node from starting; damage
//     further back is for Verify to find.
//
// # Known limits
//
// The chain has no key. Whoever may write the files can write all of it anew, or cut
// off its end, and nobody can tell by these files alone. The other nodes have the
// same lines: compare them, or copy the last line to where the nodes can't write, from
// time to time. Nor is anything encrypted; the files are for their owner only (0600).
//
// A change of the members does not say who asked for it: Raft's configurations have
// no room for that.
//
// A command whose origin came while some member could not read origins is here without
// one.
package audit
