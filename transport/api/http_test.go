package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/wire"
)

// send makes a request and returns the answer and its body.
func send(t *testing.T, r *http.Request) (*http.Response, []byte) {
	t.Helper()
	if r.Body != nil && r.Body != http.NoBody && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// told reads an error body.
func told(t *testing.T, answer *http.Response, body []byte) *wire.Error {
	t.Helper()
	if err := conforms(answer, body); err != nil {
		t.Fatal(err)
	}
	var e wire.ErrorBody
	if err := json.Unmarshal(body, &e); err != nil || e.Error == nil {
		t.Fatalf("no error: %s", body)
	}
	return e.Error
}

func TestBodyLimit(t *testing.T) {
	node := newFakeNode()
	served := httptest.NewServer(newTestServer(t, node, Config{}))
	defer served.Close()
	// Blanks are JSON, and reach the decoder.
	of := func(size int) string { return `{"name": "a"` + strings.Repeat(" ", size-13) + `}` }
	for _, c := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"at the limit", strings.NewReader(of(wire.BodyBytesMax)), 201},
		{"over the limit", strings.NewReader(of(wire.BodyBytesMax + 1)), 413},
		{"10 MB", strings.NewReader(of(10_000_000)), 413},
		{"10 MB of unknown length", struct{ io.Reader }{strings.NewReader(of(10_000_000))}, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := request(t, "POST", served.URL+"/v1/providers", c.body)
			answer, body := send(t, r)
			if answer.StatusCode != c.status {
				t.Fatalf("status %d: %.200s", answer.StatusCode, body)
			}
			if c.status == 413 && told(t, answer, body).Code != wire.CodeTooLarge {
				t.Errorf("told %s", body)
			}
			var reused bool
			r = request(t, "GET", served.URL+"/healthz", nil)
			r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
				GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused },
			}))
			if send(t, r); !reused {
				t.Error("the connection did not survive")
			}
		})
	}
	if n := node.machine.View().Tree.NumProviders(); n != 1 {
		t.Errorf("%d providers", n)
	}
}

// A body that nobody can afford to read is refused by its header.
func TestHugeBody(t *testing.T) {
	served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{}))
	defer served.Close()
	for _, c := range []struct {
		name, header string
	}{
		{"a terabyte", "Content-Length: 1000000000000\r\n"},
		{"a sender that waits", "Content-Length: 2000000\r\nExpect: 100-continue\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", served.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST /v1/providers HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n", c.header)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if answer.StatusCode != 413 {
				t.Errorf("status %d", answer.StatusCode)
			}
		})
	}
}

func TestSlowBody(t *testing.T) {
	served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{RequestTimeout: 50 * time.Millisecond}))
	defer served.Close()
	never, write := io.Pipe()
	defer write.Close()
	answer, body := send(t, request(t, "POST", served.URL+"/v1/providers", never))
	if e := told(t, answer, body); e.Code != wire.CodeDeadline || e.Kind != wire.NotApplied {
		t.Errorf("told %s", body)
	}
}

