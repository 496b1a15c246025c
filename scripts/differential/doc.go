// Command differential plays random histories of requests to the reference
// Placement service and to this one, and compares every answer.
//
//	scripts/placement-oracle 18778 &
//	go run ./scripts/differential -real http://127.0.0.1:18778 -steps 2000
//
// A history is made from a seed, which is printed; -seed repeats it. Histories
// have names and UUIDs of their own, so that one pair of servers serves all of
// them. The first difference is shrunk to the shortest history that shows it,
// and printed. What is compared is what package placementtest leaves of an
// answer; differences that are the reference's faults are listed in known.go.
//
// Exit codes: 1 for a difference, 2 for a wrong call or a server that does not
// answer.
package main
