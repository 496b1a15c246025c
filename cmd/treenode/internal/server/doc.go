// Package server wires one node together: the peer port, the cluster node and
// the HTTP listener with the native and the Placement API, with the limits of
// each.
//
// Guarantees: Start either returns a server that listens or leaves nothing
// open. A node that fails is opened again, see cluster.Supervise; the listener
// says why meanwhile. One that was removed, or differs from the others, takes the
// listener down and closes Failed. Shutdown
// lets requests under way finish, hands leadership over, and flushes.
//
// Known limits: there is no TLS and no authentication yet. Listeners other
// than loopback are refused unless Config.Insecure says that this is known.
package server