func TestBrokenBody(t *testing.T) {
	s := newTestServer(t, newFakeNode(), Config{})
	r := httptest.NewRequest("POST", "/v1/providers", io.MultiReader(strings.NewReader(`{"name": "a"}`), brokenReader{}))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if e := told(t, answerTo(w, r), w.Body.Bytes()); e.Code != wire.CodeMalformed {
		t.Errorf("told %s", w.Body)
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func answerTo(w *httptest.ResponseRecorder, r *http.Request) *http.Response {
	answer := w.Result()
	answer.Request = r
	return answer
}

func TestRequestIDHeaderTwice(t *testing.T) {
	s := newTestServer(t, newFakeNode(), Config{})
	r := httptest.NewRequest("PUT", "/v1/traits/CUSTOM_A", nil)
	r.Header[wire.HeaderRequestID] = []string{requestID(1).String(), requestID(1).String()}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if e := told(t, answerTo(w, r), w.Body.Bytes()); e.Code != wire.CodeInvalid || e.Field != wire.HeaderRequestID {
		t.Errorf("told %s", w.Body)
	}
}

func TestMadeRequestIDs(t *testing.T) {
	before := time.Now().UnixMilli()
	one, err := newRequestID()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newRequestID()
	if err != nil {
		t.Fatal(err)
	}
	if one == other || one[6]>>4 != 7 || one[8]>>6 != 2 {
		t.Errorf("made %s and %s", one, other)
	}
	made := int64(0)
	for _, b := range one[:6] {
		made = made<<8 | int64(b)
	}
	if made < before || made > time.Now().UnixMilli() {
		t.Errorf("made at %d, which is not now", made)
	}
}

// waitingNode keeps every read waiting until its context ends.
type waitingNode struct{ *fakeNode }

func (n waitingNode) Read(ctx context.Context, _ cluster.Level, _ uint64) (*fsm.View, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestRequestTimeout(t *testing.T) {
	s := newServer(waitingNode{newFakeNode()}, Config{RequestTimeout: 20 * time.Millisecond})
	r := httptest.NewRequest("GET", "/v1/providers", nil)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if e := told(t, answerTo(w, r), w.Body.Bytes()); e.Code != wire.CodeDeadline {
		t.Errorf("told %s", w.Body)
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	node := newFakeNode()
	node.panics = true
	var log bytes.Buffer
	s := newTestServer(t, node, Config{Logger: hclog.New(&hclog.LoggerOptions{Output: &log, JSONFormat: true})})
	served := httptest.NewServer(s)
	defer served.Close()
	r := request(t, "PUT", served.URL+"/v1/traits/CUSTOM_A", nil)
	r.Header.Set(wire.HeaderRequestID, requestID(77).String())
	answer, body := send(t, r)
	if e := told(t, answer, body); e.Code != wire.CodeInternal || e.RequestID != requestID(77).String() || strings.Contains(e.Message, "fake node") {
		t.Errorf("told %s", body)
	}
	for _, part := range []string{"the fake node panics", requestID(77).String(), "fake_test.go", "PUT /v1/traits/{name}"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log has no %q: %s", part, log.String())
		}
	}
	node.panics = false
	if answer, body := send(t, request(t, "PUT", served.URL+"/v1/traits/CUSTOM_A", nil)); answer.StatusCode != 200 {
		t.Errorf("afterwards: %s", body)
	}
}

// An answer of which a part is out can't become an error any more; it must not
// look whole either.
func TestPanicInTheMiddleCutsTheConnection(t *testing.T) {
	for name, end := range map[string]func() error{
		"panic": func() error { panic("in the middle") },
		"error": func() error { return io.ErrClosedPipe },
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestServer(t, newFakeNode(), Config{})
			s.mux.Handle("GET /half", bound{s, route{method: "GET", path: "/half", serve: func(*call) (answer, error) {
				return answer{stream: func(w io.Writer) error {
					if _, err := w.Write(make([]byte, 1<<20)); err != nil {
						return err
					}
					return end()
				}}, nil
			}}})
			served := httptest.NewServer(s)
			defer served.Close()
			answer, err := http.Get(served.URL + "/half")
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			if _, err := io.ReadAll(answer.Body); err == nil {
				t.Error("half an answer passes for a whole one")
			}
		})
	}
}

// A change that a full queue refuses did not happen, and its caller is told when to
// come again.
func TestBusy(t *testing.T) {
	node := newFakeNode()
	node.fail = &cluster.Error{Code: cluster.CodeBusy, Message: "a queue is full"}
	served := httptest.NewServer(newTestServer(t, node, Config{}))
	defer served.Close()
	answer, body := send(t, request(t, "POST", served.URL+"/v1/providers", strings.NewReader(`{"name":"a"}`)))
	if e := told(t, answer, body); e.Code != wire.CodeBusy || e.Kind != wire.NotApplied ||
		answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") != retryAfterSeconds {
		t.Errorf("status %d, %v, %+v", answer.StatusCode, answer.Header, e)
	}
}

func TestHead(t *testing.T) {
	served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{}))
	defer served.Close()
	for _, path := range []string{"/v1/providers", "/v1/digest", "/healthz"} {
		answer, body := send(t, request(t, "HEAD", served.URL+path, nil))
		if answer.StatusCode != 200 || len(body) != 0 || answer.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, %d bytes, %v", path, answer.StatusCode, len(body), answer.Header)
		}
	}
}

