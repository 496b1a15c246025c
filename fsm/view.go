package fsm

import "github.com/treenode/treenode/fsm/tree"

// View is one published version of the machine: immutable, readable by any
// number of goroutines for as long as they like.
type View struct {
	// Index is the last log index applied.
	Index uint64
	// Tree is the state after it.
	Tree *tree.State

	requests requests
	logTime  tree.Time
}
