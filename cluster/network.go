package cluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/raft"
)

// Verb names what a peer is asked for over a Network. Numbers are part of the
// peer protocol.
type Verb uint8

// The verbs of the peer protocol.
const (
	VerbHello     Verb = 1 // who are you: identity, cluster, progress
	VerbForward   Verb = 2 // propose these commands, you being leader
	VerbTerm      Verb = 3 // what is your current term
	VerbReadIndex Verb = 4 // give me an index that makes a read linearizable
	VerbPledge    Verb = 5 // join the cluster that I am about to bootstrap
	VerbJoin      Verb = 6 // take me into your cluster
	VerbAdmin     Verb = 7 // membership change, you being leader
	VerbDigest    Verb = 8 // what is your state's digest at this mark
	VerbOrigins   Verb = 9 // propose these commands, which come from there
)

// Network is a node's peer port: one listener that carries Raft's streams and
// the calls between nodes. Package transport/raftnet implements it.
//
// All methods may be called concurrently.
type Network interface {
	// Raft is the stream layer that hashicorp/raft dials and accepts on. What it
	// dials is a StreamTarget.
	Raft() raft.StreamLayer
	// Addr is the address that peers reach this node at.
	Addr() string
	// Call sends one request to the peer at addr and waits for its answer.
	// Every error it returns is a *CallError or a *PeerError. A network whose
	// peers prove who they are heeds AnswererOf(ctx): another node than the one
	// wanted is not sent the request.
	Call(ctx context.Context, addr string, verb Verb, body []byte) ([]byte, error)
	// Serve starts answering calls with h. Calls that arrive before are
	// answered as not ready. It is called once and returns at once.
	Serve(h PeerHandler)
	// SetClusterID tells the cluster this node belongs to. Before it is set,
	// Raft streams are refused and only VerbHello, VerbPledge and VerbJoin are
	// handed to the handler; after, every connection from another cluster is
	// refused with a *PeerError of code PeerOtherCluster.
	SetClusterID(id string)
	// SetServer tells which Raft server this node is. Raft streams that are meant
	// for another one are refused. It is called before the first stream.
	SetServer(id string)
	// Close stops listening, and closes every stream and call in flight.
	Close() error
}

// StreamTarget is what Raft's streams are opened to, and kept for: a server and
// where it is. A node that lost its directory is another server at the same
// address, and a stream to the one must not carry what is meant for the other.
func StreamTarget(id raft.ServerID, addr raft.ServerAddress) raft.ServerAddress {
	return addr + "#" + raft.ServerAddress(id)
}

// NodeOfServer is the node id in a Raft server's id.
func NodeOfServer(id string) string { return nodeIDOf(id) }

// SplitStreamTarget is the reverse of StreamTarget. Without a server it is empty.
func SplitStreamTarget(target raft.ServerAddress) (addr, server string) {
	addr, server, _ = strings.Cut(string(target), "#")
	return addr, server
}

// PeerHandler answers the calls of peers. The context ends with the call, and says
// who calls where that was proved: PeerName. An
// error that is a *PeerError reaches the caller as it is; any other becomes
// one of code PeerInternal.
type PeerHandler interface {
	HandlePeer(ctx context.Context, verb Verb, body []byte) ([]byte, error)
}

// CallError is a call that did not come back.
type CallError struct {
	Addr string
	// Sent is false when the peer has certainly not seen the request: it
	// could not be reached or refused the connection.
	Sent bool
	Err  error
}

// Error implements error.
func (e *CallError) Error() string { return fmt.Sprintf("peer %s: %v", e.Addr, e.Err) }

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// PeerError is a refusal that a peer answered with.
type PeerError struct {
	Code    PeerCode
	Message string
}

// PeerCode names the reason of a PeerError. Numbers are part of the protocol.
type PeerCode uint8

// The codes of a PeerError.
const (
	PeerInternal     PeerCode = 1 // a bug in the peer
	PeerNotReady     PeerCode = 2 // the peer does not serve yet, or no longer
	PeerOtherCluster PeerCode = 3 // the peer belongs to another cluster
	PeerNotLeader    PeerCode = 4 // the peer does not lead; nothing happened
	PeerBadRequest   PeerCode = 5 // the peer can't read the request
	PeerRefused      PeerCode = 6 // the peer understood and declines
	PeerTooLarge     PeerCode = 7 // the request is over the limit
	PeerOutcome      PeerCode = 8 // the peer does not know whether it happened
	PeerBusy         PeerCode = 9 // a queue of the peer is full; nothing happened
	// PeerForbidden: the leader does not allow the change; nothing happened. Only
	// who used VerbOrigins knows it.
	PeerForbidden PeerCode = 10
	// PeerNotRead: not every member is known to read what the command has in it;
	// nothing happened. Only who reads fsm.LevelGenerations sends such a command.
	PeerNotRead PeerCode = 11
)

// Error implements error.
func (e *PeerError) Error() string { return e.Message }

// CallBytesMax bounds the body of a call and of its answer, in bytes.
const CallBytesMax = 4 << 20
