package cluster

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
)

// hello is what a node says of itself to VerbHello.
type hello struct {
	NodeID    string `json:"node_id"`
	RaftID    string `json:"raft_id"`
	ClusterID string `json:"cluster_id"`
	Peer      string `json:"peer"`
	API       string `json:"api"`
	Version   string `json:"version"`
	// Member is whether it has a configuration, so belongs to a cluster that
	// was formed, and not only to one that it is pledged to.
	Member   bool   `json:"member"`
	Expect   int    `json:"expect"`
	NonVoter bool   `json:"nonvoter"`
	Term     uint64 `json:"term"`
	Last     uint64 `json:"last"`
	Applied  uint64 `json:"applied"`
	Level    int    `json:"level"` // see fsm.Level; 0 from before there was one
	Clock    int64  `json:"clock"` // in microseconds since 1970; 0 from before it was told
}

// pledge asks a new node to belong to the cluster that the sender is about to
// bootstrap.
type pledge struct {
	ClusterID string `json:"cluster_id"`
	From      string `json:"from"` // the sender's peer address
	Node      string `json:"node"` // the sender's node id
}

// join asks to be taken in.
type join struct {
	RaftID   string `json:"raft_id"`
	Peer     string `json:"peer"`
	NonVoter bool   `json:"nonvoter"`
	Token    string `json:"token,omitempty"` // see jointoken.go; never logged
}

// admin is a membership operation for the leader.
type admin struct {
	Op        string            `json:"op"` // "add", "remove", "transfer", "removed" and so on
	ID        string            `json:"id,omitempty"`
	Join      *join             `json:"join,omitempty"`       // of "add"
	JoinToken *joinTokenRequest `json:"join_token,omitempty"` // of "join token"
}

// HandlePeer implements PeerHandler.
func (n *Node) HandlePeer(ctx context.Context, verb Verb, body []byte) ([]byte, error) {
	if verb != VerbHello {
		if err := n.usable(); err != nil {
			return nil, &PeerError{Code: PeerNotReady, Message: err.Error()}
		}
	}
	if refused := n.admits(ctx, verb); refused != nil {
		return nil, refused
	}
	switch verb {
	case VerbHello:
		return json.Marshal(n.hello())
	case VerbForward:
		return n.proposeForwarded(ctx, body, plainForward)
	case VerbOrigins:
		if n.config.Level < fsm.LevelOrigins {
			break
		}
		return n.proposeForwarded(ctx, body, originForward)
	case VerbTerm:
		if string(body) != n.raftID {
			return nil, &PeerError{Code: PeerRefused, Message: "this is server " + n.raftID + ", not " + string(body)}
		}
		return encodeIndex(n.raft.CurrentTerm()), nil
	case VerbReadIndex:
		if _, self, _ := n.leader(); !self {
			return nil, &PeerError{Code: PeerNotLeader, Message: "this node does not lead"}
		}
		index, err := n.readRounds.join(ctx)
		if err != nil {
			return nil, &PeerError{Code: PeerNotLeader, Message: err.Error()}
		}
		return encodeIndex(index), nil
	case VerbPledge:
		return handle(body, func(p pledge) error {
			if refused := n.admitsPledge(ctx, p); refused != nil {
				return refused
			}
			return n.takePledge(p)
		})
	case VerbJoin:
		return handle(body, func(j join) error {
			if refused := n.admitsJoin(ctx, j); refused != nil {
				return refused
			}
			return n.join(ctx, j)
		})
	case VerbAdmin:
		return handle(body, func(a admin) error { return n.administer(ctx, a) })
	case VerbDigest:
		return n.answerDigest(ctx, body)
	}
	return nil, &PeerError{Code: PeerBadRequest, Message: "unknown verb"}
}

// verdict is the answer to a JSON request: an *Error crosses with its code.
type verdict struct {
	Code    Code   `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// handle decodes a JSON request, does it, and answers with the verdict.
func handle[T any](body []byte, do func(T) error) ([]byte, error) {
	var request T
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, &PeerError{Code: PeerBadRequest, Message: err.Error()}
	}
	var v verdict
	var e *Error
	switch err := do(request); {
	case errors.As(err, &e):
		v = verdict{e.Code, e.text()}
	case err != nil:
		return nil, err
	}
	return json.Marshal(v)
}

func (n *Node) hello() hello {
	h := hello{
		NodeID: n.config.NodeID, RaftID: n.raftID, ClusterID: n.clusterID(), Peer: n.config.Network.Addr(),
		API: n.config.APIURL, Version: n.config.Version, Member: n.isMember(),
		Expect: n.config.BootstrapExpect, NonVoter: n.config.NonVoter,
		Term: n.raft.CurrentTerm(), Last: n.raft.LastIndex(), Applied: n.machine.View().Index,
		Level: n.config.Level, Clock: n.config.Clock().UnixMicro(),
	}
	return h
}

// ask sends a request that handle answers. The error is an *Error if the peer
// refused, else what Call returned.
func (n *Node) ask(ctx context.Context, addr string, verb Verb, request any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fail(CodeInternal, err, "request can't be encoded")
	}
	b, err := n.config.Network.Call(ctx, addr, verb, body)
	if err != nil {
		return err
	}
	var v verdict
	if err := json.Unmarshal(b, &v); err != nil {
		return fail(CodeOutcomeUnknown, err, "the peer's answer can't be read")
	}
	if v.Code != "" {
		return fail(v.Code, nil, "%s", v.Message)
	}
	return nil
}

func (n *Node) servers() ([]raft.Server, error) {
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return nil, fail(CodeNotReady, err, "no configuration")
	}
	return future.Configuration().Servers, nil
}

// isMember reports whether this node has a configuration.
func (n *Node) isMember() bool {
	servers, err := n.servers()
	return err == nil && len(servers) > 0
}

// leader returns the leader's peer address, and whether it is this node.
func (n *Node) leader() (addr string, self, ok bool) {
	address, id := n.raft.LeaderWithID()
	if id == "" {
		return "", false, false
	}
	return string(address), string(id) == n.raftID, true
}