// plant creates a root with n-1 children.
func plant(t *testing.T, node *fakeNode, n int) {
	t.Helper()
	p := tree.Populate{Providers: make([]tree.PopulateProvider, n)}
	for i := range p.Providers {
		p.Providers[i] = tree.PopulateProvider{NewUUID: requestID(uint32(1000 + i)), Name: fmt.Sprintf("p%05d", i)}
		if i > 0 {
			p.Providers[i].Parent = tree.ByName("p00000")
		}
	}
	result, err := node.Propose(t.Context(), fsm.Command{RequestID: requestID(999), Txn: tree.Txn{Ops: []tree.Op{p}}})
	if err != nil || result.Refused != nil {
		t.Fatal(err, result.Refused)
	}
}

// What is streamed is what encoding the wire's struct gives.
func TestStreamIsTheWiresStruct(t *testing.T) {
	node := newFakeNode()
	plant(t, node, 300)
	view := node.machine.View()
	all := []tree.Provider{}
	for p := range view.Tree.Providers(0) {
		all = append(all, p)
	}
	for _, c := range []struct {
		some []tree.Provider
		next string
	}{{nil, ""}, {all[:1], ""}, {all, `7"<`}} {
		want := wire.Providers{State: stateOf(view), Providers: []wire.Provider{}, Next: c.next}
		for _, p := range c.some {
			want.Providers = append(want.Providers, showProvider(p))
		}
		var b bytes.Buffer
		if err := list(stateOf(view), "providers", c.some, showProvider, c.next).stream(&b); err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, string(text), b.String()) {
			t.Errorf("%d providers: got %.2000s\nwant %.2000s", len(c.some), b.String(), text)
		}
	}
}

func TestPagesShowEveryProviderOnce(t *testing.T) {
	node := newFakeNode()
	plant(t, node, 2500)
	served := httptest.NewServer(newTestServer(t, node, Config{}))
	defer served.Close()
	for _, query := range []string{"", "limit=700&", "limit=2500&", "in_tree=p00007&limit=999&", "root=false&"} {
		seen := map[string]bool{}
		after := ""
		for pages := 0; ; pages++ {
			_, body := send(t, request(t, "GET", served.URL+"/v1/providers?"+query+after, nil))
			var page wire.Providers
			if err := json.Unmarshal(body, &page); err != nil || pages > 10 {
				t.Fatalf("page %d: %v", pages, err)
			}
			for _, p := range page.Providers {
				if seen[p.UUID] {
					t.Fatalf("%s twice", p.Name)
				}
				seen[p.UUID] = true
			}
			if page.Next == "" {
				break
			}
			after = "after=" + page.Next
		}
		if len(seen) != 2500 {
			t.Errorf("%q: %d providers", query, len(seen))
		}
	}
}

func TestAnswersWithoutPagesAreBounded(t *testing.T) {
	node := newFakeNode()
	plant(t, node, 21)
	s := newTestServer(t, node, Config{})
	s.treeMax, s.namesMax = 20, 20
	for path, code := range map[string]wire.Code{
		"/v1/providers/p00003/tree":              wire.CodeTooLarge,
		"/v1/providers/p00000/subtree":           wire.CodeTooLarge,
		"/v1/providers/p00003/subtree":           "",
		"/v1/traits":                             wire.CodeTooLarge,
		"/v1/traits?prefix=HW_CPU_X86_AVX512VNN": "",
	} {
		r := httptest.NewRequest("GET", path, nil)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if code == "" {
			if w.Code != 200 {
				t.Errorf("%s: status %d", path, w.Code)
			}
		} else if e := told(t, answerTo(w, r), w.Body.Bytes()); e.Code != code || e.Field == "" {
			t.Errorf("%s: told %s", path, w.Body)
		}
	}
	if treeProvidersMax < 100_000 || namesMax < 100_000 {
		t.Error("the real limits are lower than documented")
	}
}

