package api

import (
	"encoding/hex"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/wire"
)

func (c *call) digest() (answer, error) {
	view, err := c.view()
	if err != nil {
		return answer{}, err
	}
	sum, err := c.s.node.Digest(c.r.Context(), view)
	if err != nil {
		return answer{}, err
	}
	return answer{body: wire.Digest{
		State: stateOf(view), Digest: hex.EncodeToString(sum[:]),
		Providers: view.Tree.NumProviders(), Consumers: view.Tree.NumConsumers(),
	}}, nil
}

func (c *call) cluster() (answer, error) {
	told := showStatus(c.s.node.Status())
	ask, err := c.flag("members")
	if err != nil {
		return answer{}, err
	}
	if ask {
		members, err := c.s.node.Members(c.r.Context())
		if err != nil {
			return answer{}, err
		}
		for _, m := range members {
			told.Members = append(told.Members, showMember(m))
		}
	}
	return answer{body: told}, nil
}

func showStatus(s cluster.Status) wire.Cluster {
	return wire.Cluster{
		ClusterID: s.ClusterID, NodeID: s.NodeID, State: s.State, LeaderID: s.LeaderID, LeaderAPI: s.LeaderAPI,
		Term: s.Term, Commit: s.Commit, Applied: s.Applied, Trouble: s.Trouble, Failures: s.Failures,
		Encryption: showEncryption(s.Encryption),
	}
}

func showEncryption(e *cluster.Encryption) *wire.Encryption {
	if e == nil {
		return nil
	}
	shown := &wire.Encryption{Active: e.Active.Name, InUse: []string{}}
	for _, key := range e.InUse {
		if key.IsPlain() {
			shown.Plain = true
		} else {
			shown.InUse = append(shown.InUse, key.Name)
		}
	}
	return shown
}

func showMember(m cluster.Member) wire.Member {
	role := "nonvoter"
	if m.Voter {
		role = "voter"
	}
	shown := wire.Member{
		ID: m.NodeID, RaftID: m.RaftID, Peer: m.Peer, API: m.API, Role: role, Leader: m.Leader,
		Healthy: m.Healthy, Applied: m.Applied, Version: m.Version, Error: m.Error,
	}
	if m.ClockOffset != nil {
		millis := m.ClockOffset.Milliseconds()
		shown.ClockOffsetMillis = &millis
	}
	return shown
}

// clusterChanged answers a change of the cluster with what this node knows of it.
func (c *call) clusterChanged(err error) (answer, error) {
	if err != nil {
		return answer{}, err
	}
	return answer{body: showStatus(c.s.node.Status())}, nil
}

func (c *call) addMember() (answer, error) {
	var body wire.AddMember
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	for _, need := range []struct{ field, value string }{{"raft_id", body.RaftID}, {"peer", body.Peer}} {
		if need.value == "" {
			return answer{}, reject(wire.CodeInvalid, need.field, "a value is needed")
		}
	}
	return c.clusterChanged(c.s.node.AddMember(c.from(), body.RaftID, body.Peer, !body.NonVoter))
}

func (c *call) removeMember() (answer, error) {
	return c.clusterChanged(c.s.node.RemoveMember(c.from(), c.r.PathValue("id")))
}

func (c *call) transfer() (answer, error) {
	var body wire.Transfer
	if err := c.decode(&body); err != nil {
		return answer{}, err
	}
	return c.clusterChanged(c.s.node.TransferLeadership(c.from(), body.To))
}
