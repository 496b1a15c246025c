package cluster

import "context"

// A network whose peers prove who they are, by certificates for instance, tells
// the node id that was proved, and refuses a peer that is not the one a call was
// meant for. One without proof tells nothing, and then nothing is checked.

type peerNameKey struct{}

// WithPeerName returns a context for PeerHandler.HandlePeer that says which node
// calls. A Network uses it, once the caller has proved that id.
func WithPeerName(ctx context.Context, nodeID string) context.Context {
	return context.WithValue(ctx, peerNameKey{}, nodeID)
}

// PeerName returns the node id that the caller of HandlePeer has proved. False
// means that the network asks for no proof.
func PeerName(ctx context.Context) (nodeID string, ok bool) {
	nodeID, ok = ctx.Value(peerNameKey{}).(string)
	return nodeID, ok
}

// Answerer is whom a call is meant for, and who answered it.
type Answerer struct {
	// Want is the node id that has to answer. Empty takes any.
	Want string
	// Name is the node id that has answered, once Network.Call has returned
	// without a *CallError. Empty if the network asks for no proof.
	Name string
}

type answererKey struct{}

// WithAnswerer returns a context for one Network.Call, or several in turn.
func WithAnswerer(ctx context.Context, a *Answerer) context.Context {
	return context.WithValue(ctx, answererKey{}, a)
}

// AnswererOf returns what WithAnswerer gave, or nil.
func AnswererOf(ctx context.Context) *Answerer {
	a, _ := ctx.Value(answererKey{}).(*Answerer)
	return a
}

// NamedStream is an accepted Raft stream whose dialer has proved a node id. A
// stream layer whose streams are such implements NamesPeers.
type NamedStream interface {
	PeerName() string
}

// NamesPeers is what the stream layer of a Network implements that asks for proof:
// then it is true, and every stream that it accepts is a NamedStream.
type NamesPeers interface {
	NamesPeers() bool
}

// namesPeers reports whether the peers of a network prove who they are.
func namesPeers(network Network) bool {
	layer, ok := network.Raft().(NamesPeers)
	return ok && layer.NamesPeers()
}

// claim refuses a caller that says it is another node than it has proved.
func claim(ctx context.Context, nodeID string) *PeerError {
	if proved, ok := PeerName(ctx); ok && proved != nodeID {
		return &PeerError{Code: PeerRefused, Message: "node " + proved + " may not speak for node " + nodeID}
	}
	return nil
}

// admits refuses a caller that has proved to be no member, on the node that leads:
// its configuration is never behind, so that a node that was removed is nobody at
// once. Calls that come before membership have rules of their own.
func (n *Node) admits(ctx context.Context, verb Verb) *PeerError {
	proved, ok := PeerName(ctx)
	if !ok || verb == VerbHello || verb == VerbPledge || verb == VerbJoin {
		return nil
	}
	if _, leads, _ := n.leader(); !leads || n.hasMember(proved) {
		return nil
	}
	return &PeerError{Code: PeerRefused, Message: "node " + proved + " is not a member of this cluster"}
}

// hasMember reports whether a node is in the configuration.
func (n *Node) hasMember(nodeID string) bool {
	servers, err := n.servers()
	if err != nil {
		return false
	}
	for _, s := range servers {
		if nodeIDOf(string(s.ID)) == nodeID {
			return true
		}
	}
	return false
}

// admitsJoin refuses a request to join that comes neither from the node that is to
// join nor from a member, which passes on what it was asked. Whether the node
// that is to join holds its key is not proved by the request but by the greeting
// that AddMember sends to its address.
func (n *Node) admitsJoin(ctx context.Context, j join) *PeerError {
	proved, ok := PeerName(ctx)
	if !ok || proved == nodeIDOf(j.RaftID) || n.hasMember(proved) {
		return nil
	}
	return &PeerError{Code: PeerRefused, Message: "node " + proved + " may not ask for node " + nodeIDOf(j.RaftID) + " to join"}
}

// admitsPledge refuses a pledge to a node that is not the one that asks, or whose
// turn to begin a cluster with this node it never is.
func (n *Node) admitsPledge(ctx context.Context, p pledge) *PeerError {
	proved, ok := PeerName(ctx)
	if !ok {
		return nil
	}
	if refused := claim(ctx, p.Node); refused != nil {
		return refused
	}
	if proved >= n.config.NodeID {
		return &PeerError{Code: PeerRefused, Message: "node " + proved + " does not begin a cluster with node " + n.config.NodeID + ": the lowest id does"}
	}
	return nil
}

// pinned is a network on which a call to the address of a member is meant for that
// member. A node that took another's address, or its key, does not get its calls.
type pinned struct {
	Network
	member func(addr string) (nodeID string)
}

// Call implements Network.
func (p pinned) Call(ctx context.Context, addr string, verb Verb, body []byte) ([]byte, error) {
	if AnswererOf(ctx) == nil {
		if id := p.member(addr); id != "" {
			ctx = WithAnswerer(ctx, &Answerer{Want: id})
		}
	}
	return p.Network.Call(ctx, addr, verb, body)
}

// memberAt is the node id of the member with an address, or empty.
func (n *Node) memberAt(addr string) string {
	if n.raft == nil {
		return ""
	}
	servers, err := n.servers()
	if err != nil {
		return ""
	}
	for _, s := range servers {
		if string(s.Address) == addr {
			return nodeIDOf(string(s.ID))
		}
	}
	return ""
}
