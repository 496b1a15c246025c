package bench

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
)

// small are options for a world and a time as small as can be.
func small() Options {
	return Options{
		Clients: []int{1, 3}, Hosts: 20, Trees: 3, Sizes: []int{1000}, Runs: 2,
		WarmUp: time.Millisecond, Duration: 20 * time.Millisecond, RequestTimeout: 30 * time.Second, RowBudget: time.Minute, Seed: 1,
	}
}

// node starts a cluster of one.
func node(t *testing.T) *Target {
	t.Helper()
	s, err := server.Start(server.Config{
		NodeID: "n1", DataDir: t.TempDir(), Listen: "127.0.0.1:0", PeerListen: "127.0.0.1:0",
		RequestTimeout: 10 * time.Second, Logger: hclog.NewNullLogger(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	target := &Target{Name: "node", URLs: []string{s.URL()}, Token: "admin"}
	if err := target.Check(); err != nil {
		t.Fatal(err)
	}
	return target
}

func get(t *testing.T, target *Target, path string) string {
	t.Helper()
	c := target.connect(t.Context(), 0, 10*time.Second)
	defer c.close()
	a, err := c.want(http.StatusOK, request{http.MethodGet, path, nil})
	if err != nil {
		t.Fatal(err)
	}
	return string(a.body)
}

// Every workload runs without an error, and leaves nothing behind.
func TestEveryWorkload(t *testing.T) {
	target := node(t)
	o := small()
	want := 0
	for _, l := range Workloads(o) {
		o.Workloads = append(o.Workloads, l.Name)
		want += len(l.Rows)
	}
	done := 0
	o.Done = func(string, Row) { done++ }
	result, err := Run(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Rows) != want || done != want {
		t.Errorf("%d rows, told of %d, want %d", len(result.Rows), done, want)
	}
	for _, r := range result.Rows {
		if r.Errors != 0 || r.Work == 0 || r.Runs != 2 || r.PerSecond <= 0 || r.P50Millis <= 0 || r.P50Millis > r.MaxMillis {
			t.Errorf("%+v", r)
		}
	}
	for _, path := range []string{"/resource_providers", "/resource_classes", "/traits"} {
		if left := get(t, target, path); strings.Contains(left, "bench") || strings.Contains(left, "CUSTOM_") {
			t.Errorf("left behind at %s: %.300s", path, left)
		}
	}
}

// Only the rows asked for run, those to skip are told, and --keep keeps.
func TestChoice(t *testing.T) {
	target := node(t)
	target.Skip = []string{"claims@3"}
	o := small()
	o.Only, o.Keep = []string{"claims@*"}, true
	result, err := Run(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Rows) != 2 || result.Rows[0].Skipped || !result.Rows[1].Skipped || result.Rows[1].Work != 0 {
		t.Errorf("%+v", result.Rows)
	}
	if left := get(t, target, "/resource_providers"); strings.Count(left, `"bench-`) != o.Hosts {
		t.Errorf("kept: %.300s", left)
	}
}

// A run that is interrupted still takes its world away.
func TestInterrupted(t *testing.T) {
	target := node(t)
	ctx, cancel := context.WithCancel(t.Context())
	o := small()
	o.Workloads, o.Duration = []string{"claims"}, time.Minute
	o.Progress = func(text string) {
		if strings.Contains(text, "run 1") {
			cancel()
		}
	}
	result, err := Run(ctx, target, o)
	if err == nil || len(result.Rows) != 0 {
		t.Errorf("%v, %+v", err, result.Rows)
	}
	if left := get(t, target, "/resource_providers"); strings.Contains(left, "bench") {
		t.Errorf("left behind: %.300s", left)
	}
}

// What can't be cleaned up is told.
func TestCleanUpFails(t *testing.T) {
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodDelete:
			w.WriteHeader(http.StatusConflict)
		case http.MethodPut:
			w.WriteHeader(http.StatusCreated)
		}
	})
	o := small()
	for _, workload := range []string{"groups", "claims"} { // a world of its own, and a shared one
		o.Workloads, o.RequestTimeout = []string{workload}, time.Second
		if _, err := Run(t.Context(), target, o); err == nil || !strings.Contains(err.Error(), "cleaning up") {
			t.Errorf("%s: %v", workload, err)
		}
	}
}

// Traits are replaced by others each time, also where inventories were written
// in between.
func TestWritesInTurn(t *testing.T) {
	target := node(t)
	o := small()
	o.Workloads = []string{"writes"}
	o.Duration, o.Runs = 5*time.Millisecond, 10
	result, err := Run(t.Context(), target, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range result.Rows {
		if r.Errors != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// Claims that can't be taken back together are taken back one by one.
func TestReleaseAfterConflict(t *testing.T) {
	var mu sync.Mutex
	left := map[string]bool{"a": true, "b": true, "c": true}
	w := &world{note: func(string) {}, target: serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch r.Method {
		case http.MethodGet:
			_, _ = io.WriteString(w, `{"allocations": {"a": {"consumer_generation": 1}, "b": {"consumer_generation": 1}, "c": {"consumer_generation": 2}}}`)
		case http.MethodPost:
			w.WriteHeader(http.StatusConflict)
		case http.MethodDelete:
			delete(left, strings.TrimPrefix(r.URL.Path, "/allocations/"))
			w.WriteHeader(http.StatusNoContent)
		}
	})}
	w.root("host", nil)
	if err := w.release(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("%v; left %v", err, left)
	}
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"workload:": func(o *Options) { o.Workloads = []string{"nothing"} }, "row:": func(o *Options) { o.Only = []string{"["} },
		"hosts:": func(o *Options) { o.Hosts = 1 }, "trees:": func(o *Options) { o.Trees = 0 }, "runs:": func(o *Options) { o.Runs = 0 },
		"clients:": func(o *Options) { o.Clients = []int{clientsMax + 1} }, "sizes:": func(o *Options) { o.Sizes = []int{2000, 1000} },
		"warm-up:": func(o *Options) { o.WarmUp = 0 }, "duration:": func(o *Options) { o.Duration = time.Hour },
		"request-timeout:": func(o *Options) { o.RequestTimeout = -1 }, "row-budget:": func(o *Options) { o.RowBudget = 0 },
	} {
		o := small()
		change(&o)
		if err := o.Check(); err == nil || !strings.HasPrefix(err.Error(), name) {
			t.Errorf("%s %v", name, err)
		}
	}
	o := small()
	if err := o.Check(); err != nil {
		t.Error(err)
	}
	for text, fine := range map[string]bool{
		"127.0.0.1:8778": true, "http://h": true, "https://h:1/placement/": true,
		"": false, "ftp://h": false, "http://": false, "http://h?x=1": false, "http://u:p@h": false,
	} {
		if err := (&Target{URLs: []string{text}}).Check(); (err == nil) != fine {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := (&Target{URLs: []string{"h:1"}, Token: "a\r\nb"}).Check(); err == nil {
		t.Error("a token of two lines is taken")
	}
}
