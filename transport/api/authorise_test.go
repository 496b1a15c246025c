package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/wire"
)

// named has identities by token.
type named map[string]auth.Identity

func (n named) Authenticate(r *http.Request) (auth.Identity, error) {
	id, ok := n[r.Header.Get(auth.TokenHeader)]
	if !ok {
		return id, auth.Unauthenticated("no such token", `Keystone uri="https://k"`)
	}
	return id, nil
}

var someone = named{
	"nobody":  {User: "n", Project: "p"},
	"reader":  {User: "r", Project: "p", Roles: []string{"reader"}},
	"watcher": {User: "w", System: true, Roles: []string{"reader"}},
	"service": {User: "nova", Project: "service", Roles: []string{"service"}},
	"admin":   {User: "a", Project: "p", Roles: []string{"admin"}},
	"domain":  {User: "d", Domain: "d", Roles: []string{"admin"}},
}

func TestEveryRouteHasARule(t *testing.T) {
	asked := []string{policy.WriteGenerations} // an operation without a route of its own
	var open []string
	for _, r := range routes() {
		asked = append(asked, r.action)
		switch {
		case r.action == "":
			open = append(open, r.path)
		case !slices.Contains(policy.Actions(), r.action):
			t.Errorf("%s %s asks the rule %q, which is not there", r.method, r.path, r.action)
		}
	}
	if !slices.Equal(open, []string{"/healthz", "/readyz"}) {
		t.Errorf("open to all: %q", open)
	}
	for _, action := range policy.Actions() {
		if strings.HasPrefix(action, "treenode:") && !slices.Contains(asked, action) {
			t.Errorf("no route asks the rule %s", action)
		}
	}
}

// What each may do, of all routes: those without a token or a role nothing at all.
func TestWhoMayDoWhat(t *testing.T) {
	served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{Auth: someone}))
	defer served.Close()
	segment := regexp.MustCompile(`\{\w+\}`)
	for _, r := range routes() {
		may := map[string]bool{
			"admin":   true,
			"service": r.action != policy.WriteCluster && r.action != policy.Backup,
			"watcher": slices.Contains([]string{
				policy.ReadProviders, policy.ReadConsumers, policy.ReadVocabulary, policy.ReadCluster, policy.ReadMetrics, policy.ReadDescription,
			}, r.action),
			"reader": r.action == policy.ReadDescription,
			"nobody": false, "domain": false, "": false, "forged": false,
		}
		for token, allowed := range may {
			q := request(t, r.method, served.URL+segment.ReplaceAllString(r.path, "x"), nil)
			if token != "" {
				q.Header.Set(auth.TokenHeader, token)
			}
			// What the client says of itself counts for nothing.
			q.Header.Set("X-Roles", "admin,service")
			q.Header.Set("X-User-Id", "admin")
			q.Header.Set("X-Identity-Status", "Confirmed")
			q.Header.Set("Openstack-System-Scope", "all")
			answer, body := send(t, q)
			status := answer.StatusCode
			switch _, known := someone[token]; {
			case r.action == "" || allowed:
				if status == http.StatusForbidden || status == http.StatusUnauthorized {
					t.Errorf("%s %s by %q: %d", r.method, r.path, token, status)
				}
			case !known:
				if e := refused(t, body); status != 401 || e.Code != wire.CodeUnauthenticated || e.Kind != wire.Rejected ||
					answer.Header.Get("Www-Authenticate") != `Keystone uri="https://k"` || answer.Header.Get(wire.HeaderLeader) != "" {
					t.Errorf("%s %s by %q: %d %v %v", r.method, r.path, token, status, e, answer.Header)
				}
			default:
				if e := refused(t, body); status != 403 || e.Code != wire.CodeForbidden || !strings.Contains(e.Message, r.action) {
					t.Errorf("%s %s by %q: %d %v", r.method, r.path, token, status, e)
				}
			}
		}
	}
	for token, want := range map[string]int{"": 401, "nobody": 404} {
		q := request(t, "GET", served.URL+"/v1/nowhere", nil)
		q.Header.Set(auth.TokenHeader, token)
		if answer, _ := send(t, q); answer.StatusCode != want {
			t.Errorf("a route that is not there, by %q: %d, want %d", token, answer.StatusCode, want)
		}
	}
}

