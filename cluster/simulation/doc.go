// Package simulation holds a test that runs whole clusters, of the real packages
// cluster and fsm with hashicorp/raft and the log stores below them, in virtual
// time and on a network in this process.
//
// A history is made from a seed: which nodes there are, what clients propose and
// read, and which faults come when. It runs in a bubble of testing/synctest, where
// time moves on only when all goroutines wait: an election takes no longer than the
// work that it is, so that minutes hold thousands of them.
//
// # What is checked
//
//   - Every acknowledged command has the revision of the state that it led to, and
//     every read the one that it showed. That is an order of all of them, so that
//     linearizability is one comparison for each: nothing has a revision before
//     that of an operation that had ended when it began.
//   - Every read shows, of every register, exactly the last write up to its
//     revision, and the generation that so many writes make. A write changes its
//     register twice and by a value of its own, so that one that is applied twice
//     shows at once.
//   - All commands are proposed again under their request ids until their outcome is
//     known; one that is asked for again gives the same answer. None was lost at
//     the end, and each happened once.
//   - No term has two leaders. No node halts. All nodes have the same digest in the
//     end, and tree.Check finds nothing.
//
// # Fitness of synctest
//
// Goroutines that do file I/O hold time still, so that a disk takes no virtual
// time. A goroutine that waits for a sync.Mutex holds it still as well, so a mutex
// that is held over a wait for time, or for the network, would stop a history for
// good. Package cluster has such: Node.changing, of changes of membership, and
// checkpoints.taking. A history has no changes of membership while the network
// takes time, and one leadership's checkpoint at most.
//
// # Known limits
//
// A seed repeats the plan of a history, not each step: hashicorp/raft draws its
// time-outs from a source of its own, and the order of goroutines that can run at
// the same moment is the scheduler's.
//
// Disks are honest here, clocks agree, and a node ends by Close: what power cuts,
// damage, pauses and skew do is for scripts/faults.
package simulation
