package fsm

import "github.com/treenode/treenode/fsm/tree"

// A program that meets a kind it does not know halts. So a new kind may be
// proposed only once every member of the cluster knows it. Levels say that in
// one number, which nodes tell each other: each level adds kinds, and none
// takes one away.
const (
	// LevelFirst has batches, and what is in them, as the first version did.
	LevelFirst = 1
	// LevelMarks adds marks and checkpoints.
	LevelMarks = 2
	// LevelOrigins adds batches whose commands say where they come from.
	LevelOrigins = 3
	// LevelJoinTokens adds changes of join tokens, and snapshots with some.
	LevelJoinTokens = 4
	// Level is the level of this program.
	Level = LevelJoinTokens
)

// levels has the greatest number of each kind, by level. A new kind is a new
// level: a row, and a check before the kind is proposed.
var levels = [...]struct {
	entry        EntryKind
	op           opKind
	precondition tree.PreconditionKind
}{
	LevelFirst:      {KindBatch, 19, tree.ProviderParent},
	LevelMarks:      {KindCheckpoint, 19, tree.ProviderParent},
	LevelOrigins:    {KindOrigins, 19, tree.ProviderParent},
	LevelJoinTokens: {KindJoinToken, 19, tree.ProviderParent},
}

// LevelOf returns the level that reading a log entry takes, for a kind that
// this program knows. What is inside a batch was of the first level ever
// since; the kinds of operations that come later are to be looked for here.
func LevelOf(entry []byte) int {
	level := LevelFirst
	for level < Level && KindOf(entry) > levels[level].entry {
		level++
	}
	return level
}