func TestMetricsForAll(t *testing.T) {
	served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{Auth: someone, MetricsForAll: true}))
	defer served.Close()
	for path, want := range map[string]int{"/metrics": 200, "/v1/cluster": 401} {
		if answer, _ := send(t, request(t, "GET", served.URL+path, nil)); answer.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, answer.StatusCode, want)
		}
	}
}

// A transaction needs what the routes of its operations need.
func TestTransactionAsksForEachOperation(t *testing.T) {
	p, err := policy.New(policy.Secure, []byte(policy.WriteVocabulary+": '!'"))
	if err != nil {
		t.Fatal(err)
	}
	node := newFakeNode()
	served := httptest.NewServer(newTestServer(t, node, Config{Policy: p}))
	defer served.Close()
	for _, c := range []struct {
		ops  string
		want int
	}{
		{`{"create_provider": {"name": "a"}}`, 200},
		{`{"create_provider": {"name": "b"}}, {"create_trait": {"name": "CUSTOM_A"}}`, 403},
		{`{"create_resource_class": {"name": "CUSTOM_A"}}`, 403},
	} {
		answer, body := send(t, request(t, "POST", served.URL+"/v1/txn", strings.NewReader(`{"ops": [`+c.ops+`]}`)))
		if answer.StatusCode != c.want {
			t.Errorf("%s: %d %s", c.ops, answer.StatusCode, body)
		}
		if c.want == 403 && refused(t, body).Op == nil {
			t.Errorf("%s: no operation is named: %s", c.ops, body)
		}
	}
	if n := node.machine.View().Tree.NumProviders(); n != 1 {
		t.Errorf("%d providers", n)
	}
}

// The action of every operation is that of the route that does it alone.
func TestActionOfEveryOperation(t *testing.T) {
	for op, want := range map[*wire.Op]string{
		{CreateProvider: &wire.CreateProvider{}}:          policy.WriteProviders,
		{Populate: &wire.Populate{}}:                      policy.WriteProviders,
		{AddTraits: &wire.ChangeTraits{}}:                 policy.WriteProviders,
		{Claim: &wire.Claim{}}:                            policy.WriteConsumers,
		{Release: &wire.Release{}}:                        policy.WriteConsumers,
		{Reshape: &wire.Reshape{}}:                        policy.Reshape,
		{CreateResourceClass: &wire.ResourceClassName{}}:  policy.WriteVocabulary,
		{RenameResourceClass: &wire.ResourceClassNames{}}: policy.WriteVocabulary,
		{RemoveResourceClass: &wire.ResourceClassName{}}:  policy.WriteVocabulary,
		{CreateTrait: &wire.TraitName{}}:                  policy.WriteVocabulary,
		{RemoveTrait: &wire.TraitName{}}:                  policy.WriteVocabulary,
		{RaiseGenerations: &wire.RaiseGenerations{}}:      policy.WriteGenerations,
	} {
		if got := actionOf(*op); got != want {
			t.Errorf("%+v: %s, want %s", op, got, want)
		}
	}
}

// recording keeps the origins of what is changed.
type recording struct {
	*fakeNode
	origins *[]cluster.Origin
}

func (n recording) note(ctx context.Context) {
	o, _ := cluster.OriginOf(ctx)
	*n.origins = append(*n.origins, o)
}

func (n recording) Propose(ctx context.Context, c fsm.Command) (fsm.Result, error) {
	n.note(ctx)
	return n.fakeNode.Propose(ctx, c)
}

func (n recording) AddMember(ctx context.Context, raftID, peer string, voter bool) error {
	n.note(ctx)
	return n.fakeNode.AddMember(ctx, raftID, peer, voter)
}

