// Command upgrade brings a cluster of three nodes from a previous version to this
// one, back, and to this one again, node by node as docs/operations.md has it,
// while clients write and read:
//
//	go run ./scripts/upgrade -previous 004e84f
//
// Every node that has got its other program leads for a while, so that each
// version leads the other. After each round no write that was acknowledged may be
// missing, none may have happened twice, and the nodes' digests are equal. The
// longest time without an acknowledged write is printed, and bounded by -gap. At
// the end the data directories are read as well (treenode inspect).
//
// The way back stays open as TREENODE_ENTRY_LEVEL (-entry-level) keeps entries out
// of the log that the previous version does not read. The last round is without:
// a kind of entry that comes into the log before every node reads it halts those
// that don't, and fails this.
//
// Exit codes: 1 when something is lost, done twice or took too long, 2 for a wrong
// call.
//
// Known limits: nodes stop in good order. What kills, partitions and mixed versions
// do together is scripts/fault-campaign's.
package main
