// Package storetest serves both APIs from a store in memory, for the
// tests of what talks to it: the real handlers and the real state machine,
// without Raft.
//
// Guarantees: what is refused, and with which code, is what a cluster of real
// nodes would say. It imports package testing, and no program may import it.
//
// Known limits: it is a cluster of one that always leads; membership calls are
// remembered and change nothing.
package storetest
