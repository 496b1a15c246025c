// Restore-drill plays the loss of a whole cluster on one machine: three nodes take
// writes, an archive is made meanwhile, all nodes are killed, and a new cluster of
// three begins with the archive. It checks
//
//   - that every write which was acknowledged before the archive's index is there;
//   - that all three nodes have the archive's state, but for the numbers that a restore
//     raises;
//   - that a client which goes by a generation from before gets a conflict, and a
//     request that the archive knows is not executed again;
//   - that an archive with one bit changed, and a directory that is not empty, are
//     refused, and leave nothing behind.
//
// Run it as "go run ./scripts/restore-drill". It needs no network but loopback, and
// removes what it made.
package main
