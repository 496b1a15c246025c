package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers all requests with a handler.
func serve(t *testing.T, handler http.HandlerFunc) *Target {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	target := &Target{Name: "fake", URLs: []string{s.URL}, Token: "admin"}
	if err := target.Check(); err != nil {
		t.Fatal(err)
	}
	return target
}

// measureRow measures one row of a world that nobody has made.
func measureRow(t *testing.T, target *Target, o Options, of func(*world) row) Row {
	t.Helper()
	w := &world{target: target, word: "w"}
	hosts(w, o)
	b := &bench{Options: o}
	return b.measure(t.Context(), target, of(w))
}

func claimRow(w *world) row { return claims.rows(w, Options{Clients: []int{2}})[0] }
func flatRow(w *world) row  { return candidatesFlat.rows(w, Options{Hosts: 2})[0] }

// What is not right is an error, and never work.
func TestErrorsAreNotWork(t *testing.T) {
	o := small()
	for _, c := range []struct {
		name    string
		of      func(*world) row
		handler http.HandlerFunc
		want    string
	}{
		{"a conflict", claimRow, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, `{"errors": [{"code": "placement.concurrent_update"}]}`, http.StatusConflict)
		}, "status 409"},
		{"another success", claimRow, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }, "status 200"},
		{"too few candidates", flatRow, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"allocation_requests": [], "provider_summaries": {}}`)
		}, "0, want 2"},
		{"a short body", flatRow, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"allocation_requests"`)
		}, "unexpected EOF"},
		{"no JSON", flatRow, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") }, "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := measureRow(t, serve(t, c.handler), o, c.of)
			if r.Errors == 0 || r.Work != 0 || r.PerSecond != 0 || !strings.Contains(strings.Join(r.ErrorTexts, "\n"), c.want) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Later answers are only counted; that must see a wrong number too.
func TestLaterAnswers(t *testing.T) {
	o := small()
	o.Hosts = 2
	var made *world
	var answers atomic.Int64
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := 2
		if answers.Add(1) > 1 {
			n = 1
		}
		var requests, summaries []string
		for _, p := range made.providers[:n] {
			requests = append(requests, fmt.Sprintf(`{"allocations": {%q: {"resources": {%q: 2, %q: 2048, %q: 20}}}, "mappings": {"": [%q]}}`,
				p.uuid, made.class("VCPU"), made.class("MEMORY"), made.class("DISK"), p.uuid))
			summaries = append(summaries, fmt.Sprintf(`%q: {}`, p.uuid))
		}
		fmt.Fprintf(w, `{"allocation_requests": [%s], "provider_summaries": {%s}}`, strings.Join(requests, ","), strings.Join(summaries, ","))
	})
	r := measureRow(t, target, o, func(w *world) row { made = w; return flatRow(w) })
	if r.Errors == 0 || r.Errors != int(answers.Load())-1 {
		t.Errorf("%d answers: %+v", answers.Load(), r)
	}
}

// A target that never answers is told as such, once, and is no error.
func TestNoAnswer(t *testing.T) {
	o := small()
	o.RequestTimeout = 50 * time.Millisecond
	asked := make(chan struct{}, 100)
	release := make(chan struct{})
	target := serve(t, func(_ http.ResponseWriter, _ *http.Request) { asked <- struct{}{}; <-release })
	t.Cleanup(func() { close(release) })
	r := measureRow(t, target, o, flatRow)
	if r.LongerThanMillis != 50 || r.Runs != 0 || r.Errors != 0 || len(asked) != 1 {
		t.Errorf("asked %d times: %+v", len(asked), r)
	}
}

// A row ends with its budget, with what it has seen by then.
func TestRowBudget(t *testing.T) {
	o := small()
	o.Runs, o.Duration, o.RowBudget = 100, 100*time.Millisecond, time.Second
	target := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	began := time.Now()
	r := measureRow(t, target, o, claimRow)
	if r.Runs == 0 || r.Runs > 10 || r.Work == 0 || time.Since(began) > 20*time.Second {
		t.Errorf("%v: %+v", time.Since(began), r)
	}
}

// A service that closes each connection without a word about it is asked
// again, once, on a new one; then connections are no longer kept.
func TestClosedConnections(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var connections, requests atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			buf := make([]byte, 4096)
			if n, _ := conn.Read(buf); n > 0 {
				requests.Add(1)
				_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			}
			conn.Close()
		}
	}()
	target := &Target{URLs: []string{l.Addr().String()}}
	if err := target.Check(); err != nil {
		t.Fatal(err)
	}
	c := target.connect(t.Context(), 0, 10*time.Second)
	defer c.close()
	for range 5 {
		if _, err := c.want(http.StatusNoContent, request{http.MethodGet, "/", nil}); err != nil {
			t.Fatal(err)
		}
	}
	if connections.Load() != 5 || requests.Load() != 5 {
		t.Errorf("%d connections, %d requests", connections.Load(), requests.Load())
	}
}

func TestKeptConnection(t *testing.T) {
	addresses := map[string]bool{}
	target := serve(t, func(w http.ResponseWriter, r *http.Request) {
		addresses[r.RemoteAddr] = true
		if r.Header.Get("X-Auth-Token") != "admin" || r.Header.Get("OpenStack-API-Version") != "placement 1.39" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	c := target.connect(context.Background(), 0, 10*time.Second)
	defer c.close()
	for i := range 10 {
		text := strings.Repeat("x", i*10_000)
		a, err := c.want(http.StatusOK, request{http.MethodPut, "/", []byte(text)})
		if err != nil || string(a.body) != text {
			t.Fatalf("%d bytes: %d back, %v", len(text), len(a.body), err)
		}
	}
	if len(addresses) != 1 {
		t.Errorf("%d connections", len(addresses))
	}
}

func TestQuantile(t *testing.T) {
	var values []time.Duration
	for i := range 1000 {
		values = append(values, time.Duration(i+1))
	}
	for _, c := range []struct {
		values []time.Duration
		q      float64
		want   time.Duration
	}{
		{values, 0.5, 500}, {values, 0.99, 990}, {values, 0.999, 999}, {values, 1, 1000}, {values[:1], 0.5, 1}, {values[:1], 0.999, 1},
		{values[:3], 0.5, 2}, {values[:4], 0.5, 2}, {values[:10], 0.99, 10},
	} {
		if got := quantile(c.values, c.q); got != c.want {
			t.Errorf("%v of %d: %d, want %d", c.q, len(c.values), got, c.want)
		}
	}
	for want, values := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		given := slices.Clone(values)
		if got := median(values); got != want || !slices.Equal(given, values) {
			t.Errorf("median of %v: %v, now %v", given, got, values)
		}
	}
}

func TestCompare(t *testing.T) {
	first := Result{Rows: []Row{
		{Row: "a", Clients: 1, PerSecond: 100, P50Millis: 2}, {Row: "slow", Clients: 1, PerSecond: 50, P50Millis: 20},
		{Row: "skipped", PerSecond: 1, P50Millis: 1}, {Row: "alone", PerSecond: 1, P50Millis: 1}, {Row: "never", LongerThanMillis: 1},
	}}
	second := Result{Rows: []Row{
		{Row: "a", Clients: 1, PerSecond: 10, P50Millis: 30}, {Row: "slow", Clients: 1, LongerThanMillis: 30_000},
		{Row: "skipped", Skipped: true}, {Row: "never", PerSecond: 1, P50Millis: 1},
	}}
	want := []Ratio{{"a", 10, 15, false}, {"slow", 1500, 1500, true}}
	if got := Compare(first, second); !slices.Equal(got, want) {
		t.Errorf("%+v", got)
	}
}
