package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

func root(name string) wire.CreateProvider { return wire.CreateProvider{Name: name} }

func TestMutationIsRetriedUnderOneID(t *testing.T) {
	for name, faults := range map[string][]fault{
		"answer lost":           {lost},
		"connection broken":     {broken, broken},
		"half an answer":        {halved},
		"outcome unknown":       {says(wire.CodeOutcomeUnknown)},
		"unknown, but done":     {saysButDoes(wire.CodeOutcomeUnknown)},
		"not applied":           {says(wire.CodeNoLeader), says(wire.CodeBusy), says(wire.CodeNotReady)},
		"internal error":        {saysButDoes(wire.CodeInternal)},
		"a proxy's 502":         {stranger(502, "bad gateway")},
		"an answer not of JSON": {stranger(200, "<html>")},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, c := start(t, 1)
			cluster.nodes[0].fail(faults...)
			result, err := c.CreateProvider(t.Context(), root("a"))
			ok(t, err)
			all := ids(cluster.nodes[0].requests())
			if len(all) != len(faults)+1 {
				t.Fatalf("%d requests, want %d", len(all), len(faults)+1)
			}
			if u, err := uuid.Parse(all[0]); err != nil || u.Version() != 7 {
				t.Errorf("request id %q is not a UUID of version 7", all[0])
			}
			for _, id := range all {
				if id != all[0] || id != result.RequestID {
					t.Errorf("request ids %v, result of %s: want the same everywhere", all, result.RequestID)
				}
			}
			if n := cluster.state().NumProviders(); n != 1 {
				t.Errorf("%d providers, want one", n)
			}
		})
	}
}

func TestEveryMutationHasItsOwnID(t *testing.T) {
	cluster, c := start(t, 1)
	for i := range 3 {
		must(c.CreateProvider(t.Context(), root(fmt.Sprint(i))))(t)
	}
	all := ids(cluster.nodes[0].requests())
	slices.Sort(all)
	if len(slices.Compact(all)) != 3 {
		t.Errorf("request ids %v, want three", all)
	}
}

func TestRejectedIsNotRetried(t *testing.T) {
	cluster, c := start(t, 3)
	must(c.CreateProvider(t.Context(), root("a")))(t)
	for _, n := range cluster.nodes {
		n.requests()
	}
	_, err := c.CreateProvider(t.Context(), root("a"))
	e := wantError(t, err, wire.Rejected, wire.CodeDuplicateName)
	if e.Attempts != 1 || e.Status != http.StatusConflict || e.Endpoint == "" || !IsRejected(err) || !e.IsRejected() {
		t.Errorf("error %#v", e)
	}
	var said *wire.Error
	if !errors.As(err, &said) || said.Code != wire.CodeDuplicateName {
		t.Errorf("error %v does not wrap a *wire.Error", err)
	}
	asked := 0
	for _, n := range cluster.nodes {
		asked += len(n.requests())
	}
	if asked != 1 {
		t.Errorf("%d requests, want one", asked)
	}
}

