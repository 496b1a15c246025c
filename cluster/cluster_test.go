package cluster_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm/tree"
)

func TestEveryNodeTakesEveryRequest(t *testing.T) {
	nodes := start(t, 3, nil)
	for i, n := range nodes {
		name := fmt.Sprintf("host%d", i)
		n.propose(createRoot(t, name))
		for _, reader := range nodes { // linearizable: at once, everywhere
			if _, ok := reader.read(cluster.Linearizable, 0).Tree.Find(tree.ByName(name)); !ok {
				t.Errorf("%s does not see %s, which was acknowledged", reader.config.NodeID, name)
			}
		}
	}
	sameDigests(t, nodes)
}

func TestOneNodeIsACluster(t *testing.T) {
	nodes := start(t, 1, nil)
	nodes[0].propose(createRoot(t, "host"))
	before := sameDigests(t, nodes)
	nodes[0].reopen()
	nodes[0].awaitReady()
	if after := sameDigests(t, nodes); after != before {
		t.Error("the state is another one after a restart")
	}
}

func TestSessionReadWaitsForItsIndex(t *testing.T) {
	nodes := start(t, 3, nil)
	follower := others(nodes, leaderOf(t, nodes))[0]
	for i := range 20 {
		name := fmt.Sprintf("host%d", i)
		r := nodes[i%3].propose(createRoot(t, name))
		if _, ok := follower.read(cluster.Session, r.Index).Tree.Find(tree.ByName(name)); !ok {
			t.Fatalf("index %d does not show %s", r.Index, name)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := follower.Read(ctx, cluster.Session, 1<<40)
	expectCode(t, err, cluster.CodeNotReady)
}

func expectCode(t *testing.T, err error, want cluster.Code) {
	t.Helper()
	var e *cluster.Error
	if !errors.As(err, &e) || e.Code != want {
		t.Fatalf("error is %v, want code %s", err, want)
	}
}

func TestRetriesRunOnce(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	cmd := createRoot(t, "host")
	first := leader.propose(cmd)
	// The leader goes without a word; the retry meets another one.
	if err := leader.Close(); err != nil {
		t.Fatal(err)
	}
	rest := others(nodes, leader)
	again := rest[0].propose(cmd)
	if !again.Replayed || again.Index != first.Index || again.Revision != first.Revision {
		t.Errorf("the retry answers %+v, the first answer was %+v", again, first)
	}
	for _, n := range rest {
		n.reopen()
	}
	third := rest[1].propose(cmd)
	if !third.Replayed || third.Index != first.Index {
		t.Errorf("after a restart the retry answers %+v", third)
	}
	other := createRoot(t, "other")
	other.RequestID = cmd.RequestID
	r, err := rest[0].Propose(t.Context(), other)
	if err != nil || r.Refused == nil || r.Refused.Code != tree.CodeRequestIDReused {
		t.Errorf("the id of another body answers %+v, %v", r, err)
	}
	leader.open()
	leader.awaitReady()
	sameDigests(t, nodes)
}

// eachLog runs a test with every kind of log on disk.
func eachLog(t *testing.T, test func(t *testing.T, log logstore.Engine)) {
	t.Helper()
	for _, log := range []logstore.Engine{logstore.EngineWAL, logstore.EngineBolt} {
		t.Run(string(log), func(t *testing.T) { test(t, log) })
	}
}

// A data directory keeps its kind of log, and refuses to be opened as another.
func TestLogStaysWhatItIs(t *testing.T) {
	eachLog(t, func(t *testing.T, log logstore.Engine) {
		n := start(t, 1, func(c *cluster.Config) { c.RaftLog = log })[0]
		n.propose(createRoot(t, "host"))
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
		other := logstore.EngineWAL
		if log == other {
			other = logstore.EngineBolt
		}
		n.config.RaftLog = other
		if err := n.tryOpen(); err == nil || !strings.Contains(err.Error(), "is a log of kind "+string(log)) {
			t.Errorf("opened as %s: %v", other, err)
		}
		n.config.RaftLog = "paper"
		if err := n.tryOpen(); err == nil || !strings.Contains(err.Error(), `raft-log "paper"`) {
			t.Errorf("opened as paper: %v", err)
		}
		n.config.RaftLog = ""
		n.open()
		n.awaitReady()
		if _, ok := n.read(cluster.Linearizable, 0).Tree.Find(tree.ByName("host")); !ok {
			t.Error("the provider is gone")
		}
	})
}

func TestRestartFromSnapshotAndLog(t *testing.T) { eachLog(t, testRestartFromSnapshotAndLog) }

func testRestartFromSnapshotAndLog(t *testing.T, log logstore.Engine) {
	nodes := start(t, 3, func(c *cluster.Config) { c.TrailingLogs, c.RaftLog = 8, log })
	for i := range 50 {
		nodes[i%3].propose(createRoot(t, fmt.Sprintf("host%d", i)))
		if i == 30 {
			for _, n := range nodes {
				if err := n.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	before := sameDigests(t, nodes)
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range nodes {
		n.open()
	}
	for _, n := range nodes {
		n.awaitReady()
	}
	if after := sameDigests(t, nodes); after != before {
		t.Error("the state is another one after a restart")
	}
}

func TestFollowerCatchesUpBySnapshot(t *testing.T) { eachLog(t, testFollowerCatchesUpBySnapshot) }

func testFollowerCatchesUpBySnapshot(t *testing.T, log logstore.Engine) {
	nodes := start(t, 3, func(c *cluster.Config) { c.TrailingLogs, c.RaftLog = 1, log })
	leader := leaderOf(t, nodes)
	away := others(nodes, leader)[0]
	if err := away.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		leader.propose(createRoot(t, fmt.Sprintf("host%d", i)))
	}
	if err := leader.Snapshot(); err != nil {
		t.Fatal(err)
	}
	away.open()
	away.awaitReady()
	sameDigests(t, nodes)
}

func TestWritesGoOnWithoutALeader(t *testing.T) {
	nodes := start(t, 3, nil)
	var mu sync.Mutex
	var done []string
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				name := fmt.Sprintf("%s-%d", n.config.NodeID, i)
				r, err := n.Propose(context.Background(), createRoot(t, name))
				if err == nil && r.Refused == nil {
					mu.Lock()
					done = append(done, name)
					mu.Unlock()
				}
			}
		})
	}
	enough := func(count int) {
		await(t, "writes go on", func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if len(done) < count {
				return fmt.Errorf("%d of %d writes", len(done), count)
			}
			return nil
		})
	}
	enough(50)
	for range 3 {
		if err := leaderOf(t, nodes).TransferLeadership(context.Background(), ""); err != nil {
			t.Error(err)
		}
		mu.Lock()
		count := len(done)
		mu.Unlock()
		enough(count + 50)
	}
	cancel()
	wg.Wait()
	for _, n := range nodes {
		v := n.read(cluster.Linearizable, 0)
		for _, name := range done {
			if _, ok := v.Tree.Find(tree.ByName(name)); !ok {
				t.Fatalf("%s was acknowledged and is not on %s", name, n.config.NodeID)
			}
		}
	}
	sameDigests(t, nodes)
}