func TestMembershipReachesTheNode(t *testing.T) {
	node := newFakeNode()
	s := newTestServer(t, node, Config{})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/cluster/members", `{"raft_id": "n3@c", "peer": "127.0.0.1:7003"}`},
		{"POST", "/v1/cluster/members", `{"raft_id": "n4@d", "peer": "127.0.0.1:7004", "nonvoter": true}`},
		{"DELETE", "/v1/cluster/members/n3%40c", ""},
		{"POST", "/v1/cluster/transfer", `{"to": "n2"}`},
		{"POST", "/v1/cluster/transfer", `{}`},
	} {
		r := httptest.NewRequest(c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != 200 {
			t.Errorf("%s %s: %s", c.method, c.path, w.Body)
		}
	}
	want := []string{"add n3@c at 127.0.0.1:7003 as voter", "add n4@d at 127.0.0.1:7004 as nonvoter", "remove n3@c", "transfer to n2", "transfer to "}
	if !reflect.DeepEqual(node.calls, want) {
		t.Errorf("the node was told %q, want %q", node.calls, want)
	}
}

func TestMetrics(t *testing.T) {
	s := newTestServer(t, newFakeNode(), Config{})
	// Not over a connection: a request counts after its answer is out.
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	ask("PUT", "/v1/traits/CUSTOM_A")
	ask("GET", "/v1/providers/nowhere")
	ask("GET", "/nowhere")
	ask("PATCH", "/v1/traits")
	answer := ask("GET", "/metrics")
	body := answer.Body.Bytes()
	if answer.Code != 200 || !strings.HasPrefix(answer.Header().Get("Content-Type"), "text/plain") {
		t.Fatalf("status %d, %v", answer.Code, answer.Header())
	}
	for _, line := range []string{
		`treenode_http_requests_total{code="200",route="PUT /v1/traits/{name}"} 1`,
		`treenode_http_requests_total{code="404",route="GET /v1/providers/{p}"} 1`,
		`treenode_http_requests_total{code="404",route="unmatched"} 1`,
		`treenode_http_requests_total{code="405",route="unmatched"} 1`,
		`treenode_http_request_duration_seconds_count{route="PUT /v1/traits/{name}"} 1`,
		`treenode_errors_total{code="provider_not_found"} 1`,
		`treenode_errors_total{code="not_found"} 1`,
		`treenode_raft_applied_index 1`, `treenode_raft_term 3`, `treenode_raft_is_leader 1`,
		`treenode_providers 0`, `treenode_state_revision 1`, `go_info{version="` + runtime.Version() + `"} 1`,
	} {
		if !strings.Contains(string(body), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Logf("%s", body)
	}
}

// Many callers at once, some with the same request id: each provider is there
// once, and every answer is whole.
func TestConcurrentRequests(t *testing.T) {
	node := newFakeNode()
	served := httptest.NewServer(newTestServer(t, node, Config{}))
	defer served.Close()
	const callers, each = 8, 20
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			for i := range each {
				// Callers of one parity repeat each other's requests.
				r, err := http.NewRequest("POST", served.URL+"/v1/providers", strings.NewReader(fmt.Sprintf(`{"name": "p%d-%d"}`, caller%2, i)))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set(wire.HeaderRequestID, requestID(uint32(5000+1000*(caller%2)+i)).String())
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				var result wire.Result
				err = json.NewDecoder(answer.Body).Decode(&result)
				answer.Body.Close()
				if err != nil || answer.StatusCode != 201 || len(result.Created) != 1 {
					t.Errorf("status %d, %v: %+v", answer.StatusCode, err, result)
				}
				if answer, err = http.Get(served.URL + "/v1/providers"); err != nil {
					t.Error(err)
					return
				}
				var page wire.Providers
				err = json.NewDecoder(answer.Body).Decode(&page)
				answer.Body.Close()
				if err != nil || uint64(len(page.Providers)) != page.Revision {
					t.Errorf("%d providers at revision %d, %v", len(page.Providers), page.Revision, err)
				}
			}
		})
	}
	group.Wait()
	if n := node.machine.View().Tree.NumProviders(); n != 2*each {
		t.Errorf("%d providers, want %d", n, 2*each)
	}
}
