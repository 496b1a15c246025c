package placement

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

// accepting reads from a store and executes nothing: what is left of a write is
// what this package does.
type accepting struct{ *placementtest.Node }

func (accepting) Propose(context.Context, fsm.Command) (fsm.Result, error) { return fsm.Result{}, nil }

// BenchmarkClaims claims as clients do, but for the network and the execution.
func BenchmarkClaims(b *testing.B) {
	_, node := benchNode(b, false)
	h, err := New(accepting{node}, Config{})
	if err != nil {
		b.Fatal(err)
	}
	view, err := node.Read(b.Context(), 0, 0)
	if err != nil {
		b.Fatal(err)
	}
	var hosts []string
	for p := range view.Tree.Providers(0) {
		hosts = append(hosts, p.UUID().String())
	}
	consumer := func(i int) string {
		return `{"allocations":{"` + hosts[i%len(hosts)] + `":{"resources":{"DISK_GB":1,"MEMORY_MB":1,"VCPU":1}}},` +
			`"consumer_generation":null,"consumer_type":"INSTANCE","project_id":"bench-project","user_id":"bench-user"}`
	}
	many := func(i int) string {
		var all []string
		for range 100 {
			all = append(all, `"`+uuid.NewString()+`":`+consumer(i))
			i++
		}
		return "{" + strings.Join(all, ",") + "}"
	}
	for _, c := range []struct {
		name, method string
		consumers    int
		path         func() string
		body         func(i int) string
	}{
		{"put", http.MethodPut, 1, func() string { return "/allocations/" + uuid.NewString() }, consumer},
		{"post-100", http.MethodPost, 100, func() string { return "/allocations" }, many},
	} {
		b.Run(c.name, func(b *testing.B) {
			const prepared = 64
			var requests []*http.Request
			var bodies []string
			for i := range prepared {
				bodies = append(bodies, c.body(i))
				r, err := http.NewRequest(c.method, c.path(), nil)
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("X-Auth-Token", "admin")
				r.Header.Set("OpenStack-API-Version", "placement 1.39")
				r.Header.Set("Accept", "application/json")
				r.Header.Set("Content-Type", "application/json")
				r.ContentLength = int64(len(bodies[i]))
				requests = append(requests, r)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				r := requests[i%prepared]
				r.Body = &text{strings.NewReader(bodies[i%prepared])}
				i++
				w := &counted{header: http.Header{}}
				if h.ServeHTTP(w, r); w.status != http.StatusNoContent {
					b.Fatal(w.status)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*c.consumers), "ns/consumer")
		})
	}
}

// text is a body.
type text struct{ *strings.Reader }

func (*text) Close() error { return nil }
