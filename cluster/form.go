package cluster

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/raft"
)

// formInterval is how often a node without a configuration looks around.
const formInterval = 150 * time.Millisecond

// form brings a node without a configuration into a cluster, and returns once
// it has one. The same command line serves every start of every node:
//
//   - A peer that belongs to a formed cluster is asked to take this node in.
//   - Otherwise, once as many new nodes as expected see each other, the one
//     with the lowest id asks each for a pledge to a new cluster id, and only
//     with all of them bootstraps. A node gives its pledge durably and once,
//     so two sets of nodes that overlap can't form two clusters.
func (n *Node) form() {
	tick := time.NewTicker(formInterval)
	defer tick.Stop()
	for !n.settled() {
		state := n.formOnce()
		if old := n.forming.Swap(&state); old == nil || *old != state {
			n.log.Info("waiting for a cluster", "state", state)
		}
		select {
		case <-n.stopped:
			return
		case <-tick.C:
		}
	}
	n.settle()
	formed := ""
	n.forming.Store(&formed)
}

// formOnce looks around once and says what it found.
func (n *Node) formOnce() string {
	peers, problem := n.lookAround()
	// From here on, so that addresses where nobody answers take none of it.
	ctx, cancel := context.WithTimeout(context.Background(), 2*helloTimeout)
	defer cancel()
	for _, p := range peers {
		if p.Member && (!n.joining() || p.ClusterID == n.clusterID()) {
			return n.joinAt(ctx, p)
		}
	}
	if n.config.BootstrapExpect == 0 || n.joining() {
		return "no member of a cluster answers at the join addresses" + problem
	}
	group := []hello{n.hello()}
	for _, p := range peers {
		switch {
		case p.Expect != n.config.BootstrapExpect:
			return fmt.Sprintf("node %s expects %d nodes, this one %d", p.NodeID, p.Expect, n.config.BootstrapExpect)
		case p.ClusterID != "" && n.clusterID() != "" && p.ClusterID != n.clusterID():
			return fmt.Sprintf("node %s is pledged to another cluster", p.NodeID)
		}
		group = append(group, p)
	}
	slices.SortFunc(group, func(a, b hello) int {
		return cmp.Or(cmp.Compare(a.NodeID, b.NodeID), cmp.Compare(a.RaftID, b.RaftID))
	})
	for i := 1; i < len(group); i++ {
		if group[i].NodeID == group[i-1].NodeID {
			return fmt.Sprintf("two nodes, at %s and %s, have the id %q", group[i-1].Peer, group[i].Peer, group[i].NodeID)
		}
	}
	switch {
	case len(group) != n.config.BootstrapExpect:
		return fmt.Sprintf("%d of %d nodes have been found%s", len(group), n.config.BootstrapExpect, problem)
	case group[0].RaftID != n.raftID:
		return fmt.Sprintf("node %s is to begin", group[0].NodeID)
	}
	if err := n.bootstrap(ctx, group); err != nil {
		return err.Error()
	}
	return "formed a new cluster"
}

// lookAround greets every join address, and where members were known to be if
// this node is to join them, and returns the other nodes, each once. All are
// greeted at once: machines that are off, which refuse nothing, delay it no
// longer than one of them does.
func (n *Node) lookAround() (peers []hello, problem string) {
	addresses := n.config.Join
	if n.joining() {
		if known, err := readPeers(n.config.DataDir); err == nil {
			addresses = append(known.addresses(n.raftID), addresses...)
		}
	}
	answers := make([]hello, len(addresses))
	errs := make([]error, len(addresses))
	var wg sync.WaitGroup
	for i, addr := range addresses {
		wg.Go(func() { answers[i], errs[i] = n.greet(context.Background(), addr) })
	}
	wg.Wait()
	for i, h := range answers {
		if errs[i] != nil {
			problem = "; " + errs[i].Error()
			continue
		}
		if h.RaftID != n.raftID && !slices.ContainsFunc(peers, func(p hello) bool { return p.RaftID == h.RaftID }) {
			peers = append(peers, h)
		}
	}
	return peers, problem
}

// joinAt asks a member to take this node in. The cluster's id is kept first:
// the leader's stream, which may come before the answer, is refused without.
func (n *Node) joinAt(ctx context.Context, p hello) string {
	pledgedTo := "" // a pledge to this very cluster stands: it may not have begun
	n.identityMu.Lock()
	if n.identity.ClusterID == p.ClusterID {
		pledgedTo = n.identity.PledgedTo
	}
	n.identityMu.Unlock()
	if err := n.enter(p.ClusterID, pledgedTo); err != nil {
		return err.Error()
	}
	if err := n.ask(ctx, p.Peer, VerbJoin, join{n.raftID, n.config.Network.Addr(), n.config.NonVoter, n.config.JoinToken}); err != nil {
		return "asked to join: " + err.Error()
	}
	return "joining; waiting for the leader"
}

// enter makes this node belong to a cluster, durably. A node without a
// configuration may change its mind.
func (n *Node) enter(clusterID, pledgedTo string) error {
	n.identityMu.Lock()
	defer n.identityMu.Unlock()
	if n.identity.ClusterID == clusterID && n.identity.PledgedTo == pledgedTo {
		return nil
	}
	if n.isMember() {
		return fail(CodeClusterMismatch, nil, "this node belongs to cluster %s", n.identity.ClusterID)
	}
	next := n.identity
	next.ClusterID, next.PledgedTo, next.Joining = clusterID, pledgedTo, pledgedTo == ""
	if err := next.save(n.config.DataDir); err != nil {
		return err
	}
	n.identity = next
	n.config.Network.SetClusterID(clusterID)
	return nil
}

