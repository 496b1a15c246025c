package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/fsm"
)

const (
	helloTimeout = time.Second
	// configTimeout bounds a membership change.
	configTimeout = 5 * time.Second
	// tendInterval is how often a leader looks for members to promote.
	tendInterval = 200 * time.Millisecond
	// caughtUpWithin is how many entries a member may lack to be promoted:
	// what it lacks then costs less than an election.
	caughtUpWithin = 256
)

// Members asks every server of the configuration how it is. Servers that do
// not answer within a second are listed as unhealthy.
func (n *Node) Members(ctx context.Context) ([]Member, error) {
	servers, err := n.servers()
	if err != nil {
		return nil, err
	}
	_, leaderID := n.raft.LeaderWithID()
	members := make([]Member, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		members[i] = Member{
			RaftID: string(s.ID), NodeID: nodeIDOf(string(s.ID)), Peer: string(s.Address),
			Voter: s.Suffrage == raft.Voter, Leader: s.ID == leaderID,
		}
		wg.Go(func() { n.inquire(ctx, &members[i]) })
	}
	wg.Wait()
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.RaftID, b.RaftID) })
	return members, nil
}

func (n *Node) inquire(ctx context.Context, m *Member) {
	begun := n.config.Clock()
	h, err := n.hello(), error(nil)
	if m.RaftID != n.raftID {
		h, err = n.greet(ctx, m.Peer)
	}
	took := time.Since(begun)
	switch {
	case err != nil:
		m.Error = err.Error()
	case h.RaftID != m.RaftID:
		m.Error = "server " + h.RaftID + " answers at its address"
	default:
		m.Healthy, m.API, m.Applied, m.Version = true, h.API, h.Applied, h.Version
		if h.Clock != 0 {
			// It looked at its clock some time between; half of it is the best guess.
			offset := time.UnixMicro(h.Clock).Sub(begun.Round(0)) - took/2
			m.ClockOffset = &offset
		}
	}
}

// greet asks who answers at an address. At a member's, only that member may.
func (n *Node) greet(ctx context.Context, addr string) (hello, error) {
	return n.greetNode(ctx, addr, n.memberAt(addr))
}

// greetNode is greet where a certain node has to answer; empty for any. What the
// answer says of the node's id is what the node has proved, if it has to.
func (n *Node) greetNode(ctx context.Context, addr, nodeID string) (hello, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	var h hello
	who := Answerer{Want: nodeID}
	b, err := n.config.Network.Call(WithAnswerer(ctx, &who), addr, VerbHello, nil)
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err == nil && who.Name != "" && (h.NodeID != who.Name || nodeIDOf(h.RaftID) != who.Name) {
		err = fail(CodeInvalid, nil, "node %s at %s says that it is server %s of node %s", who.Name, addr, h.RaftID, h.NodeID)
	}
	if err != nil {
		return hello{}, err
	}
	return h, nil
}

// AddMember takes the server that answers at the peer address into the
// cluster, as a non-voter that is promoted once it has caught up. Adding a
// member again changes nothing. A server of the same node id whose directory
// is gone, so that the new one answers at its address, is replaced.
//
// Whether a member is ever promoted is its own setting (Config.NonVoter);
// voter false refuses one that is not set to stay a non-voter.
func (n *Node) AddMember(ctx context.Context, raftID, peer string, voter bool) error {
	j := join{RaftID: raftID, Peer: peer, NonVoter: !voter}
	done, err := n.atLeader(ctx, VerbAdmin, admin{Op: "add", Join: &j})
	var e *Error
	if done && errors.As(err, &e) && e.Code == CodeInvalid && n.levelReached() < fsm.LevelJoinTokens {
		// A leader from before there were join tokens knows no other way.
		_, err = n.atLeader(ctx, VerbJoin, j)
	}
	if done {
		return err
	}
	return n.takeIn(ctx, j, true)
}

// join does what a request to join asks for, at the leader, which gets it as it
// is: what is to be checked of it is checked there.
func (n *Node) join(ctx context.Context, j join) error {
	if done, err := n.atLeader(ctx, VerbJoin, j); done {
		return err
	}
	return n.takeIn(ctx, j, !n.config.RequireJoinToken)
}

