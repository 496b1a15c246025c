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
// A listener that others can reach, without TLS or without authentication, is
// refused unless Config.Insecure says that this is known. Certificates are read
// again when their files change; see package certs.
//
// Known limits: HTTP/1.1 only.
package server
