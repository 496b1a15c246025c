package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/api"
	"github.com/treenode/treenode/transport/wire"
)

// fakeCluster is some nodes that share one real state machine in memory: the
// real routes and semantics, without Raft. Faults are set on each node.
type fakeCluster struct {
	mu      sync.Mutex
	machine *fsm.Machine
	index   uint64
	leader  int // which node HeaderLeader names; -1 for none
	nodes   []*fakeNode
	members []string // changes of membership that were executed
}

// fakeNode is the cluster as one endpoint serves it.
type fakeNode struct {
	c       *fakeCluster
	number  int
	url     string
	server  *httptest.Server
	handler http.Handler
	mu      sync.Mutex
	// faults are used up, one with each request; then always, if there is one.
	faults []fault
	always fault
	seen   []seen
}

// fault serves a request in place of the node.
type fault func(n *fakeNode, w http.ResponseWriter, r *http.Request)

// seen is a request that reached a node.
type seen struct{ method, path, query, id, agent string }

// newFakeCluster makes nodes that listen on loopback.
func newFakeCluster(nodes int) *fakeCluster {
	c := newMemoryCluster(nodes)
	for _, n := range c.nodes {
		n.server = httptest.NewServer(n)
		n.url = n.server.URL
	}
	return c
}

// newMemoryCluster makes nodes that are reached through RoundTrip alone, so
// that tests may run on a clock of their own.
func newMemoryCluster(nodes int) *fakeCluster {
	c := &fakeCluster{machine: fsm.New(nil)}
	for i := range nodes {
		n := &fakeNode{c: c, number: i, url: "http://" + nodeID(i) + ":80"}
		n.handler = api.New(n, api.Config{})
		c.nodes = append(c.nodes, n)
	}
	return c
}

// RoundTrip implements http.RoundTripper on the nodes themselves. A handler
// that aborts breaks the connection, as it does in a server.
func (c *fakeCluster) RoundTrip(r *http.Request) (resp *http.Response, err error) {
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GetConn(r.Host)
		trace.GotConn(httptrace.GotConnInfo{})
	}
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	answer := httptest.NewRecorder()
	defer func() {
		caught := recover()
		aborted := caught == http.ErrAbortHandler //nolint:errorlint // a panic's value
		if caught != nil && !aborted {
			panic(caught)
		}
		switch {
		case r.Context().Err() != nil:
			resp, err = nil, r.Context().Err()
		case aborted && answer.Body.Len() == 0:
			resp, err = nil, io.ErrUnexpectedEOF
		default:
			resp = answer.Result()
			if aborted {
				resp.Body = io.NopCloser(io.MultiReader(answer.Body, iotest.ErrReader(io.ErrUnexpectedEOF)))
			}
		}
	}()
	for _, n := range c.nodes {
		if n.url == "http://"+r.URL.Host {
			n.ServeHTTP(answer, served)
			return nil, nil // see above
		}
	}
	return nil, errors.New("no such host")
}

func (c *fakeCluster) close() {
	for _, n := range c.nodes {
		n.server.CloseClientConnections()
		n.server.Close()
	}
}

func (c *fakeCluster) endpoints() []string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, n.url)
	}
	return all
}

// lead makes a node the leader; -1 leaves none.
func (c *fakeCluster) lead(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leader = n
}

// state is what the cluster has now.
func (c *fakeCluster) state() *tree.State { return c.machine.View().Tree }

// ServeHTTP implements http.Handler.
func (n *fakeNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	n.seen = append(n.seen, seen{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header.Get(wire.HeaderRequestID), r.UserAgent()})
	f := n.always
	if len(n.faults) > 0 {
		f, n.faults = n.faults[0], n.faults[1:]
	}
	n.mu.Unlock()
	if f != nil {
		f(n, w, r)
		return
	}
	n.handler.ServeHTTP(w, r)
}

func (n *fakeNode) fail(f ...fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.faults = append(n.faults, f...)
}

func (n *fakeNode) failAlways(f fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.always = f
}

// requests returns what has reached the node since it was asked last.
func (n *fakeNode) requests() []seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.seen
	n.seen = nil
	return all
}

// broken breaks the connection before the request is looked at.
func broken(_ *fakeNode, _ http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }

// lost executes the request and breaks the connection before it is answered.
func lost(n *fakeNode, _ http.ResponseWriter, r *http.Request) {
	n.handler.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// halved breaks the connection in the middle of the answer.
func halved(n *fakeNode, w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	n.handler.ServeHTTP(answer, r)
	b := answer.Body.Bytes()
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, _ = w.Write(b[:len(b)/2])
	panic(http.ErrAbortHandler)
}

// hangs answers only once the client has gone.
func hangs(_ *fakeNode, _ http.ResponseWriter, r *http.Request) {
	buffer := make([]byte, 1<<10)
	for { // the server notices that the client has gone once the body is read
		if _, err := r.Body.Read(buffer); err != nil {
			break
		}
	}
	<-r.Context().Done()
}

// says answers with an error of treenode's.
func says(code wire.Code) fault {
	return func(_ *fakeNode, w http.ResponseWriter, _ *http.Request) {
		e := &wire.Error{Kind: wire.KindOf(code), Code: code, Message: "as the test wants it"}
		writeJSON(w, wire.StatusOf(code), wire.ErrorBody{Error: e})
	}
}

// saysButDoes executes the request and answers with an error all the same.
func saysButDoes(code wire.Code) fault {
	return func(n *fakeNode, w http.ResponseWriter, r *http.Request) {
		n.handler.ServeHTTP(httptest.NewRecorder(), r)
		says(code)(n, w, r)
	}
}

// stranger answers as something that is no treenode.
func stranger(status int, body string) fault {
	return func(_ *fakeNode, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	b, err := encode(body)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// Propose implements api.Node.
func (n *fakeNode) Propose(_ context.Context, command fsm.Command) (fsm.Result, error) {
	c := n.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leader < 0 {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeNoLeader, Message: "no leader is known"}
	}
	b, err := command.Encode()
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeInvalid, Message: "unknown operation", Err: err}
	}
	c.index++
	// Package uuid never goes back in time, but a test's own clock may stand
	// before that of the tests that ran earlier.
	sec, nsec := uuid.UUID(command.RequestID).Time().UnixTime()
	at := max(time.Now().UnixMicro(), time.Unix(sec, nsec).UnixMicro())
	entry := fsm.EncodeBatch(tree.Time(at), [][]byte{b})
	results, err := c.machine.Apply(c.index, entry)
	if err != nil {
		return fsm.Result{}, &cluster.Error{Code: cluster.CodeHalted, Message: "halted", Err: err}
	}
	return results[0], nil
}