// takeIn takes a server in, at the leader. Wanted means that nobody has to show a
// token for it.
func (n *Node) takeIn(ctx context.Context, j join, wanted bool) error {
	raftID, peer, voter := j.RaftID, j.Peer, !j.NonVoter
	n.changing.Lock()
	defer n.changing.Unlock()
	if !nodeIDForm.MatchString(nodeIDOf(raftID)) || nodeIDOf(raftID) == raftID {
		return fail(CodeInvalid, nil, "%q is not the id of a server: node id, @, instance", raftID)
	}
	// Where peers prove who they are, this is the proof that the server is the
	// node's: whoever asked may have passed the request on.
	h, err := n.greetNode(ctx, peer, nodeIDOf(raftID))
	switch {
	case err != nil:
		return fail(CodeInvalid, err, "server %s can't be reached at %s", raftID, peer)
	case h.RaftID != raftID:
		return fail(CodeInvalid, nil, "server %s answers at %s, not %s", h.RaftID, peer, raftID)
	case !voter && !h.NonVoter:
		return fail(CodeInvalid, nil, "server %s would become a voter; start it as a non-voter", raftID)
	case levelOf(h) < n.levelReached():
		return fail(CodeInvalid, nil, "server %s (version %s) reads entries up to level %d, this cluster's log has level %d; upgrade it first",
			raftID, h.Version, levelOf(h), n.levelReached())
	}
	servers, err := n.servers()
	if err != nil {
		return err
	}
	for _, s := range servers {
		wanted = wanted || nodeIDOf(string(s.ID)) == nodeIDOf(raftID)
		switch {
		case string(s.ID) == raftID && string(s.Address) == peer:
			return nil
		case string(s.ID) == raftID:
			// It moved to another address, as it has just proved.
		case nodeIDOf(string(s.ID)) == nodeIDOf(raftID) && string(s.Address) == peer:
			l := n.leads.Load()
			if l == nil {
				return fail(CodeNoLeader, nil, "this node does not lead, or not yet surely")
			}
			if err := n.majorityWithout(ctx, l, servers, string(s.ID)); err != nil {
				return err
			}
			n.expectBack(ctx, nodeIDOf(raftID))
			n.log.Warn("replacing a server whose data directory is gone", "old", s.ID, "new", raftID)
			if err := answered(n.raft.RemoveServer(s.ID, 0, configTimeout), n.raftEnded).Error(); err != nil {
				return raftError(err)
			}
		case nodeIDOf(string(s.ID)) == nodeIDOf(raftID):
			return fail(CodeMemberExists, nil, "node id %s belongs to server %s at %s; remove that or choose another id",
				nodeIDOf(raftID), s.ID, s.Address)
		case string(s.Address) == peer:
			return fail(CodeMemberExists, nil, "address %s belongs to server %s; remove that first", peer, s.ID)
		}
	}
	if len(servers) >= membersMax {
		return fail(CodeInvalid, nil, "a cluster has %d members at most", membersMax)
	}
	if !wanted && !n.expectedBack(nodeIDOf(raftID)) {
		if err := n.useJoinToken(ctx, raftID, j.Token); err != nil {
			n.log.Warn("a node may not join", "server", raftID, "peer", peer, "reason", err)
			return err
		}
	}
	n.log.Info("adding a member", "server", raftID, "peer", peer)
	if err := answered(n.raft.AddNonvoter(raft.ServerID(raftID), raft.ServerAddress(peer), 0, configTimeout), n.raftEnded).Error(); err != nil {
		return raftError(err)
	}
	return nil
}

// TransferLeadership hands leadership to a server, by server or node id, or to
// the most caught-up voter if id is empty. It returns once another leads.
func (n *Node) TransferLeadership(ctx context.Context, id string) error {
	if done, err := n.atLeader(ctx, VerbAdmin, admin{Op: "transfer", ID: id}); done {
		return err
	}
	future := raft.Future(nil)
	if id == "" {
		future = n.raft.LeadershipTransfer()
	} else {
		s, _, err := n.lookUp(id)
		switch {
		case err != nil:
			return err
		case string(s.ID) == n.raftID:
			return nil
		case s.Suffrage != raft.Voter:
			return fail(CodeInvalid, nil, "server %s is not a voter", s.ID)
		}
		future = n.raft.LeadershipTransferToServer(s.ID, s.Address)
	}
	if err := n.awaitTransfer(ctx, future); err != nil {
		return fail(CodeBusy, err, "leadership was not handed over")
	}
	return nil
}

