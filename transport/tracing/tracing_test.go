package tracing_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/transport/api"
	"github.com/treenode/treenode/transport/raftnet"
	"github.com/treenode/treenode/transport/tracing"
)

const patience = 30 * time.Second

// member is one node with its API, whose spans go where all others' go.
type member struct {
	*cluster.Node
	id  string
	api http.Handler
}

func start(t *testing.T, n int, spans *tracetest.InMemoryExporter) []*member {
	t.Helper()
	var addrs []string
	for range n {
		addrs = append(addrs, clustertest.FreeAddr(t))
	}
	members := make([]*member, n)
	for i := range members {
		id := fmt.Sprint("n", i+1)
		drawn, err := tracing.New(tracing.Config{NodeID: id, Processor: sdktrace.NewSimpleSpanProcessor(spans)})
		if err != nil {
			t.Fatal(err)
		}
		network, err := raftnet.Listen(raftnet.Config{Listen: addrs[i]})
		if err != nil {
			t.Fatal(err)
		}
		node, err := cluster.Open(cluster.Config{
			NodeID: id, DataDir: filepath.Join(t.TempDir(), id), Network: network, BootstrapExpect: n, Join: addrs,
			APIURL: "http://api.invalid/" + id, Tracer: drawn, CheckpointInterval: -1,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = node.Close() })
		members[i] = &member{node, id, drawn.Handler(api.New(node, api.Config{}))}
	}
	for _, m := range members {
		for deadline := time.Now().Add(patience); ; {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			err := m.Ready(ctx)
			cancel()
			if err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal(err)
			}
		}
	}
	return members
}

const (
	parentTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceparent = "00-" + parentTrace + "-00f067aa0ba902b7-01"
)

func (m *member) ask(t *testing.T, method, path, body, parent string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if parent != "" {
		r.Header.Set("traceparent", parent)
	}
	w := httptest.NewRecorder()
	m.api.ServeHTTP(w, r)
	if w.Code/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
}

// tree is the spans of a trace, each with the node that drew it, below their parents.
func tree(spans tracetest.SpanStubs) string {
	var b strings.Builder
	var draw func(parent, indent string)
	draw = func(parent, indent string) {
		var below tracetest.SpanStubs
		for _, s := range spans {
			if s.Parent.SpanID().String() == parent {
				below = append(below, s)
			}
		}
		slices.SortFunc(below, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
		for _, s := range below {
			node := ""
			for _, a := range s.Resource.Attributes() {
				if a.Key == "service.instance.id" {
					node = a.Value.AsString()
				}
			}
			fmt.Fprintf(&b, "%s%s of %s\n", indent, s.Name, node)
			draw(s.SpanContext.SpanID().String(), indent+"  ")
		}
	}
	draw("00f067aa0ba902b7", "")
	return b.String()
}

// One write to a follower is one tree of spans, with those of the leader in it.
func TestSpansOfAForwardedWrite(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	members := start(t, 3, spans)
	var leader, follower *member
	for _, m := range members {
		if m.Status().State == "leader" {
			leader = m
		} else {
			follower = m
		}
	}
	if leader == nil {
		t.Fatal("nobody leads")
	}
	follower.ask(t, "POST", "/v1/providers", `{"name":"undrawn"}`, "") // Sample is 0
	if got := spans.GetSpans(); len(got) != 0 {
		t.Fatalf("%d spans of a request that is not to be drawn", len(got))
	}
	follower.ask(t, "POST", "/v1/providers", `{"name":"host"}`, traceparent)
	want := strings.NewReplacer("FOLLOWER", follower.id, "LEADER", leader.id).Replace(`POST /v1/providers of FOLLOWER
  treenode.propose of FOLLOWER
    treenode.queue of FOLLOWER
    treenode.forward of FOLLOWER
    treenode.propose of LEADER
      treenode.queue of LEADER
      treenode.replicate of LEADER
      treenode.apply of LEADER
`)
	all := spans.GetSpans()
	if got := tree(all); got != want {
		t.Errorf("spans\n%s\nwant\n%s", got, want)
	}
	attributes := map[string]string{}
	for _, s := range all {
		if s.SpanContext.TraceID().String() != parentTrace {
			t.Errorf("%s is of trace %s", s.Name, s.SpanContext.TraceID())
		}
		if s.EndTime.Before(s.StartTime) {
			t.Errorf("%s ends before it begins", s.Name)
		}
		for _, a := range s.Attributes {
			attributes[string(a.Key)] = a.Value.String()
		}
	}
	for _, name := range []string{"treenode.raft.index", "treenode.raft.term", "treenode.entry.commands", "http.route", "treenode.request_id", "http.response.status_code"} {
		if attributes[name] == "" || attributes[name] == "0" {
			t.Errorf("no attribute %s in %v", name, attributes)
		}
	}
	spans.Reset()
	leader.ask(t, "GET", "/v1/providers", "", traceparent)
	want = strings.ReplaceAll(`GET /v1/providers of LEADER
  treenode.read of LEADER
    treenode.read_index of LEADER
    treenode.catch_up of LEADER
`, "LEADER", leader.id)
	if got := tree(spans.GetSpans()); got != want {
		t.Errorf("spans of a read\n%s\nwant\n%s", got, want)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		config tracing.Config
		want   string
	}{
		{tracing.Config{Endpoint: "127.0.0.1:4318"}, "otlp-endpoint"},
		{tracing.Config{Endpoint: "ftp://collector"}, "otlp-endpoint"},
		{tracing.Config{Endpoint: "http://collector:4318?x=1"}, "otlp-endpoint"},
		{tracing.Config{Endpoint: "http://collector:4318", Sample: 1.5}, "trace-sample"},
		{tracing.Config{Endpoint: "http://collector:4318", Sample: -1}, "trace-sample"},
	} {
		if _, err := tracing.New(c.config); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.config, err, c.want)
		}
	}
}

// Spans reach a collector as OTLP over HTTP has it, before Close returns.
func TestExport(t *testing.T) {
	got := make(chan *tracepb.TracesData, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		var data tracepb.TracesData
		if err == nil {
			err = proto.Unmarshal(b, &data)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Method != "POST" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %s, %v", r.Method, r.URL, err)
		}
		got <- &data
	}))
	defer collector.Close()
	drawn, err := tracing.New(tracing.Config{Endpoint: collector.URL, Sample: 1, NodeID: "n1", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	h := drawn.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracing.Route(r.Context(), "GET /x", "req-1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := drawn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case data := <-got:
		s := data.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
		if s.GetName() != "GET /x" || s.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("span %v", s)
		}
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
}

// A request that is not drawn costs nothing where a node asks for a span.
func TestNothingIsDrawnForNothing(t *testing.T) {
	drawn, err := tracing.New(tracing.Config{Processor: sdktrace.NewSimpleSpanProcessor(tracetest.NewInMemoryExporter())})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() {
		if drawn.Begin(ctx, cluster.SpanPropose, nil) != nil {
			t.Fatal("a span of nothing")
		}
		tracing.Route(ctx, "GET /x", "")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzCarried(f *testing.F) {
	f.Add([]byte(traceparent))
	f.Add([]byte("00-0-0-0"))
	drawn, err := tracing.New(tracing.Config{Processor: sdktrace.NewSimpleSpanProcessor(tracetest.NewNoopExporter())})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, carried []byte) {
		s := drawn.Begin(context.Background(), cluster.SpanPropose, carried)
		if s == nil {
			return
		}
		if again := s.Carry(); len(again) > 64 || len(again) == 0 {
			t.Errorf("%q is carried on as %q", carried, again)
		}
		s.End(nil)
	})
}
