// Command faults runs a cluster of the real program, lets clients work on it
// while faults are injected, and checks that nothing was lost, done twice or
// shown wrongly. See "go run . --help" and "go run . -list".
//
// Data flows one way: the schedule (schedule.go) draws faults from the seed
// and injects them into package fleet, package load records what the clients
// see meanwhile, package check judges it, and report.go tells. Many runs side by
// side are campaign.go's, what they come to together statistics.go's.
//
// # Known limits
//
// The seed fixes what is drawn, not when the machine does it: a repeated run
// is alike, not the same. Clients are never cut off from nodes, and what they
// say is neither delayed nor slowed down. Wires keep the order of packets unless
// they are to reorder them, and do not damage any. Clocks are wrong only where they enter the log.
// The faults named failpoint-... run another build of the program, which has the
// lines at which it may end itself; a point that a node does not reach in time
// is told in the fault's text, and shows nothing.
package main
