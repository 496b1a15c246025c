package fsm

import "github.com/treenode/treenode/fsm/tree"

// View is one published version of the machine: immutable, readable by any
// number of goroutines for as long as they like.
type View struct {
	// Index is the last log index applied.
	Index uint64
	// Tree is the state after it.
	Tree *tree.State

	requests   requests
	logTime    tree.Time
	joinTokens []JoinToken // sorted by id; never changed
}

// Remembered is how many answers are kept for requests that come again, and their
// bytes.
func (v *View) Remembered() (answers, bytes int) { return v.requests.byID.Len(), v.requests.bytes }

// RememberedMax bounds what Remembered returns.
func RememberedMax() (answers, bytes int) { return requestsMax, requestsBytesMax }
