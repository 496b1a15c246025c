// Package certs has the certificates of treenode: it makes them for a first
// cluster, loads them for the two ports of a node and for clients, takes
// changes of their files in, and decides who is let in.
//
// # Names
//
// A peer certificate names its node by exactly one URI, treenode://peer/<node
// id>, among its subject alternative names. PeerName reads it. It needs both
// extended key usages, because every node dials and is dialed. One that was made
// here has no host name and no address, so that it is good for no other
// server.
//
// # Guarantees
//
//   - On the peer port a certificate counts only if it comes from the peers' CA,
//     is in time, is not in the revocation list, has both key usages and names one
//     node; in both directions. Which node it has to be is for the caller to say:
//     transport/raftnet compares the name with the server that it dials.
//   - On the API's port a client without a certificate is let in as far as TLS is
//     concerned; one with a certificate only if that comes from the CA for
//     clients, and never with a peer's. What a certificate allows is the
//     business of who authenticates.
//   - No connection outlives what it was let in by in a session ticket: there are
//     none.
//   - Files are taken together or not at all. Where the new ones don't fit each
//     other, or can't be read, the old ones stay in use, and the log names the file.
//     A CA file may hold several CAs, which is how one is replaced by another.
//   - A key appears in no error and no log.
//
// # Known limits
//
//   - Changes are found by reading the files every PollInterval.
//   - A certificate that is out of time is no error when it is loaded, because a
//     clock may be wrong at boot; it is logged, and the other side refuses it.
//   - There is no OCSP. A revocation list is for peers only.
package certs
