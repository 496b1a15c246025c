// Command mutations proves the proof: it puts known bugs back into the program,
// one at a time, and shows that the project's own checks notice each.
//
//	go run ./scripts/mutations -list
//	go run ./scripts/mutations -by test
//	go run ./scripts/mutations -only no-dedupe,two-steps -seed 7
//
// A mutation (table.go) is one or a few replacements of text that occurs
// exactly once; a text that no longer does ends the program with the name of
// the mutation, which then has to be brought up to date. The go command gets
// the changed files by its overlay (overlay.go): the tree is never touched.
//
// A mutation is caught by the fault campaign (campaign.go), which runs
// clusters of the mutated program, or else by one test of the repository
// (target.go). Neither counts where the program as it is fails the same way:
// each test has to pass without the mutation, and so has a campaign run with
// the same seed and fault.
//
// # Known limits
//
// That a mutation is caught with one seed does not say that it is with every
// other. And a list of bugs says nothing about those that are not on it.
package main
