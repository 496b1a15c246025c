package raftnet

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/treenode/treenode/cluster"
)

// BenchmarkCallsAtOnce makes calls that are answered together, as forwarded
// commands are that one log entry carries.
func BenchmarkCallsAtOnce(b *testing.B) {
	for _, calls := range []int{16, 128, 400} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) {
			from, to := benchNet(b), benchNet(b)
			var mu sync.Mutex
			arrived, all := 0, make(chan struct{})
			to.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
				mu.Lock()
				together := all
				if arrived++; arrived == calls {
					arrived, all = 0, make(chan struct{})
					close(together)
				}
				mu.Unlock()
				<-together
				return nil, nil
			}))
			body := make([]byte, 200)
			for b.Loop() {
				var callers sync.WaitGroup
				for range calls {
					callers.Go(func() {
						if _, err := from.Call(b.Context(), to.Addr(), cluster.VerbForward, body); err != nil {
							b.Error(err)
						}
					})
				}
				callers.Wait()
			}
			b.ReportMetric(float64(from.Stats().Dialed)/float64(b.N), "dials/op")
		})
	}
}

func benchNet(b *testing.B) *Net {
	b.Helper()
	n, err := Listen(Config{Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = n.Close() })
	n.SetClusterID("c")
	return n
}