// A leader that reaches no other node must not answer a linearizable read,
// though its lease runs and Raft's VerifyLeader may still say yes.
func TestCutOffLeaderAnswersNoLinearizableRead(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	leader.net.cut.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := leader.Read(ctx, cluster.Linearizable, 0)
	expectCode(t, err, cluster.CodeNoLeader)
	if _, err := leader.Read(t.Context(), cluster.Stale, 0); err != nil {
		t.Errorf("a stale read fails: %v", err)
	}
	leader.net.cut.Store(false)
	leader.read(cluster.Linearizable, 0)
}

func TestNothingWithoutAMajority(t *testing.T) {
	t.Parallel()
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	for _, n := range others(nodes, leader) {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	cmd := createRoot(t, "host")
	_, err := leader.Propose(ctx, cmd)
	var e *cluster.Error
	if !errors.As(err, &e) || e.Code != cluster.CodeOutcomeUnknown && e.Code != cluster.CodeNoLeader {
		t.Fatalf("a write without a majority answers %v", err)
	}
	for _, n := range others(nodes, leader) {
		n.open()
	}
	// Whatever it was, the retry settles it, once.
	leader.propose(cmd)
	if n := leader.read(cluster.Linearizable, 0).Tree.NumProviders(); n != 1 {
		t.Errorf("%d providers", n)
	}
}

func TestMembers(t *testing.T) {
	nodes := layOut(t, 4, func(c *cluster.Config) { c.BootstrapExpect = 3 })
	three, fourth := nodes[:3], nodes[3]
	for _, n := range three {
		n.config.Join = n.config.Join[:3]
		n.open()
	}
	for _, n := range three {
		n.awaitReady()
	}
	for i := range 100 {
		three[i%3].propose(createRoot(t, fmt.Sprintf("host%d", i)))
	}
	fourth.config.BootstrapExpect = 0
	fourth.open()
	fourth.awaitReady()
	voters := func(want int) {
		t.Helper()
		await(t, fmt.Sprintf("%d voters", want), func(ctx context.Context) error {
			members, err := three[0].Members(ctx)
			if err != nil {
				return err
			}
			count := 0
			for _, m := range members {
				if m.Voter {
					count++
				}
				// They share this machine's clock.
				if m.ClockOffset == nil || m.ClockOffset.Abs() > time.Minute {
					return fmt.Errorf("the clock of %s is off by %v", m.NodeID, m.ClockOffset)
				}
			}
			if count != want || len(members) != want {
				return fmt.Errorf("%d voters of %d members", count, len(members))
			}
			return nil
		})
	}
	voters(4)
	sameDigests(t, nodes)
	if err := three[0].TransferLeadership(t.Context(), "n4"); err != nil {
		t.Fatal(err)
	}
	await(t, "n4 leads", func(context.Context) error {
		if s := fourth.Status(); s.State != "leader" {
			return fmt.Errorf("it is %s", s.State)
		}
		return nil
	})
	leaderOf(t, nodes)
	// Any node takes the removal, also of the leader.
	if err := three[1].RemoveMember(t.Context(), "n4"); err != nil {
		t.Fatal(err)
	}
	await(t, "n4 has stopped", func(context.Context) error {
		select {
		case <-fourth.Failed():
			return nil
		default:
			return errors.New("it runs")
		}
	})
	voters(3)
	three[2].propose(createRoot(t, "last"))
	sameDigests(t, three)
	expectCode(t, three[0].RemoveMember(t.Context(), "n9"), cluster.CodeMemberNotFound)
}

// A node that lost its directory comes back as another server at its address
// and takes the place of the old one, with no hand on it.
//
// The leader is the hard case: the others elect one of them while it is there
// already, and a Raft stream that only looked at the address would take it for
// the server it was, with a vote and a log that are gone.
func TestLostDirectoryRejoins(t *testing.T) {
	t.Parallel()
	for name, choose := range map[string]func([]*testNode, *testNode) *testNode{
		"a follower": func(nodes []*testNode, leader *testNode) *testNode { return others(nodes, leader)[0] },
		"the leader": func(_ []*testNode, leader *testNode) *testNode { return leader },
	} {
		t.Run(name, func(t *testing.T) { testLostDirectoryRejoins(t, choose) })
	}
}

func testLostDirectoryRejoins(t *testing.T, choose func(nodes []*testNode, leader *testNode) *testNode) {
	nodes := start(t, 3, nil)
	for i := range 20 {
		nodes[0].propose(createRoot(t, fmt.Sprintf("host%d", i)))
	}
	lost := choose(nodes, leaderOf(t, nodes))
	old := lost.Status().RaftID
	if err := lost.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(lost.config.DataDir); err != nil {
		t.Fatal(err)
	}
	lost.open()
	lost.awaitReady()
	if lost.Status().RaftID == old {
		t.Fatalf("it came back as %s", old)
	}
	await(t, "the new server votes, the old one is gone", func(ctx context.Context) error {
		members, err := lost.Members(ctx)
		if err != nil {
			return err
		}
		if len(members) != 3 {
			return fmt.Errorf("%d members", len(members))
		}
		for _, m := range members {
			if !m.Voter || m.RaftID == old {
				return fmt.Errorf("%+v", m)
			}
		}
		return nil
	})
	sameDigests(t, nodes)
}

// A member that is started with another address tells the others where it is.
func TestNewAddress(t *testing.T) {
	t.Parallel()
	nodes := start(t, 3, nil)
	moved := others(nodes, leaderOf(t, nodes))[0]
	if err := moved.Close(); err != nil {
		t.Fatal(err)
	}
	moved.addr = clustertest.FreeAddr(t)
	moved.open()
	moved.awaitReady()
	nodes[0].propose(createRoot(t, "host"))
	sameDigests(t, nodes)

	alone := start(t, 1, nil)[0]
	if err := alone.Close(); err != nil {
		t.Fatal(err)
	}
	alone.addr = clustertest.FreeAddr(t)
	alone.open()
	await(t, "the configuration has the new address", func(ctx context.Context) error {
		members, err := alone.Members(ctx)
		if err == nil && (len(members) != 1 || members[0].Peer != alone.addr || !members[0].Voter) {
			err = fmt.Errorf("%+v", members)
		}
		return err
	})
}

func TestStrangers(t *testing.T) {
	t.Parallel()
	nodes := start(t, 1, nil)
	other := start(t, 1, nil)
	t.Run("a peer of another cluster", func(t *testing.T) {
		err := nodes[0].AddMember(t.Context(), other[0].Status().RaftID, other[0].addr, true)
		expectCode(t, err, cluster.CodeInvalid)
		if !strings.Contains(err.Error(), other[0].Status().ClusterID) {
			t.Errorf("the error does not name the other cluster: %v", err)
		}
	})
	t.Run("a member with a taken node id", func(t *testing.T) {
		twin := layOut(t, 1, nil)[0]
		twin.config.Join = []string{nodes[0].addr}
		twin.open()
		await(t, "the twin is told", func(ctx context.Context) error {
			if err := twin.Ready(ctx); err == nil || !strings.Contains(err.Error(), "node id n1 belongs to") {
				return fmt.Errorf("it says %w", err)
			}
			return nil
		})
	})
}

// What the machine can't read would halt every node that applies it, so it
// must never reach the log, whoever forwards it.
func TestForwardedGarbageIsRefused(t *testing.T) {
	nodes := start(t, 3, nil)
	leader := leaderOf(t, nodes)
	peer := others(nodes, leader)[0]
	whole, err := createRoot(t, "host").Encode()
	if err != nil {
		t.Fatal(err)
	}
	unknown := append(bytes.Clone(whole[:17]), 1, 200)
	counted := func(command []byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(len(command))), command...)
	}
	// Of a call that can't be read nothing is proposed.
	for name, body := range map[string][]byte{
		"half a length": {0, 0},
		"a cut command": append(counted(whole), counted(whole)[:20]...),
	} {
		_, err := peer.net.Call(t.Context(), leader.addr, cluster.VerbForward, body)
		var refused *cluster.PeerError
		if !errors.As(err, &refused) || refused.Code != cluster.PeerBadRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	// One command that can't be read leaves the others alone.
	for name, c := range map[string]struct {
		command []byte
		code    cluster.PeerCode
	}{
		"nothing":         {nil, cluster.PeerBadRequest},
		"half a command":  {whole[:len(whole)-1], cluster.PeerBadRequest},
		"an unknown kind": {unknown, cluster.PeerBadRequest},
		"too much":        {make([]byte, 1<<20), cluster.PeerTooLarge},
	} {
		good, err := createRoot(t, name).Encode()
		if err != nil {
			t.Fatal(err)
		}
		answer, err := peer.net.Call(t.Context(), leader.addr, cluster.VerbForward, append(counted(c.command), counted(good)...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if answer[0] != byte(c.code) {
			t.Errorf("%s: answered with code %d", name, answer[0])
		}
		if _, ok := leader.read(cluster.Linearizable, 0).Tree.Find(tree.ByName(name)); !ok {
			t.Errorf("%s: the good command was not executed", name)
		}
	}
	leader.propose(createRoot(t, "host"))
	sameDigests(t, nodes)
}

func TestDataDirectories(t *testing.T) {
	node := start(t, 1, nil)[0]
	expect := func(t *testing.T, n *testNode, words ...string) {
		t.Helper()
		err := n.tryOpen()
		if err == nil {
			t.Fatal("it opens")
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not name %q", err, w)
			}
		}
	}
	t.Run("in use", func(t *testing.T) {
		twin := layOut(t, 1, nil)[0]
		twin.config.DataDir = node.config.DataDir
		expect(t, twin, node.config.DataDir, "in use")
	})
	if err := node.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("of another node", func(t *testing.T) {
		twin := layOut(t, 1, nil)[0]
		twin.config.DataDir, twin.config.NodeID = node.config.DataDir, "n2"
		expect(t, twin, node.config.DataDir, `"n1"`, `"n2"`)
	})
	t.Run("not a directory", func(t *testing.T) {
		twin := layOut(t, 1, nil)[0]
		file := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		twin.config.DataDir = file
		expect(t, twin, file)
	})
	t.Run("damaged identity", func(t *testing.T) {
		path := filepath.Join(node.config.DataDir, "node.json")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		expect(t, node, path, "damaged")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		expect(t, node, node.config.DataDir, "node.json")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		node.open()
		node.awaitReady()
	})
}

func TestCommandTooLarge(t *testing.T) {
	node := start(t, 1, nil)[0]
	devices := make([]tree.Device, 200)
	for i := range devices {
		devices[i] = tree.Device{Class: "VGPU", Identifier: fmt.Sprint(i), Metadata: strings.Repeat("x", 4000)}
	}
	_, err := node.Propose(t.Context(), command(t, tree.ChangeResources{Provider: tree.ByName("host"), Devices: devices}))
	expectCode(t, err, cluster.CodeTooLarge)
}
