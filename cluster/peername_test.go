package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/certs"
	"github.com/treenode/treenode/transport/raftnet"
)

// notary gives nodes certificates of one CA.
func notary(t *testing.T) func(id string) func(*raftnet.Config) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	ca, err := certs.NewAuthority("peers of a test", until)
	if err != nil {
		t.Fatal(err)
	}
	authority, err := certs.LoadAuthority(ca)
	if err != nil {
		t.Fatal(err)
	}
	return func(id string) func(*raftnet.Config) {
		t.Helper()
		pair, err := authority.NewPeer(id, until)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		files := certs.PeerFiles{CA: filepath.Join(dir, "ca"), Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
		for path, content := range map[string][]byte{files.CA: ca.Cert, files.Cert: pair.Cert, files.Key: pair.Key} {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := certs.OpenPeer(id, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		return func(c *raftnet.Config) {
			c.ServerTLS, c.ClientTLS, c.PeerName = p.ServerTLS(), p.ClientTLS(), certs.PeerName
		}
	}
}

// startNamed starts a cluster whose peers prove who they are.
func startNamed(t *testing.T, n int, as func(string) func(*raftnet.Config)) []*testNode {
	t.Helper()
	nodes := layOut(t, n, nil)
	for _, node := range nodes {
		node.secure = as(node.config.NodeID)
		node.open()
	}
	for _, node := range nodes {
		node.awaitReady()
	}
	return nodes
}

// thief is a port of somebody who has a node's key.
func thief(t *testing.T, clusterID string, secure func(*raftnet.Config)) *raftnet.Net {
	t.Helper()
	c := raftnet.Config{Listen: "127.0.0.1:0"}
	secure(&c)
	port, err := raftnet.Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = port.Close() })
	port.SetClusterID(clusterID)
	return port
}

// TestNamedCluster: with names a cluster does all that it does without.
func TestNamedCluster(t *testing.T) {
	as := notary(t)
	nodes := startNamed(t, 3, as)
	for i := range 12 {
		nodes[i%3].propose(createRoot(t, fmt.Sprintf("p%d", i)))
	}
	leader := leaderOf(t, nodes)
	if err := leader.TransferLeadership(t.Context(), others(nodes, leader)[0].config.NodeID); err != nil {
		t.Fatal(err)
	}
	leader = leaderOf(t, nodes)
	leader.reopen()
	leader.awaitReady()
	joins := layOut(t, 1, func(c *cluster.Config) {
		c.NodeID, c.DataDir = "n4", filepath.Join(t.TempDir(), "n4")
		for _, n := range nodes {
			c.Join = append(c.Join, n.addr)
		}
	})[0]
	joins.secure = as("n4")
	joins.open()
	joins.awaitReady()
	joins.propose(createRoot(t, "by the new one"))
	sameDigests(t, append(nodes, joins))
	members, err := joins.Members(t.Context())
	if err != nil || len(members) != 4 {
		t.Fatal(members, err)
	}
	for _, m := range members {
		if !m.Healthy {
			t.Errorf("%+v", m)
		}
	}
}

func wantRefused(t *testing.T, what string, err error, words string) {
	t.Helper()
	var refused *cluster.PeerError
	if !errors.As(err, &refused) || refused.Code != cluster.PeerRefused || !strings.Contains(refused.Message, words) {
		t.Errorf("%s: %v; want a refusal that says %q", what, err, words)
	}
}

