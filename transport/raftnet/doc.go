// Package raftnet is a node's peer port: it implements cluster.Network on one
// TCP listener, which carries Raft's streams and the calls between nodes.
//
// # Protocol
//
// All numbers are big endian. The dialer opens each connection with
//
//	"TNRN" version(1) kind(1) clusterIDLen(1) clusterID serverIDLen(1) serverID
//
// where kind is 1 for a Raft stream and 2 for calls, and waits for
//
//	"TNRN" version(1) status(1) messageLen(2) message
//
// Status 0 lets it in; any other is a cluster.PeerCode, and the acceptor
// closes. The server id is that of the Raft server that a stream is meant for,
// and empty for calls. Magic, version and status stay where they are in every version. After
// that a Raft stream is hashicorp/raft's. A call connection carries requests
// and their answers:
//
//	request: verb(1) sequence(4) timeoutMicros(8) bodyLen(4) body
//	answer:  status(1) sequence(4) bodyLen(4) body
//
// A timeout of 0 means none. The body of an answer whose status is not 0 is
// the refusal's text.
//
// # Guarantees
//
//   - A node of another cluster is never listened to: cluster ids are compared
//     at the handshake, and again at every call, because ids are set while
//     connections exist. A node without an id may only say hello, ask for
//     a pledge and ask to join, and a node without an id answers only those.
//   - A Raft stream reaches the server that it is meant for or none: a node that
//     lost its directory answers at the same address, but has not the log and
//     the vote that the others count on (SetServer).
//   - A deadline of a Raft stream does not pass while the peer's kernel confirms
//     bytes (on Linux): a snapshot or a batch of entries gets through a narrow
//     link, however long it takes. A peer that confirms no byte any more ends it
//     after the time that the deadline was away, or twice that.
//   - With Config.PeerName both sides of a connection have proved which node they
//     are before either says a word of the protocol. A stream reaches the node of
//     the server that it is meant for, a call the node that cluster.AnswererOf
//     wants, or none; a handler knows who calls.
//   - CallError.Sent is false only if not one byte of the request was written.
//     A request is never sent twice. Before an idle connection is used again it
//     is looked at, so that a peer which restarted meanwhile costs a new
//     connection and not a call.
//   - A call's connection is its own until the answer is in. A call that is
//     given up, a slow peer, a large body delay no other call. Giving up closes
//     the connection, which ends the handler's context.
//   - A handler that panics is a cluster.PeerInternal to its caller; the
//     connection and the node live on.
//   - Sizes are checked before memory is taken. Connections, handshakes, calls,
//     bytes and times have the bounds of Limits.
//   - After Close no goroutine of the package is left, unless a handler
//     ignores that its context has ended; Close reports those.
//
// # Known limits
//
//   - Without TLS there is neither secrecy nor proof of who speaks: the cluster
//     id keeps mistakes out, not attackers. The certificates are the business of
//     package transport/certs. A port with TLS and one without don't understand
//     each other.
//   - Two processes with one node's key are one node.
//   - A peer whose process hangs but whose kernel answers is noticed by
//     deadlines only. Call with a context that ends.
//   - A call is a connection: hundreds at a time to one peer are hundreds of
//     file descriptors at both ends. Limits.CallsPerPeerMax bounds them.
//   - Strangers can keep Limits.HandshakesMax connections in their handshake,
//     for Limits.HandshakeTimeout each, and so delay or keep out new connections
//     of peers. Established ones are not affected.
package raftnet
