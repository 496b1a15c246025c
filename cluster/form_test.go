package cluster_test

import (
	"errors"
	"net"
	"slices"
	"testing"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
)

// silentAddr is where connections are taken and nothing is ever said, as if
// the machine were off; at that address, or at any.
func silentAddr(t *testing.T, addr string) string {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// Join addresses where nobody answers keep those that do answer neither from
// beginning a cluster nor from joining it.
func TestSilentJoinAddresses(t *testing.T) {
	t.Parallel()
	var silent []string
	for range 3 {
		silent = append(silent, silentAddr(t, "127.0.0.1:0"))
	}
	nodes := start(t, 3, func(c *cluster.Config) { c.Join = slices.Concat(silent, c.Join) })

	late := layOut(t, 1, func(c *cluster.Config) {
		c.NodeID, c.Join = "late", append(silent, nodes[2].addr)
	})[0]
	late.open()
	late.awaitReady()
	nodes[0].propose(createRoot(t, "host"))
	sameDigests(t, append(nodes, late))
}

// A member with a new address tells those that answer, also where the first of
// them all does not. This one can't become the leader and tell itself.
func TestNewAddressBesideASilentMember(t *testing.T) {
	t.Parallel()
	nodes := start(t, 3, nil)
	moved := layOut(t, 1, func(c *cluster.Config) {
		c.NodeID, c.NonVoter, c.Join = "moved", true, []string{nodes[2].addr}
	})[0]
	moved.open()
	moved.awaitReady()
	// Members are asked in the order in which the cluster took them in.
	if err := errors.Join(nodes[0].Close(), moved.Close()); err != nil {
		t.Fatal(err)
	}
	silentAddr(t, nodes[0].addr)
	moved.addr = clustertest.FreeAddr(t)
	moved.open()
	moved.awaitReady()
	nodes[1].propose(createRoot(t, "host"))
	sameDigests(t, append(nodes[1:], moved))
}