// joining reports whether this node waits to be taken into a cluster that
// exists.
func (n *Node) joining() bool {
	n.identityMu.Lock()
	defer n.identityMu.Unlock()
	return n.identity.Joining
}

// settled reports whether this node has a configuration, with itself in it if it
// had to ask for that.
func (n *Node) settled() bool {
	servers, err := n.servers()
	return err == nil && len(servers) > 0 && (!n.joining() || slices.ContainsFunc(servers, n.isSelf))
}

func (n *Node) isSelf(s raft.Server) bool { return string(s.ID) == n.raftID }

// settle notes that this node was taken in. If it can't, the next start does.
func (n *Node) settle() {
	n.identityMu.Lock()
	defer n.identityMu.Unlock()
	if !n.identity.Joining {
		return
	}
	next := n.identity
	next.Joining = false
	if err := next.save(n.config.DataDir); err != nil {
		n.log.Warn("that this node was taken in can't be noted yet", "error", err)
	}
	n.identity = next
}

// takePledge answers VerbPledge: once given, a pledge stands for that sender
// only.
func (n *Node) takePledge(p pledge) error {
	n.identityMu.Lock()
	id := n.identity
	n.identityMu.Unlock()
	if p.ClusterID == "" || p.From == "" {
		return fail(CodeInvalid, nil, "a pledge needs a cluster id and a sender")
	}
	if id.ClusterID != "" && id.PledgedTo != p.From {
		return fail(CodeClusterMismatch, nil, "node %s is pledged to the cluster that %s begins", n.config.NodeID, id.PledgedTo)
	}
	return n.enter(p.ClusterID, p.From)
}

// bootstrap collects the pledges and begins the cluster.
func (n *Node) bootstrap(ctx context.Context, group []hello) error {
	self := n.config.Network.Addr()
	clusterID := n.clusterID()
	for _, p := range group {
		if clusterID == "" {
			// The others may be pledged to this node already, by a directory
			// that was lost since.
			clusterID = p.ClusterID
		}
	}
	if clusterID == "" {
		random, err := uuid.NewRandom()
		if err != nil {
			return fail(CodeInternal, err, "no randomness")
		}
		clusterID = random.String()
	}
	n.identityMu.Lock()
	pledgedTo := n.identity.PledgedTo
	n.identityMu.Unlock()
	if pledgedTo != "" && pledgedTo != self {
		return fail(CodeClusterMismatch, nil, "this node is pledged to the cluster that %s begins", pledgedTo)
	}
	if err := n.enter(clusterID, self); err != nil {
		return err
	}
	servers := make([]raft.Server, len(group))
	for i, p := range group {
		if p.RaftID != n.raftID {
			if err := n.ask(ctx, p.Peer, VerbPledge, pledge{clusterID, self, n.config.NodeID}); err != nil {
				return fmt.Errorf("node %s gives no pledge: %w", p.NodeID, err)
			}
		}
		servers[i] = raft.Server{ID: raft.ServerID(p.RaftID), Address: raft.ServerAddress(p.Peer)}
	}
	n.log.Info("bootstrapping a new cluster", "cluster", clusterID, "servers", len(servers))
	// Raft's loop ends without an answer where the disk fails it (raftStore.end).
	return answered(n.raft.BootstrapCluster(raft.Configuration{Servers: servers}), n.stopped).Error()
}

// announce tells the cluster where this member is now, if that is not where
// the configuration has it: it was started with another address.
func (n *Node) announce() {
	tick := time.NewTicker(formInterval)
	defer tick.Stop()
	for {
		servers, err := n.servers()
		if err == nil && !slices.ContainsFunc(servers, n.isElsewhere) {
			return
		}
		if err = n.announceTo(servers); err != nil {
			n.log.Info("the cluster does not know this node's new address yet", "address", n.config.Network.Addr(), "reason", err)
		}
		select {
		case <-n.stopped:
			return
		case <-tick.C:
		}
	}
}

func (n *Node) isElsewhere(s raft.Server) bool {
	return string(s.ID) == n.raftID && string(s.Address) != n.config.Network.Addr()
}

// announceTo asks this node, if it leads, or else every other one in turn that
// answers a greeting: one that is off would take all the time there is.
func (n *Node) announceTo(servers []raft.Server) error {
	tell := func(f func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(context.Background(), configTimeout)
		defer cancel()
		return f(ctx)
	}
	self := join{RaftID: n.raftID, Peer: n.config.Network.Addr(), NonVoter: n.config.NonVoter}
	if _, leads, _ := n.leader(); leads {
		return tell(func(ctx context.Context) error { return n.AddMember(ctx, self.RaftID, self.Peer, true) })
	}
	err := error(fail(CodeNoLeader, nil, "no other node is known"))
	for _, s := range servers {
		if string(s.ID) == n.raftID {
			continue
		}
		if _, err = n.greet(context.Background(), string(s.Address)); err != nil {
			continue
		}
		err = tell(func(ctx context.Context) error { return n.ask(ctx, string(s.Address), VerbJoin, self) })
		if err == nil {
			return nil
		}
	}
	return err
}

// bootstrapAlone begins a cluster of this one node.
func (n *Node) bootstrapAlone() error {
	return n.bootstrap(context.Background(), []hello{n.hello()})
}
