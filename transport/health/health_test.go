package health

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// source is a node that tells what it is given.
type source struct {
	status cluster.Status
	view   *fsm.View
	err    error
}

func (s *source) Status() cluster.Status { return s.status }

func (s *source) Read(_ context.Context, level cluster.Level, _ uint64) (*fsm.View, error) {
	if level != cluster.Stale {
		return nil, errors.New("a scrape must not wait for the cluster")
	}
	return s.view, s.err
}

func ask(h http.Handler) (int, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	body, _ := io.ReadAll(w.Body)
	return w.Code, string(body)
}

func TestProbes(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler http.Handler
		status  int
		want    wire.Ready
	}{
		{"live", Live(), 200, wire.Ready{Status: "ok"}},
		{"ready", Ready(func(context.Context) error { return nil }), 200, wire.Ready{Status: "ok"}},
		{"not ready", Ready(func(context.Context) error { return errors.New("no leader") }), 503, wire.Ready{Status: "unavailable", Reason: "no leader"}},
	} {
		status, body := ask(c.handler)
		var got wire.Ready
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != c.status || got != c.want {
			t.Errorf("%s: %d %s, %v", c.name, status, body, err)
		}
	}
}

func TestReadyGetsTheRequestsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	h := Ready(func(ctx context.Context) error { return ctx.Err() })
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil).WithContext(ctx))
	if w.Code != 503 {
		t.Errorf("status %d", w.Code)
	}
}

func TestMetricsFollowTheNode(t *testing.T) {
	first, _, err := tree.New().Apply(1, tree.Txn{Ops: []tree.Op{
		tree.CreateProvider{UUID: tree.UUID{1}, Name: "a"}, tree.CreateProvider{UUID: tree.UUID{2}, Name: "b"},
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	node := &source{
		status: cluster.Status{State: "follower", LeaderID: "n2@b", Term: 5, Commit: 44, Applied: 43},
		view:   &fsm.View{Index: 43, Tree: first},
	}
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, node)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(registry, node); err == nil {
		t.Error("the same registry twice passes")
	}
	m.Request("GET /v1/x", 200, 2*time.Millisecond)
	m.Request("GET /v1/x", 200, 20*time.Millisecond)
	m.Error(wire.CodeBusy)
	expect := func(lines []string, not []string) {
		t.Helper()
		status, body := ask(m.Handler())
		if status != 200 {
			t.Fatalf("status %d: %s", status, body)
		}
		for _, line := range lines {
			if !strings.Contains(body, line+"\n") {
				t.Errorf("no line %s in\n%s", line, body)
			}
		}
		for _, name := range not {
			if strings.Contains(body, "\n"+name+" ") {
				t.Errorf("%s is there", name)
			}
		}
	}
	expect([]string{
		`treenode_http_requests_total{code="200",route="GET /v1/x"} 2`,
		`treenode_http_request_duration_seconds_bucket{route="GET /v1/x",le="0.0025"} 1`,
		`treenode_http_request_duration_seconds_bucket{route="GET /v1/x",le="0.025"} 2`,
		`treenode_errors_total{code="busy"} 1`,
		`treenode_raft_term 5`, `treenode_raft_commit_index 44`, `treenode_raft_applied_index 43`,
		`treenode_raft_is_leader 0`, `treenode_raft_has_leader 1`,
		`treenode_providers 2`, `treenode_consumers 0`, `treenode_state_revision 1`, `treenode_state_index 43`,
	}, nil)
	node.status = cluster.Status{State: "leader", Term: 6}
	node.view, node.err = nil, &cluster.Error{Code: cluster.CodeHalted, Message: "halted"}
	expect([]string{`treenode_raft_term 6`, `treenode_raft_is_leader 1`, `treenode_raft_has_leader 0`},
		[]string{"treenode_providers", "treenode_state_revision"})
}
