// Package clock is the wall clock of a node, where it enters the log.
//
// Guarantees: in an ordinary build Now is time.Now. In a program that was built
// with the tag failpoints, for tests, a file that TREENODE_CLOCK_FILE names lets
// it be wrong; see package failpoint.
//
// Timers, and all that measures how long something takes, do not use it: they
// go by the monotonic clock, which nobody sets.
package clock