// awaitTransfer waits for a hand-over of leadership. One that hangs leaves the
// leader refusing everything and leading all the same (hashicorp/raft issue
// 696); past twice the election time-out only an end of the node helps.
func (n *Node) awaitTransfer(ctx context.Context, future raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- answered(future, n.raftEnded).Error() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		go func() {
			select {
			case err := <-done:
				n.log.Debug("a hand-over that nobody waited for ended", "error", err)
			case <-n.stopped:
			case <-time.After(2 * n.config.Timing.Election):
				n.stop(errTransferHangs)
			}
		}()
		return ctx.Err()
	case <-time.After(2*n.config.Timing.Election + time.Second):
		n.stop(errTransferHangs)
		return errTransferHangs
	}
}

func (n *Node) administer(ctx context.Context, a admin) error {
	switch a.Op {
	case "remove":
		return n.RemoveMember(ctx, a.ID)
	case "transfer":
		return n.TransferLeadership(ctx, a.ID)
	case "add":
		if a.Join != nil {
			return n.AddMember(ctx, a.Join.RaftID, a.Join.Peer, !a.Join.NonVoter)
		}
	case "join token":
		if a.JoinToken != nil {
			_, err := n.changeJoinToken(ctx, *a.JoinToken)
			return err
		}
	case "spare":
		return n.spare(ctx, a.ID)
	case "room":
		return n.hasRoom(a.ID)
	case "removed":
		if a.ID != n.raftID {
			return fail(CodeInvalid, nil, "this is server %s", n.raftID)
		}
		go n.stop(errRemoved)
		return nil
	}
	return fail(CodeInvalid, nil, "unknown operation %q", a.Op)
}

// atLeader sends a membership operation to the leader if that is another node.
// It reports whether it did.
func (n *Node) atLeader(ctx context.Context, verb Verb, request any) (bool, error) {
	if err := n.usable(); err != nil {
		return true, err
	}
	leader, self, ok := n.leader()
	switch {
	case !ok:
		return true, fail(CodeNoLeader, nil, "no leader is known")
	case self:
		return false, nil
	}
	err := n.ask(ctx, leader, verb, request)
	var e *Error
	if err != nil && !errors.As(err, &e) {
		err = forwardError(err)
	}
	return true, err
}

func (n *Node) lookUp(id string) (found raft.Server, voters int, err error) {
	servers, err := n.servers()
	if err != nil {
		return raft.Server{}, 0, err
	}
	for _, s := range servers {
		if s.Suffrage == raft.Voter {
			voters++
		}
		if string(s.ID) == id || nodeIDOf(string(s.ID)) == id {
			found = s
		}
	}
	if found.ID == "" {
		return found, voters, fail(CodeMemberNotFound, nil, "no member %q", id)
	}
	return found, voters, nil
}

// tendMembers promotes non-voters that have caught up, while this node leads.
func (n *Node) tendMembers(ctx context.Context) {
	tick := time.NewTicker(tendInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		servers, err := n.servers()
		if err != nil {
			continue
		}
		for _, s := range servers {
			if s.Suffrage == raft.Nonvoter {
				n.promote(ctx, s)
			}
		}
	}
}

func (n *Node) promote(ctx context.Context, s raft.Server) {
	h, err := n.greet(ctx, string(s.Address))
	if err != nil || h.RaftID != string(s.ID) || h.NonVoter || h.Applied == 0 ||
		h.Applied+caughtUpWithin < n.raft.CommitIndex() {
		return
	}
	n.changing.Lock()
	defer n.changing.Unlock()
	if err := answered(n.raft.AddVoter(s.ID, s.Address, 0, configTimeout), n.raftEnded).Error(); err != nil {
		n.log.Warn("a member could not be promoted yet", "server", s.ID, "error", err)
		return
	}
	n.log.Info("promoted a member to voter", "server", s.ID)
}
