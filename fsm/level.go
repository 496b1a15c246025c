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
	// LevelGenerations adds notes of levels, and the operation that raises
	// generations.
	LevelGenerations = 5
	// Level is the level of this program.
	Level = LevelGenerations
)

// levels has the greatest number of each kind, by level. A new kind is a new
// level: a row, and a check before the kind is proposed.
var levels = [...]struct {
	entry        EntryKind
	op           opKind
	precondition tree.PreconditionKind
}{
	LevelFirst:       {KindBatch, 19, tree.ProviderParent},
	LevelMarks:       {KindCheckpoint, 19, tree.ProviderParent},
	LevelOrigins:     {KindOrigins, 19, tree.ProviderParent},
	LevelJoinTokens:  {KindJoinToken, 19, tree.ProviderParent},
	LevelGenerations: {KindLevel, 20, tree.ProviderParent},
}

// LevelOf returns the level that reading a log entry takes, for a kind that
// this program knows. Batches are not looked into: before the first one with an
// operation of a later level comes a note of that level.
func LevelOf(entry []byte) int {
	if KindOf(entry) == KindLevel {
		if e, err := DecodeEntry(entry); err == nil {
			return int(e.Level) //nolint:gosec // at most Level
		}
	}
	level := LevelFirst
	for level < Level && KindOf(entry) > levels[level].entry {
		level++
	}
	return level
}

// Level returns the level that reading the command takes. One above LevelFirst may
// be in a batch only behind a note of its level.
func (cmd *Command) Level() int {
	level := LevelFirst
	for _, op := range cmd.Txn.Ops {
		if _, ok := op.(tree.RaiseGenerations); ok {
			level = LevelGenerations
		}
	}
	return level
}