// Read implements api.Node.
func (n *fakeNode) Read(ctx context.Context, level cluster.Level, index uint64) (*fsm.View, error) {
	c := n.c
	c.mu.Lock()
	defer c.mu.Unlock()
	view := c.machine.View()
	switch {
	case level == cluster.Linearizable && c.leader < 0:
		return nil, &cluster.Error{Code: cluster.CodeNoLeader, Message: "no leader is known"}
	case level == cluster.Session && index > view.Index:
		return nil, &cluster.Error{Code: cluster.CodeDeadline, Message: "the index did not arrive in time", Err: ctx.Err()}
	}
	return view, nil
}

// Status implements api.Node.
func (n *fakeNode) Status() cluster.Status {
	c := n.c
	c.mu.Lock()
	defer c.mu.Unlock()
	s := cluster.Status{NodeID: nodeID(n.number), ClusterID: "fake", State: "follower", Term: 1, Commit: c.index, Applied: c.index}
	if c.leader >= 0 {
		s.LeaderID = nodeID(c.leader)
		s.LeaderAPI = c.nodes[c.leader].url
	}
	if c.leader == n.number {
		s.State = "leader"
	}
	return s
}

func nodeID(n int) string { return "n" + strconv.Itoa(n) }

// Members implements api.Node.
func (n *fakeNode) Members(context.Context) ([]cluster.Member, error) {
	var all []cluster.Member
	for _, m := range n.c.nodes {
		all = append(all, cluster.Member{NodeID: nodeID(m.number), RaftID: nodeID(m.number) + "-a", API: m.url, Voter: true, Healthy: true})
	}
	return all, nil
}

func (n *fakeNode) member(change string) error {
	n.c.mu.Lock()
	defer n.c.mu.Unlock()
	n.c.members = append(n.c.members, change)
	return nil
}

// AddMember implements api.Node.
func (n *fakeNode) AddMember(_ context.Context, raftID, peer string, voter bool) error {
	return n.member("add " + raftID + " " + peer + " " + strconv.FormatBool(voter))
}

// RemoveMember implements api.Node.
func (n *fakeNode) RemoveMember(_ context.Context, id string) error { return n.member("remove " + id) }

// TransferLeadership implements api.Node.
func (n *fakeNode) TransferLeadership(_ context.Context, to string) error {
	return n.member("transfer " + to)
}

// MakeJoinToken implements api.Node.
func (n *fakeNode) MakeJoinToken(_ context.Context, node string, life time.Duration) (cluster.JoinToken, string, error) {
	return cluster.JoinToken{ID: "0123", Node: node}, "tnj-0123-secret", n.member("token for " + node + ", " + life.String())
}

// RevokeJoinToken implements api.Node.
func (n *fakeNode) RevokeJoinToken(_ context.Context, id string) error {
	return n.member("revoke " + id)
}

// JoinTokens implements api.Node.
func (n *fakeNode) JoinTokens(context.Context) ([]cluster.JoinToken, error) {
	return []cluster.JoinToken{{ID: "0123", Node: "n4", UsedBy: "n4@a"}}, n.member("tokens")
}

// Ready implements api.Node.
func (n *fakeNode) Ready(context.Context) error { return nil }

// Digest implements api.Node.
func (n *fakeNode) Digest(_ context.Context, v *fsm.View) ([32]byte, error) { return v.Digest(), nil }

// start starts a fake cluster and a client of it with short pauses.
func start(t testing.TB, nodes int, opts ...Option) (*fakeCluster, *Client) {
	t.Helper()
	cluster := newFakeCluster(nodes)
	t.Cleanup(cluster.close)
	return cluster, connect(t, cluster.endpoints(), opts...)
}

func connect(t testing.TB, endpoints []string, opts ...Option) *Client {
	t.Helper()
	c, err := New(endpoints, append([]Option{WithBackoff(time.Millisecond, 10*time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// within is a context that ends after d.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// unreachable is an endpoint that nothing listens at.
func unreachable(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// must fails the test on an error.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError checks kind and code.
func wantError(t testing.TB, err error, kind wire.Kind, code wire.Code) *Error {
	t.Helper()
	e, found := errors.AsType[*Error](err)
	if !found {
		t.Fatalf("error %v is not an *Error; want %s (%s)", err, code, kind)
	}
	if e.Kind != kind || e.Code != code {
		t.Fatalf("error %v; want %s (%s)", err, code, kind)
	}
	return e
}

func ids(all []seen) []string {
	var found []string
	for _, s := range all {
		found = append(found, s.id)
	}
	return found
}