// TestStolenKey: with the key of n2 one can be n2, and nobody else.
func TestStolenKey(t *testing.T) {
	as := notary(t)
	nodes := startNamed(t, 3, as)
	nodes[0].propose(createRoot(t, "before"))
	if err := leaderOf(t, nodes).TransferLeadership(t.Context(), "n1"); err != nil && leaderOf(t, nodes).config.NodeID != "n1" {
		t.Fatal(err)
	}
	leader := leaderOf(t, nodes)
	status := leader.Status()
	stolen := thief(t, status.ClusterID, as("n2"))
	stranger := thief(t, status.ClusterID, as("n9"))
	call := func(port *raftnet.Net, to *testNode, verb cluster.Verb, body any) error {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		answer, err := port.Call(ctx, to.addr, verb, b)
		if err == nil && strings.Contains(string(answer), "message") {
			err = errors.New(string(answer))
		}
		return err
	}
	// A node that is no member, with a good certificate.
	wantRefused(t, "a stranger forwards", call(stranger, leader, cluster.VerbForward, ""), "n9 is not a member")
	wantRefused(t, "a stranger removes a member", call(stranger, leader, cluster.VerbAdmin, map[string]string{"op": "remove", "id": "n3"}), "n9 is not a member")
	wantRefused(t, "a stranger brings n3", call(stranger, leader, cluster.VerbJoin, map[string]string{"raft_id": "n3@x", "peer": stranger.Addr()}), "may not ask for node n3")
	// A member may pass on another's request; but the other has to answer.
	err := call(stolen, leader, cluster.VerbJoin, map[string]any{"raft_id": "n4@x", "peer": stolen.Addr()})
	if err == nil || !strings.Contains(err.Error(), `node \"n2\" answers there, not \"n4\"`) {
		t.Errorf("n2 joins as n4: %v", err)
	}
	wantRefused(t, "n2 begins as n1", call(stolen, nodes[2], cluster.VerbPledge, map[string]string{"cluster_id": "x", "from": stolen.Addr(), "node": "n1"}), "may not speak for node n1")
	wantRefused(t, "n3 begins with n1", call(thief(t, status.ClusterID, as("n3")), nodes[0], cluster.VerbPledge, map[string]string{"cluster_id": "x", "from": stolen.Addr(), "node": "n3"}), "the lowest id does")
	if members, err := leader.Members(t.Context()); err != nil || len(members) != 3 {
		t.Error(members, err)
	}

	// Raft's own messages: a vote for n1 that n2 asks for, and entries of a leader
	// n1 that n2 sends.
	victim := nodes[2]
	to := raft.ServerID(victim.Status().RaftID)
	transport := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{Stream: stolen.Raft(), MaxPool: 1, Timeout: patience, Logger: hclog.NewNullLogger()})
	defer transport.Close()
	target := cluster.StreamTarget(to, raft.ServerAddress(victim.addr))
	header := func(id string) raft.RPCHeader {
		return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(stolen.Addr())}
	}
	for _, claimed := range []string{status.RaftID, "n1@" + strings.Repeat("0", 8), "n9@1", ""} {
		term := victim.Status().Term
		vote := &raft.RequestVoteRequest{RPCHeader: header(claimed), Term: term + 1000, LastLogIndex: 1 << 40, LastLogTerm: term + 1000, LeadershipTransfer: true}
		if err := transport.RequestVote(to, target, vote, &raft.RequestVoteResponse{}); err == nil || !strings.Contains(err.Error(), "may not speak for") {
			t.Errorf("a vote for %q: %v", claimed, err)
		}
		entries := &raft.AppendEntriesRequest{RPCHeader: header(claimed), Term: term + 1000}
		if err := transport.AppendEntries(to, target, entries, &raft.AppendEntriesResponse{}); err == nil || !strings.Contains(err.Error(), "may not speak for") {
			t.Errorf("entries of %q: %v", claimed, err)
		}
	}
	pre := &raft.RequestPreVoteRequest{RPCHeader: header(nodes[1].Status().RaftID), Term: 1}
	if err := transport.RequestPreVote(to, target, pre, &raft.RequestPreVoteResponse{}); err != nil {
		t.Errorf("its own node's message: %v", err)
	}
	if now := victim.Status().Term; now >= 1000 {
		t.Errorf("term %d came from a message that was refused", now)
	}
	// The cluster goes on.
	for _, n := range nodes {
		n.propose(createRoot(t, "after, by "+n.config.NodeID))
	}
	sameDigests(t, nodes)
}

// TestRemovedNodeIsNobody: its key opens nothing at the leader any more.
func TestRemovedNodeIsNobody(t *testing.T) {
	as := notary(t)
	nodes := startNamed(t, 3, as)
	leader := leaderOf(t, nodes)
	gone := others(nodes, leader)[0]
	id := gone.config.NodeID
	stolen := thief(t, leader.Status().ClusterID, as(id))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := stolen.Call(ctx, leader.addr, cluster.VerbReadIndex, nil); err != nil {
		t.Fatal(err)
	}
	if err := leader.RemoveMember(ctx, id); err != nil {
		t.Fatal(err)
	}
	_, err := stolen.Call(ctx, leader.addr, cluster.VerbReadIndex, nil)
	wantRefused(t, "a removed node reads", err, "not a member")
	leader.propose(createRoot(t, "without it"))
}

// TestForgedHello: a node that says it is another does not get into a cluster that
// is about to form.
func TestForgedHello(t *testing.T) {
	as := notary(t)
	nodes := layOut(t, 2, nil)
	forger := thief(t, "", as("n9"))
	answered := make(chan struct{}, 100)
	forger.Serve(answer(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		select {
		case answered <- struct{}{}:
		default:
		}
		return json.Marshal(map[string]any{"node_id": "n2", "raft_id": "n2@1", "peer": forger.Addr(), "expect": 2, "member": false})
	}))
	victim := nodes[0]
	victim.config.Join = []string{victim.addr, forger.Addr()}
	victim.secure = as("n1")
	victim.open()
	await(t, "the forger is seen through", func(ctx context.Context) error {
		err := victim.Ready(ctx)
		if err != nil && strings.Contains(err.Error(), "node n9 at "+forger.Addr()+" says that it is server n2@1") {
			return nil
		}
		return fmt.Errorf("not ready: %w", err)
	})
	<-answered
}

type answer func(context.Context, cluster.Verb, []byte) ([]byte, error)

func (a answer) HandlePeer(ctx context.Context, verb cluster.Verb, body []byte) ([]byte, error) {
	return a(ctx, verb, body)
}
