package cluster_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// BenchmarkClaim measures durable claims on three nodes in one process, by the
// number of callers that wait at once.
func BenchmarkClaim(b *testing.B) {
	for _, callers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			nodes := benchCluster(b)
			benchParallel(b, callers, func(i int64) error {
				id, err := uuid.NewV7()
				if err != nil {
					return err
				}
				r, err := nodes[0].Propose(context.Background(), fsm.Command{RequestID: tree.UUID(id), Txn: tree.Txn{Ops: []tree.Op{
					tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: tree.UUID(uuid.New()), Allocations: []tree.AllocationOf{
						{Provider: tree.ByName(fmt.Sprintf("host%d", i%1000)), Class: "VCPU", Amount: 1}}}}},
				}}})
				if err == nil && r.Refused != nil {
					err = r.Refused
				}
				return err
			})
		})
	}
}

// BenchmarkReadIndex measures linearizable reads on the leader.
func BenchmarkReadIndex(b *testing.B) {
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			nodes := benchCluster(b)
			benchParallel(b, callers, func(int64) error {
				_, err := nodes[0].Read(context.Background(), cluster.Linearizable, 0)
				return err
			})
		})
	}
}

// benchCluster starts three nodes, the leader first, with 1,000 hosts.
func benchCluster(b *testing.B) []*testNode {
	b.Helper()
	nodes := start(b, 3, nil)
	leader := leaderOf(b, nodes)
	var hosts []tree.PopulateProvider
	inventory := vcpu(1 << 30)
	for i := range 1000 {
		hosts = append(hosts, tree.PopulateProvider{UUID: tree.UUID(uuid.New()), Name: fmt.Sprintf("host%d", i), Inventories: &inventory})
	}
	leader.propose(command(b, tree.Populate{Providers: hosts}))
	return append([]*testNode{leader}, others(nodes, leader)...)
}

// benchParallel runs b.N calls from that many goroutines.
func benchParallel(b *testing.B, callers int, call func(i int64) error) {
	b.Helper()
	var next atomic.Int64
	done := make(chan error, callers)
	b.ResetTimer()
	for range callers {
		go func() {
			for {
				i := next.Add(1)
				if i > int64(b.N) {
					done <- nil
					return
				}
				if err := call(i); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range callers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}
