// Package placementtest has what tests of the Placement API need: a cluster of
// one without Raft, files of cases, and answers in a form that can be compared
// with those of another server. It is for tests only.
package placementtest