// When the context ends, the error says the worst that can be true.
func TestKindWhenTheContextEnds(t *testing.T) {
	for name, test := range map[string]struct {
		faults  []fault // the last one for ever
		write   wire.Kind
		code    wire.Code
		read    wire.Kind // of a read
		applied bool
	}{
		"no leader":                 {[]fault{says(wire.CodeNoLeader)}, wire.NotApplied, wire.CodeNoLeader, wire.NotApplied, false},
		"busy":                      {[]fault{says(wire.CodeBusy)}, wire.NotApplied, wire.CodeBusy, wire.NotApplied, false},
		"outcome unknown":           {[]fault{says(wire.CodeOutcomeUnknown)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, false},
		"unknown, then no leader":   {[]fault{saysButDoes(wire.CodeOutcomeUnknown), says(wire.CodeNoLeader)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, true},
		"lost, then busy":           {[]fault{lost, says(wire.CodeBusy)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, true},
		"broken":                    {[]fault{broken}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, false},
		"half an answer":            {[]fault{halved}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, true},
		"hangs":                     {[]fault{hangs}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, false},
		"internal":                  {[]fault{says(wire.CodeHalted)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Internal, false},
		"a proxy's 504":             {[]fault{stranger(504, "")}, wire.Unknown, wire.CodeOutcomeUnknown, wire.NotApplied, false},
		"a proxy's 429":             {[]fault{stranger(429, "slow down")}, wire.NotApplied, wire.CodeBusy, wire.NotApplied, false},
		"no treenode":               {[]fault{stranger(404, "not here")}, wire.Rejected, wire.CodeNotFound, wire.Rejected, false},
		"lost, then no treenode":    {[]fault{lost, stranger(404, "")}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Rejected, true},
		"lost, then id expired":     {[]fault{lost, says(wire.CodeRequestIDExpired)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Rejected, true},
		"lost, then malformed":      {[]fault{lost, says(wire.CodeMalformed)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Rejected, true},
		"broken, then conflict":     {[]fault{broken, says(wire.CodeConflict)}, wire.Rejected, wire.CodeConflict, wire.Rejected, false},
		"expired at once":           {[]fault{says(wire.CodeRequestIDExpired)}, wire.Rejected, wire.CodeRequestIDExpired, wire.Rejected, false},
		"an error of a new kind":    {[]fault{stranger(500, `{"error":{"kind":"novel","code":"x","message":"m"}}`)}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Internal, false},
		"an answer that is no JSON": {[]fault{stranger(200, "hello")}, wire.Unknown, wire.CodeOutcomeUnknown, wire.Internal, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { endsAs(t, test.faults, test.write, test.code, test.read, test.applied) })
		})
	}
}

// endsAs makes a write and a read that meet the faults until their context
// ends. The clock is the bubble's: attempts take no time, so that the end
// always falls into a pause or a hanging attempt.
func endsAs(t *testing.T, faults []fault, write wire.Kind, code wire.Code, read wire.Kind, applied bool) {
	cluster := newMemoryCluster(1)
	c := connect(t, cluster.endpoints(), WithTimeout(time.Second), WithHTTPClient(&http.Client{Transport: cluster}))
	n := cluster.nodes[0]
	n.fail(faults[:len(faults)-1]...)
	n.failAlways(faults[len(faults)-1])
	_, err := c.CreateProvider(t.Context(), root("a"))
	e := wantError(t, err, write, code)
	all := ids(n.requests())
	if e.Kind != wire.Rejected && e.RequestID != all[0] {
		t.Errorf("error %v has request id %q; %q was sent", err, e.RequestID, all[0])
	}
	if e.Attempts != len(all) {
		t.Errorf("%d attempts told, %d seen", e.Attempts, len(all))
	}
	if e.Kind == wire.NotApplied && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v does not wrap the context's", err)
	}
	if got := cluster.state().NumProviders() == 1; got != applied {
		t.Errorf("applied: %v, want %v", got, applied)
	}
	if e.Kind == wire.Unknown { // and the id does settle it
		n.failAlways(nil)
		result := must(c.CreateProvider(WithRequestID(t.Context(), e.RequestID), root("a")))(t)
		if result.Replayed != applied || cluster.state().NumProviders() != 1 {
			t.Errorf("result %+v, %d providers", result, cluster.state().NumProviders())
		}
	}

	n.fail(faults[:len(faults)-1]...)
	n.failAlways(faults[len(faults)-1])
	if _, err = c.Provider(t.Context(), "a"); KindOf(err) != read {
		t.Errorf("read: %v, want kind %s", err, read)
	}
}

func TestNothingWasSent(t *testing.T) {
	given, giveUp := context.WithCancel(t.Context())
	var dials atomic.Int32
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		if dials.Add(1) == 4 {
			giveUp()
		}
		return nil, errors.New("connection refused")
	}}
	c := connect(t, []string{"a:1", "b:1"}, WithHTTPClient(&http.Client{Transport: transport}))
	_, err := c.CreateProvider(given, root("a"))
	e := wantError(t, err, wire.NotApplied, wire.CodeNotReady)
	if e.Attempts != 4 || !IsNotApplied(err) || e.RequestID == "" {
		t.Errorf("error %v after %d attempts, want 4", err, e.Attempts)
	}

	cluster, c := start(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.CreateProvider(ctx, root("a"))
	wantError(t, err, wire.NotApplied, wire.CodeDeadline)
	if !errors.Is(err, context.Canceled) || len(cluster.nodes[0].requests()) != 0 {
		t.Errorf("error %v, want one that wraps context.Canceled, and no request", err)
	}
}

// A transport that does not say whether it connected may have sent anything.
func TestUntracedTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no luck") })
		c := connect(t, []string{"a:1"}, WithHTTPClient(&http.Client{Transport: fails}))
		_, err := c.CreateProvider(t.Context(), root("a"))
		wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestFailover(t *testing.T) {
	for name, down := range map[string]func(*fakeNode){
		"gone":        func(n *fakeNode) { n.server.CloseClientConnections(); n.server.Close() },
		"broken":      func(n *fakeNode) { n.failAlways(broken) },
		"no leader":   func(n *fakeNode) { n.failAlways(says(wire.CodeNoLeader)) },
		"halted":      func(n *fakeNode) { n.failAlways(says(wire.CodeHalted)) },
		"hangs":       func(n *fakeNode) { n.failAlways(hangs) },
		"no treenode": func(n *fakeNode) { n.failAlways(stranger(404, "")) },
	} {
		t.Run(name, func(t *testing.T) {
			cluster, c := start(t, 3, WithAttemptTimeout(500*time.Millisecond))
			must(c.CreateProvider(t.Context(), root("a")))(t)
			down(cluster.nodes[0])
			cluster.lead(1)
			must(c.Provider(t.Context(), "a"))(t)
			must(c.CreateProvider(t.Context(), root("b")))(t)
			if got := c.Endpoints()[0]; got != cluster.nodes[1].url {
				t.Errorf("%s is preferred, want the leader %s", got, cluster.nodes[1].url)
			}
			cluster.nodes[0].requests()
			for range 5 {
				must(c.Provider(t.Context(), "b"))(t)
			}
			if n := len(cluster.nodes[0].requests()); n != 0 {
				t.Errorf("the node that is down was asked %d times more", n)
			}
		})
	}
}

func TestPrefersTheLeader(t *testing.T) {
	cluster, c := start(t, 3)
	for leader := range 3 {
		cluster.lead(leader)
		must(c.CreateProvider(t.Context(), root(fmt.Sprint("p", leader))))(t)
		for _, n := range cluster.nodes {
			n.requests()
		}
		for range 3 {
			must(c.Provider(t.Context(), "p0"))(t)
		}
		if n := len(cluster.nodes[leader].requests()); n != 3 {
			t.Errorf("the leader got %d of 3 requests", n)
		}
	}
}

// A leader that was not configured is found through one that was.
func TestDiscoversTheLeader(t *testing.T) {
	cluster, _ := start(t, 2)
	cluster.lead(1)
	c := connect(t, cluster.endpoints()[:1])
	must(c.CreateProvider(t.Context(), root("a")))(t)
	must(c.Provider(t.Context(), "a"))(t)
	if n := len(cluster.nodes[1].requests()); n != 1 {
		t.Errorf("the leader got %d requests, want the second", n)
	}
}

// Where the leader's URL can't be reached from here, what works goes on.
func TestUnreachableLeader(t *testing.T) {
	cluster, c := start(t, 1)
	gone := newFakeCluster(1)
	gone.close()
	cluster.nodes = append(cluster.nodes, gone.nodes[0])
	cluster.lead(1)
	for i := range 5 {
		must(c.CreateProvider(t.Context(), root(fmt.Sprint(i))))(t)
	}
	if n := len(cluster.nodes[0].requests()); n != 5 {
		t.Errorf("%d requests at the node that works, want 5", n)
	}
	if got := c.Endpoints()[0]; got != cluster.nodes[0].url {
		t.Errorf("%s is preferred", got)
	}
}

func TestLeaderOfAnotherScheme(t *testing.T) {
	s := newEndpoints([]string{"https://a:1"})
	for _, leader := range []string{"http://b:1", "ftp://b", "https://user:secret@b", "nonsense", "https://"} {
		if next := s.answered(s.current, leader, time.Now()); next != nil {
			t.Errorf("leader %q is taken as %q", leader, next.url)
		}
	}
	if next := s.answered(s.current, "https://B:1/", time.Now()); next == nil || next.url != "https://b:1" {
		t.Errorf("leader is not taken: %v", next)
	}
}

func TestDiscoveryIsBounded(t *testing.T) {
	s := newEndpoints([]string{"http://a:1", "http://b:1", "http://a:1"})
	for i := range 100 {
		s.answered(s.all[0], fmt.Sprintf("http://leader%d:1", i), time.Now())
	}
	if n := s.len(); n != 2+discoveredMax {
		t.Errorf("%d endpoints, want %d", n, 2+discoveredMax)
	}
	all := s.urls()
	if all[0] != "http://leader99:1" || !slices.Contains(all, "http://a:1") || !slices.Contains(all, "http://b:1") {
		t.Errorf("endpoints %v", all)
	}
}

// An endpoint rests the longer the more often it fails, and is asked first
// again when it has rested.
func TestRest(t *testing.T) {
	now := time.Now()
	s := newEndpoints([]string{"http://a:1", "http://b:1"})
	a, b := s.all[0], s.all[1]
	for i := range 10 {
		s.failed(a, now)
		want := min(restLeast<<i, restMost)
		if got := a.restUntil.Sub(now); got != want {
			t.Errorf("rest %d is %v, want %v", i, got, want)
		}
	}
	if got := s.pick(map[*endpoint]bool{}, now); got != b {
		t.Errorf("picked %s", got.url)
	}
	if got := s.pick(map[*endpoint]bool{b: true}, now); got != a {
		t.Error("what rests must still be asked where nothing else is left")
	}
	if got := s.pick(map[*endpoint]bool{}, now.Add(restMost)); got != a {
		t.Errorf("picked %s", got.url)
	}
	s.answered(a, "", now)
	s.failed(a, now)
	if got := a.restUntil.Sub(now); got != restLeast {
		t.Errorf("rest after an answer is %v, want %v", got, restLeast)
	}
}

// The pauses double up to the most, and at most half of each is taken off.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		busy := roundTripper(func(*http.Request) (*http.Response, error) {
			at = append(at, time.Now())
			return nil, errors.New("no luck")
		})
		c, err := New([]string{"a:1"}, WithHTTPClient(&http.Client{Transport: busy}), WithBackoff(100*time.Millisecond, time.Second), WithTimeout(10*time.Second))
		ok(t, err)
		_, err = c.Provider(t.Context(), "x")
		wantError(t, err, wire.NotApplied, wire.CodeNotReady)
		if len(at) < 10 {
			t.Fatalf("%d attempts in 10 s", len(at))
		}
		for i := range len(at) - 1 {
			most := min(100*time.Millisecond<<i, time.Second)
			if pause := at[i+1].Sub(at[i]); pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, want %v to %v", i, pause, most/2, most)
			}
		}
	})
}

func TestDefaultTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fails := roundTripper(func(*http.Request) (*http.Response, error) { return nil, errors.New("no luck") })
		c, err := New([]string{"a:1"}, WithHTTPClient(&http.Client{Transport: fails}))
		ok(t, err)
		began := time.Now()
		_, err = c.Provider(t.Context(), "x")
		if waited := time.Since(began); waited != 30*time.Second || !IsNotApplied(err) {
			t.Errorf("%v after %v, want 30 s", err, waited)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began = time.Now()
		_, _ = c.Provider(ctx, "x")
		if waited := time.Since(began); waited != time.Minute {
			t.Errorf("%v, want the context's deadline", waited)
		}
	})
}

// An endpoint that rests is not asked first by the next call, but a caller who
// gives up is no reason for it to rest.
func TestCancelDoesNotBlameTheEndpoint(t *testing.T) {
	cluster, c := start(t, 2)
	entered := make(chan struct{})
	cluster.nodes[0].fail(func(n *fakeNode, w http.ResponseWriter, r *http.Request) {
		close(entered)
		hangs(n, w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := c.CreateProvider(ctx, root("a"))
		done <- err
	}()
	<-entered
	cancel()
	wantError(t, <-done, wire.Unknown, wire.CodeOutcomeUnknown)
	cluster.nodes[0].requests()
	must(c.Cluster(t.Context()))(t)
	if n := len(cluster.nodes[0].requests()); n != 1 {
		t.Error("the endpoint was not asked next")
	}
}

// Nothing of an answer that could not be read gets into the one that could.
func TestAnswersAreNotMixed(t *testing.T) {
	cluster, c := start(t, 1)
	must(c.CreateProvider(t.Context(), root("a")))(t)
	cluster.nodes[0].fail(stranger(200, `{"created":["x"],"replayed":true,"index":"no number"}`))
	if result := must(c.RenameProvider(t.Context(), "a", "b"))(t); result.Created != nil || result.Replayed {
		t.Errorf("result %+v", result)
	}
}

// An answer may take as long as it likes while more of it keeps coming.
func TestSlowAnswer(t *testing.T) {
	for pause, attempts := range map[time.Duration]int{time.Second: 1, 3 * time.Second: 2} {
		synctest.Test(t, func(t *testing.T) {
			cluster := newMemoryCluster(1)
			asked := 0
			slowly := roundTripper(func(r *http.Request) (*http.Response, error) {
				resp, err := cluster.RoundTrip(r)
				if asked++; asked == 1 && err == nil {
					resp.Body = io.NopCloser(slowReader{r.Context(), resp.Body, pause})
				}
				return resp, err
			})
			c := connect(t, cluster.endpoints(), WithHTTPClient(&http.Client{Transport: slowly}), WithAttemptTimeout(2*time.Second))
			must(c.CreateProvider(t.Context(), root("a")))(t)
			if asked != attempts {
				t.Errorf("%d attempts at %v a byte, want %d", asked, pause, attempts)
			}
		})
	}
}

// slowReader gives a few bytes after each pause.
type slowReader struct {
	ctx   context.Context
	r     io.Reader
	pause time.Duration
}

func (s slowReader) Read(b []byte) (int, error) {
	if !pause(s.ctx, s.pause) {
		return 0, s.ctx.Err()
	}
	return s.r.Read(b[:min(len(b), 16)])
}

func TestAnswerTooLarge(t *testing.T) {
	huge := func(_ *fakeNode, w http.ResponseWriter, _ *http.Request) {
		piece := []byte(strings.Repeat(" ", 1<<20))
		for range answerBytesMax>>20 + 1 {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
	cluster, c := start(t, 1)
	cluster.nodes[0].failAlways(huge)
	_, err := c.Provider(t.Context(), "a")
	wantError(t, err, wire.Rejected, wire.CodeTooLarge)
	_, err = c.CreateProvider(t.Context(), root("a"))
	wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
}

func TestMembersAreNotChangedTwice(t *testing.T) {
	cluster, c := start(t, 1)
	n := cluster.nodes[0]
	n.fail(says(wire.CodeNoLeader))
	ok(t, c.AddMember(t.Context(), wire.AddMember{RaftID: "n1-a", Peer: "127.0.0.1:1"}))
	n.fail(lost)
	e := wantError(t, c.RemoveMember(t.Context(), "n1"), wire.Unknown, wire.CodeOutcomeUnknown)
	if e.RequestID != "" || e.Attempts != 1 {
		t.Errorf("request id %q, %d attempts: want none, and one", e.RequestID, e.Attempts)
	}
	ok(t, c.TransferLeadership(t.Context(), ""))
	want := []string{"add n1-a 127.0.0.1:1 true", "remove n1", "transfer "}
	if !slices.Equal(cluster.members, want) {
		t.Errorf("changes %q, want %q", cluster.members, want)
	}
}

func TestConcurrentCallers(t *testing.T) {
	cluster, c := start(t, 3)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			cluster.lead(i % 3)
			if i%8 == 0 {
				cluster.nodes[i%3].fail(lost, broken, says(wire.CodeNoLeader))
			}
			if _, err := c.CreateProvider(t.Context(), root(fmt.Sprint("p", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := cluster.state().NumProviders(); n != 64 {
		t.Errorf("%d providers, want 64", n)
	}
	ok(t, cluster.state().Check())
}
