package cluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/raftnet"
)

// patience bounds every wait for a condition. No test passes or fails by how
// long something takes below it.
const patience = 30 * time.Second

// testNode is a node of a test over real TCP, which keeps its address and
// directory over restarts.
type testNode struct {
	*cluster.Node
	t      testing.TB
	config cluster.Config
	addr   string
	net    *breakable
	secure func(*raftnet.Config) // nil for a port without TLS
}

// breakable is a network that a test can cut.
type breakable struct {
	cluster.Network
	cut    atomic.Bool            // calls to others fail
	silent atomic.Pointer[string] // calls to this address get no answer
}

func (b *breakable) Call(ctx context.Context, addr string, verb cluster.Verb, body []byte) ([]byte, error) {
	if b.cut.Load() {
		return nil, &cluster.CallError{Addr: addr, Err: fmt.Errorf("cut by the test")}
	}
	if s := b.silent.Load(); s != nil && *s == addr {
		<-ctx.Done()
		return nil, &cluster.CallError{Addr: addr, Sent: true, Err: ctx.Err()}
	}
	return b.Network.Call(ctx, addr, verb, body)
}

func testLogger(t testing.TB) hclog.Logger {
	t.Helper()
	if os.Getenv("TREENODE_TEST_LOG") == "" {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stderr})
}

// layOut prepares n nodes that expect each other, and starts none.
func layOut(t testing.TB, n int, adapt func(*cluster.Config)) []*testNode {
	t.Helper()
	dir := t.TempDir()
	var addrs []string
	for range n {
		addrs = append(addrs, clustertest.FreeAddr(t))
	}
	nodes := make([]*testNode, n)
	for i := range nodes {
		c := cluster.Config{
			NodeID: fmt.Sprintf("n%d", i+1), DataDir: filepath.Join(dir, fmt.Sprintf("n%d", i+1)),
			APIURL: fmt.Sprintf("http://api.invalid/n%d", i+1), Version: "test", Logger: testLogger(t),
		}
		if n > 1 {
			c.BootstrapExpect, c.Join = n, addrs
		}
		if adapt != nil {
			adapt(&c)
		}
		nodes[i] = &testNode{t: t, config: c, addr: addrs[i]}
	}
	return nodes
}

// start starts a cluster of n nodes and waits until all are ready.
func start(t testing.TB, n int, adapt func(*cluster.Config)) []*testNode {
	t.Helper()
	nodes := layOut(t, n, adapt)
	for _, node := range nodes {
		node.open()
	}
	for _, node := range nodes {
		node.awaitReady()
	}
	return nodes
}

func (n *testNode) tryOpen() error {
	port := raftnet.Config{Listen: n.addr, Logger: n.config.Logger}
	if n.secure != nil {
		n.secure(&port)
	}
	inner, err := raftnet.Listen(port)
	if err != nil {
		return err
	}
	n.net = &breakable{Network: inner}
	n.config.Network = n.net
	n.Node, err = cluster.Open(n.config)
	return err
}

func (n *testNode) open() {
	n.t.Helper()
	if err := n.tryOpen(); err != nil {
		n.t.Fatal(err)
	}
	node := n.Node
	n.t.Cleanup(func() { _ = node.Close() })
}

func (n *testNode) reopen() {
	n.t.Helper()
	if err := n.Close(); err != nil {
		n.t.Fatal(err)
	}
	n.open()
}

func (n *testNode) awaitReady() {
	n.t.Helper()
	await(n.t, n.config.NodeID+" is ready", func(ctx context.Context) error { return n.Ready(ctx) })
}

// await calls f until it returns nil.
func await(t testing.TB, what string, f func(context.Context) error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := f(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// leaderOf waits until one node leads and every other follows it.
func leaderOf(t testing.TB, nodes []*testNode) *testNode {
	t.Helper()
	var leader *testNode
	await(t, "all follow one leader", func(ctx context.Context) error {
		leader = nil
		for _, n := range nodes {
			if n.Status().State == "leader" {
				leader = n
			}
		}
		if leader == nil {
			return fmt.Errorf("no leader")
		}
		for _, n := range nodes {
			if s := n.Status(); s.LeaderID != leader.Status().NodeID {
				return fmt.Errorf("%s follows %q", s.NodeID, s.LeaderID)
			}
		}
		return leader.Ready(ctx)
	})
	return leader
}

func others(nodes []*testNode, not *testNode) []*testNode {
	var rest []*testNode
	for _, n := range nodes {
		if n != not {
			rest = append(rest, n)
		}
	}
	return rest
}

func newID(t testing.TB) tree.UUID {
	t.Helper()
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	return tree.UUID(id)
}

func command(t testing.TB, ops ...tree.Op) fsm.Command {
	t.Helper()
	return fsm.Command{RequestID: newID(t), Txn: tree.Txn{Ops: ops}}
}

func createRoot(t testing.TB, name string) fsm.Command {
	t.Helper()
	return command(t, tree.CreateProvider{UUID: tree.UUID(uuid.New()), Name: name})
}

// propose proposes and fails the test unless it is accepted.
func (n *testNode) propose(cmd fsm.Command) fsm.Result {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := n.Propose(ctx, cmd)
	if err != nil {
		n.t.Fatalf("%s: %v", n.config.NodeID, err)
	}
	if r.Refused != nil {
		n.t.Fatalf("%s: refused: %v", n.config.NodeID, r.Refused)
	}
	return r
}

func (n *testNode) read(level cluster.Level, index uint64) *cluster.View {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v, err := n.Read(ctx, level, index)
	if err != nil {
		n.t.Fatalf("%s: %v", n.config.NodeID, err)
	}
	return v
}

// sameDigests waits until all nodes have applied the same index and compares
// what they hold, invariants included.
func sameDigests(t testing.TB, nodes []*testNode) [32]byte {
	t.Helper()
	var index uint64
	for _, n := range nodes {
		index = max(index, n.Status().Applied)
	}
	digests := make([][32]byte, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		v := n.read(cluster.Session, index)
		wg.Go(func() {
			digests[i] = v.Digest()
			if err := v.Tree.Check(); err != nil {
				t.Errorf("%s: %v", n.config.NodeID, err)
			}
		})
	}
	wg.Wait()
	for i := range digests {
		if digests[i] != digests[0] {
			t.Fatalf("%s and %s differ at index %d", nodes[0].config.NodeID, nodes[i].config.NodeID, index)
		}
	}
	return digests[0]
}