func (n recording) RemoveMember(ctx context.Context, id string) error {
	n.note(ctx)
	return n.fakeNode.RemoveMember(ctx, id)
}

func (n recording) TransferLeadership(ctx context.Context, to string) error {
	n.note(ctx)
	return n.fakeNode.TransferLeadership(ctx, to)
}

// Whatever changes something says who asked for it and by which rule.
func TestChangesHaveAnOrigin(t *testing.T) {
	var origins []cluster.Origin
	served := httptest.NewServer(New(recording{newFakeNode(), &origins}, Config{Auth: someone}))
	defer served.Close()
	for i, c := range []struct{ method, path, body, action string }{
		{"POST", "/v1/providers", `{"name": "a"}`, policy.WriteProviders},
		{"PUT", "/v1/traits/CUSTOM_A", "", policy.WriteVocabulary},
		{"POST", "/v1/txn", `{"ops": [{"create_provider": {"name": "b"}}]}`, policy.Transact},
		{"POST", "/v1/cluster/members", `{"raft_id": "n", "peer": "127.0.0.1:1"}`, policy.WriteCluster},
		{"DELETE", "/v1/cluster/members/n", "", policy.WriteCluster},
		{"POST", "/v1/cluster/transfer", "{}", policy.WriteCluster},
	} {
		before := len(origins)
		q := request(t, c.method, served.URL+c.path, strings.NewReader(c.body))
		q.Header.Set(auth.TokenHeader, "admin")
		if !strings.HasPrefix(c.path, "/v1/cluster") {
			q.Header.Set(wire.HeaderRequestID, requestID(uint32(i)).String())
		}
		answer, body := send(t, q)
		if answer.StatusCode >= 300 || len(origins) != before+1 {
			t.Errorf("%s %s: %d %s, %d origins", c.method, c.path, answer.StatusCode, body, len(origins)-before)
			continue
		}
		o := origins[before]
		if o.User != "a" || o.Project != "p" || !slices.Equal(o.Roles, []string{"admin"}) || o.System || o.Action != c.action ||
			o.Request != answer.Header.Get(wire.HeaderRequestID) {
			t.Errorf("%s %s: %+v", c.method, c.path, o)
		}
	}
}

// refused reads an error body of a caller who is told nothing else.
func refused(t *testing.T, body []byte) *wire.Error {
	t.Helper()
	var e wire.ErrorBody
	if err := json.Unmarshal(body, &e); err != nil || e.Error == nil {
		t.Fatalf("no error: %s", body)
	}
	return e.Error
}

type refusing struct{ err *auth.Error }

func (r refusing) Authenticate(*http.Request) (auth.Identity, error) { return auth.Identity{}, r.err }

func TestWhoeverCannotBeKnown(t *testing.T) {
	for _, c := range []struct {
		err        *auth.Error
		code       wire.Code
		kind       wire.Kind
		retryAfter string
	}{
		{&auth.Error{Status: 429, Message: "m", RetryAfter: 1500 * time.Millisecond}, wire.CodeRateLimited, wire.NotApplied, "2"},
		{&auth.Error{Status: 503, Message: "m"}, wire.CodeAuthUnavailable, wire.NotApplied, "1"},
		{&auth.Error{Status: 418, Message: "m"}, wire.CodeInternal, wire.Internal, ""},
	} {
		served := httptest.NewServer(newTestServer(t, newFakeNode(), Config{Auth: refusing{c.err}}))
		answer, body := send(t, request(t, "GET", served.URL+"/v1/providers", nil))
		served.Close()
		if e := refused(t, body); e.Code != c.code || e.Kind != c.kind || answer.Header.Get("Retry-After") != c.retryAfter ||
			answer.StatusCode != wire.StatusOf(c.code) {
			t.Errorf("%+v: %d %+v %v", c.err, answer.StatusCode, e, answer.Header)
		}
	}
}
