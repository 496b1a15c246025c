// Command differential plays random histories of requests to the reference
// Placement service and to this one, and compares every answer.
//
//	go run ./scripts/differential -oracles 2 -steps 2000
//	go run ./scripts/differential -oracles 2 -steps 2000 -cluster 3
//	go run ./scripts/differential -real http://127.0.0.1:18778 -seed 7
//
// A history is made from a seed and its number, which are printed; -seed and
// -first repeat it. Histories have names and UUIDs of their own, and of lists
// only what is of their own is compared, so that one pair of servers serves
// many of them. Workers play histories side by side, one a reference service.
// The first difference is shrunk to the shortest history that shows it, and
// printed.
//
// What is compared is what package placementtest leaves of an answer, and:
//
//   - UUIDs that a server made up are one word;
//   - where a request for allocation candidates has a limit that cuts, the
//     choice is free: there have to be as many candidates, each is one that the
//     reference has without the limit, and so is each summary.
//
// Differences that are the reference's faults, or are meant, are listed in
// known.go with reason and evidence; how often each was met is printed.
//
// Exit codes: 1 for a difference, 2 for a wrong call or a server that does not
// answer, 3 when the packages of the reference are missing.
package main
