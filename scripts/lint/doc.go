// Package lint holds the house's own rules as tests, so that "go test ./..."
// checks them everywhere and nobody needs another tool:
//
//   - imports_test.go: which room may import what, and why not;
//   - determinism_test.go: no goroutine, no float arithmetic, no random order
//     of maps or selects in package fsm and below;
//   - layout_test.go: every package has a doc.go, no file is too long;
//   - words_test.go: words that have no place in the repository;
//   - links_test.go: documents link to files that exist;
//   - dependencies_test.go: every direct dependency is explained.
//
// Each rule is a function of source text, and has a test of its own with
// sources that break it: a rule that can't fail checks nothing.
//
// # Known limits
//
// Imports are those that a file names itself: what a dependency imports in its
// turn is not followed. The determinism rules know syntax and types, not data
// flow: an order that comes out of reflection or of sync.Map is not seen. Files
// that build constraints exclude on this machine have their imports checked,
// but not their determinism.
package lint
