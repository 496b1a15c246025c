// Package local runs a cluster of real processes on the loopback addresses of
// this machine: for "treenode dev", for tests and for benchmarks.
//
// Guarantees: nodes keep their ports and directories over restarts; Kill is
// SIGKILL; a node's process dies with the one that started it; Stop ends all.
//
// Known limits: free ports are found by opening and closing them, so another
// program may take one in between; the node then fails to start and says so.
package local
