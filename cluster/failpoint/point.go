package failpoint

// Point is a line of a node.
type Point string

// The points. Each says what must hold after a kill there.
const (
	// AppendBefore is before entries are written to the log. They are not on
	// this disk, and nothing was said of them: no answer of this node counts.
	AppendBefore Point = "append-before"
	// AppendUnmarked is after entries were flushed, before the mark of the log's
	// end is moved behind them. The log is whole with or without them.
	AppendUnmarked Point = "append-unmarked"
	// AppendAfter is after the write, before Raft is told. The entries stay, and
	// are committed or replaced as the next leader has it.
	AppendAfter Point = "append-after"

	// CommitAnswer is on the leader, after a group of commands was committed and
	// applied, before any caller hears of it. All of them took effect, once; who
	// asks again with the same request id gets the first answer.
	CommitAnswer Point = "commit-answer"
	// CommitForwarded is on the leader, before it answers a node that has sent it
	// commands. The same holds.
	CommitForwarded Point = "commit-forwarded"
	// CommitRelayed is on the node that sent them, with the leader's answer in
	// hand, before its callers have theirs. The same holds.
	CommitRelayed Point = "commit-relayed"

	// ApplyBefore is before a committed entry is applied. It is applied at the
	// next start, or is in the snapshot that comes instead.
	ApplyBefore Point = "apply-before"
	// ApplyAfter is after an entry was applied, before readers that wait for its
	// index go on. The state in memory is gone, and comes to be the same.
	ApplyAfter Point = "apply-after"

	// SnapshotWritten is after a snapshot was written, before it is put into its
	// place. The one before it and the whole log are still there.
	SnapshotWritten Point = "snapshot-written"
	// SnapshotUnsealed is after it is in its place, before it has its seal. It is
	// taken, and sealed, at the next start.
	SnapshotUnsealed Point = "snapshot-unsealed"
	// SnapshotPlaced is after that, before Raft hears of it. The log still
	// reaches back before the snapshot.
	SnapshotPlaced Point = "snapshot-placed"
	// SnapshotInstalled is after a leader's snapshot was restored, before the log
	// is trimmed. The log may still differ from the snapshot's; the snapshot wins.
	SnapshotInstalled Point = "snapshot-installed"
	// TrimBefore is before entries are removed from the log, at its begin behind a
	// snapshot or at its end for a leader that has others. They are still there.
	TrimBefore Point = "trim-before"
	// TrimUnmarked is after the marks of the log's end were moved back for
	// entries at the end, before those go. They may come back as if they had
	// never been removed, which is what they were before.
	TrimUnmarked Point = "trim-unmarked"
	// TrimAfter is after entries were removed. No entry above the newest snapshot
	// is missing.
	TrimAfter Point = "trim-after"

	// VoteBefore is before a term or a vote is saved. Nobody was told of it.
	VoteBefore Point = "vote-before"
	// VoteUnlisted is after a value was saved for the first time, before it is
	// listed among those that must be there. It is there or was never promised.
	VoteUnlisted Point = "vote-unlisted"
	// VoteAfter is after one value was saved: between the term of a vote and its
	// candidate, or before the vote is given. In that term the server votes for
	// nobody else.
	VoteAfter Point = "vote-after"

	// AsideStep is between any two steps of setting a damaged directory aside.
	// The next start goes on with the step that is due.
	AsideStep Point = "aside-step"
)

// All lists the points in the order of their groups.
func All() []Point {
	return []Point{
		AppendBefore, AppendUnmarked, AppendAfter,
		CommitAnswer, CommitForwarded, CommitRelayed,
		ApplyBefore, ApplyAfter,
		SnapshotWritten, SnapshotUnsealed, SnapshotPlaced, SnapshotInstalled, TrimBefore, TrimUnmarked, TrimAfter,
		VoteBefore, VoteUnlisted, VoteAfter,
		AsideStep,
	}
}
