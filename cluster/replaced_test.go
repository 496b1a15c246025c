package cluster_test

import (
	"context"
	"testing"

	"github.com/treenode/treenode/cluster"
)

// What a node has asked a leader that never answers, it asks the next one as soon
// as there is one, and does not wait for the end of the caller's patience.
func TestNextLeaderIsAsked(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(context.Context, *testNode) error{
		"write": func(ctx context.Context, n *testNode) error {
			_, err := n.Propose(ctx, createRoot(t, "host"))
			return err
		},
		"read": func(ctx context.Context, n *testNode) error {
			_, err := n.Read(ctx, cluster.Linearizable, 0)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := start(t, 3, func(c *cluster.Config) { c.Timing.Request = 100 * patience })
			hung := leaderOf(t, nodes)
			follower, next := others(nodes, hung)[0], others(nodes, hung)[1]
			follower.net.silent.Store(&hung.addr)
			done := make(chan error, 1)
			go func() { done <- ask(context.Background(), follower) }()
			if err := hung.TransferLeadership(context.Background(), next.config.NodeID); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-ctx.Done():
				t.Error("it still waits for the former leader")
			}
		})
	}
}
