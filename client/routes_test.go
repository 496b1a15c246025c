package client

import (
	"context"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/transport/wire"
)

const (
	aggregate = "0a3e3a52-0000-4000-8000-000000000001"
	consumer  = "0a3e3a52-0000-4000-8000-0000000000c1"
	consumer2 = "0a3e3a52-0000-4000-8000-0000000000c2"
)

func vcpu(total int64) map[string]wire.Inventory {
	return map[string]wire.Inventory{"VCPU": {Total: total}}
}

// Every route once, against the server's own handlers.
func TestRoutes(t *testing.T) {
	cluster, c := start(t, 1)
	ctx := t.Context()
	device := map[string][]wire.Device{"CUSTOM_GPU": {{Identifier: "0000:01", Metadata: "m"}}}

	created := must(c.CreateProvider(ctx, root("host")))(t)
	must(c.CreateProvider(ctx, wire.CreateProvider{Name: "numa0", Parent: "host"}))(t)
	must(c.CreateProvider(ctx, wire.CreateProvider{Name: "numa1", Parent: created.Created[0]}))(t)
	must(c.CreateProvider(ctx, root("shelf")))(t)

	must(c.CreateResourceClass(ctx, "CUSTOM_GPU"))(t)
	must(c.CreateTrait(ctx, "CUSTOM_FAST"))(t)
	must(c.CreateTrait(ctx, "CUSTOM_FAST"))(t)
	if all := must(c.ResourceClasses(ctx))(t); !slices.Contains(all, "VCPU") || !slices.Contains(all, "CUSTOM_GPU") {
		t.Errorf("resource classes %v", all)
	}
	if all := must(c.Traits(ctx))(t); !slices.Contains(all, "CUSTOM_FAST") {
		t.Errorf("traits %v", all)
	}

	host := must(c.Provider(ctx, "host"))(t)
	if host.UUID != created.Created[0] || host.Name != "host" {
		t.Errorf("provider %+v", host)
	}
	if p := must(c.Provider(ctx, host.UUID))(t); p.Name != "host" {
		t.Errorf("provider %+v", p)
	}

	must(c.SetInventories(ctx, "numa0", vcpu(8)))(t)
	must(c.PutInventories(ctx, "numa0", map[string]wire.Inventory{"MEMORY_MB": {Total: 64}, "DISK_GB": {Total: 5}, "CUSTOM_GPU": {Total: 1}}))(t)
	must(c.RemoveInventories(ctx, "numa0", []string{"DISK_GB"}))(t)
	inventories := must(c.ProviderInventories(ctx, "numa0"))(t)
	if len(inventories.Inventories) != 3 || inventories.Inventories["VCPU"].Capacity != 8 {
		t.Errorf("inventories %+v", inventories)
	}
	must(c.RemoveInventories(ctx, "numa0", []string{"MEMORY_MB", "CUSTOM_GPU"}, IfGeneration(inventories.Generation)))(t)
	_, err := c.PutInventories(ctx, "numa0", vcpu(9), IfGeneration(inventories.Generation))
	if e := wantError(t, err, wire.Rejected, wire.CodeConflict); len(e.Conflicts) != 1 {
		t.Errorf("conflicts %v", e.Conflicts)
	}
	must(c.SetInventories(ctx, "numa1", vcpu(8)))(t)
	_, err = c.RemoveAllInventories(ctx, "numa1", IfGeneration(77))
	wantError(t, err, wire.Rejected, wire.CodeConflict)
	must(c.RemoveAllInventories(ctx, "numa1"))(t)

	must(c.SetTraits(ctx, "numa0", []string{"HW_CPU_X86_AVX", "CUSTOM_FAST"}))(t)
	must(c.AddTraits(ctx, "numa0", []string{"MISC_SHARES_VIA_AGGREGATE"}))(t)
	must(c.RemoveTraits(ctx, "numa0", []string{"HW_CPU_X86_AVX"}))(t)
	if got := must(c.ProviderTraits(ctx, "numa0"))(t); !slices.Equal(sortedSet(got.Traits), []string{"CUSTOM_FAST", "MISC_SHARES_VIA_AGGREGATE"}) {
		t.Errorf("traits %v", got)
	}
	must(c.RemoveTraits(ctx, "numa0", nil))(t)
	if got := must(c.ProviderTraits(ctx, "numa0"))(t); len(got.Traits) != 2 {
		t.Errorf("removing no trait left %v", got)
	}

	must(c.SetAggregates(ctx, "shelf", []string{aggregate}))(t)
	must(c.AddAggregates(ctx, "shelf", []string{consumer}))(t)
	must(c.RemoveAggregates(ctx, "shelf", []string{consumer}))(t)
	if got := must(c.ProviderAggregates(ctx, "shelf"))(t); !slices.Equal(got.Aggregates, []string{aggregate}) {
		t.Errorf("aggregates %v", got)
	}

	must(c.SetResources(ctx, "shelf", device))(t)
	must(c.AddResources(ctx, "shelf", map[string][]wire.Device{"CUSTOM_GPU": {{Identifier: "0000:02"}}}))(t)
	must(c.RemoveResources(ctx, "shelf", device))(t)
	if got := must(c.ProviderResources(ctx, "shelf"))(t); len(got.Resources["CUSTOM_GPU"]) != 1 || got.Resources["CUSTOM_GPU"][0].Identifier != "0000:02" {
		t.Errorf("resources %v", got)
	}

	changed := must(c.Changed(ctx, "numa0", wire.ChangedQuery{Inventories: vcpu(8), Traits: []string{}}))(t)
	if changed.Inventories == nil || *changed.Inventories || changed.Traits == nil || !*changed.Traits || changed.Resources != nil {
		t.Errorf("changed %+v", changed)
	}
	if sharing := must(c.HasSharingProvider(ctx, "numa1", "VCPU"))(t); !sharing {
		t.Error("no sharing provider")
	}

	must(c.Claim(ctx, wire.ConsumerClaim{UUID: consumer, Allocations: []wire.Allocation{{Provider: "numa0", Resources: map[string]int64{"VCPU": 2}}}}))(t)
	must(c.PutConsumer(ctx, consumer2, wire.PutConsumer{Generation: wire.Null[uint64](), Allocations: []wire.Allocation{{Provider: "numa0", Resources: map[string]int64{"VCPU": 1}}}}))(t)
	if got := must(c.Consumer(ctx, consumer))(t); got.Generation != 1 || got.Allocations[0].Resources["VCPU"] != 2 {
		t.Errorf("consumer %+v", got)
	}
	for name, all := range map[string]func(func(wire.Consumer, error) bool){
		"allocations": c.Allocations(ctx, "numa0"), "consumers": c.Consumers(ctx),
	} {
		var uuids []string
		for got, err := range all {
			ok(t, err)
			uuids = append(uuids, got.UUID)
		}
		if !slices.Equal(uuids, []string{consumer, consumer2}) {
			t.Errorf("%s %v", name, uuids)
		}
	}
	must(c.DeleteConsumer(ctx, consumer2))(t)
	must(c.Reshape(ctx, wire.Reshape{
		Inventories: map[string]map[string]wire.Inventory{"numa0": nil, "numa1": vcpu(8)},
		Consumers:   []wire.ConsumerClaim{{UUID: consumer, Allocations: []wire.Allocation{{Provider: "numa1", Resources: map[string]int64{"VCPU": 2}}}}},
	}))(t)
	must(c.Release(ctx, consumer))(t)
	_, err = c.Consumer(ctx, consumer)
	wantError(t, err, wire.Rejected, wire.CodeConsumerNotFound)
	must(c.Claim(ctx, wire.ConsumerClaim{UUID: consumer, Allocations: []wire.Allocation{{Provider: "numa1", Resources: map[string]int64{"VCPU": 2}}}}))(t)
	must(c.Claim(ctx, wire.ConsumerClaim{UUID: consumer}))(t) // no allocations: released

	must(c.Populate(ctx, wire.PopulateProvider{Name: "rack"}, wire.PopulateProvider{Name: "blade", Parent: "rack", Inventories: vcpu(4)}))(t)
	must(c.RenameProvider(ctx, "blade", "blade/1"))(t)
	must(c.MoveProvider(ctx, "blade/1", ""))(t)
	must(c.MoveProvider(ctx, "blade/1", "host"))(t)
	name := ".."
	must(c.UpdateProvider(ctx, "blade/1", wire.PatchProvider{Name: &name, Parent: wire.Value("rack")}))(t)
	if p := must(c.Provider(ctx, ".."))(t); p.Root != must(c.Provider(ctx, "rack"))(t).UUID {
		t.Errorf("provider %+v", p)
	}

	var names []string
	for _, p := range must(c.Tree(ctx, "numa1"))(t).Providers {
		names = append(names, p.Name)
	}
	if !slices.Equal(names, []string{"host", "numa0", "numa1"}) {
		t.Errorf("tree %v", names)
	}
	if got := must(c.Subtree(ctx, "numa1"))(t); len(got.Providers) != 1 {
		t.Errorf("subtree %v", got)
	}
	must(c.RemoveProvider(ctx, ".."))(t)
	must(c.RemoveSubtree(ctx, "host"))(t)
	must(c.RemoveTrait(ctx, "CUSTOM_FAST"))(t)
	_, err = c.RemoveResourceClass(ctx, "CUSTOM_GPU")
	wantError(t, err, wire.Rejected, wire.CodeClassInUse)

	digest := must(c.Digest(ctx))(t)
	if digest.Providers != 2 || len(digest.Digest) != 64 {
		t.Errorf("digest %+v", digest)
	}
	if got := must(c.Cluster(ctx))(t); got.NodeID != "n0" || len(got.Members) != 0 {
		t.Errorf("cluster %+v", got)
	}
	if got := must(c.Members(ctx))(t); len(got.Members) != 1 {
		t.Errorf("members %+v", got)
	}
	ok(t, cluster.state().Check())
}

func TestPages(t *testing.T) {
	cluster, c := start(t, 1)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		must(c.CreateProvider(t.Context(), root(name)))(t)
	}
	must(c.CreateProvider(t.Context(), wire.CreateProvider{Name: "f", Parent: "a"}))(t)
	must(c.AddTraits(t.Context(), "b", []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"}))(t)
	must(c.SetAggregates(t.Context(), "b", []string{aggregate}))(t)
	must(c.SetInventories(t.Context(), "b", vcpu(1)))(t)
	b := must(c.Provider(t.Context(), "b"))(t)

	list := func(filter ProviderFilter) string {
		var names []string
		for p, err := range c.Providers(t.Context(), filter) {
			ok(t, err)
			names = append(names, p.Name)
		}
		return strings.Join(names, " ")
	}
	for _, test := range []struct {
		filter ProviderFilter
		want   string
	}{
		{ProviderFilter{}, "a b c d e f"},
		{ProviderFilter{Name: "b"}, "b"},
		{ProviderFilter{UUID: b.UUID}, "b"},
		{ProviderFilter{Root: true}, "a b c d e"},
		{ProviderFilter{InTree: "f"}, "a f"},
		{ProviderFilter{Traits: []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2"}}, "b"},
		{ProviderFilter{ResourceClass: "VCPU", MemberOf: aggregate}, "b"},
	} {
		if got := list(test.filter); got != test.want {
			t.Errorf("%+v: %q, want %q", test.filter, got, test.want)
		}
	}

	// Pages of two, by a server that gives no more.
	short := func(n *fakeNode, w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		q.Set("limit", "2")
		r.URL.RawQuery = q.Encode()
		n.handler.ServeHTTP(w, r)
	}
	cluster.nodes[0].failAlways(short)
	cluster.nodes[0].requests()
	if got := list(ProviderFilter{}); got != "a b c d e f" {
		t.Errorf("pages give %q", got)
	}
	if n := len(cluster.nodes[0].requests()); n != 3 {
		t.Errorf("%d requests for six providers in pages of two", n)
	}
	for range c.Roots(t.Context()) {
		break
	}
	if n := len(cluster.nodes[0].requests()); n != 1 {
		t.Errorf("%d requests, although the first page was enough", n)
	}

	cluster.nodes[0].fail(short, says(wire.CodeMalformed))
	var last error
	count := 0
	for _, err := range c.Roots(t.Context()) {
		count, last = count+1, err
	}
	if count != 3 || !IsRejected(last) {
		t.Errorf("%d elements, the last with %v: want two and an error", count, last)
	}
	cluster.nodes[0].failAlways(nil)
	page := must(c.ProvidersPage(t.Context(), ProviderFilter{}, 4, ""))(t)
	rest := must(c.ProvidersPage(t.Context(), ProviderFilter{}, 4, page.Next))(t)
	if len(page.Providers) != 4 || len(rest.Providers) != 2 || rest.Next != "" {
		t.Errorf("pages %d and %d", len(page.Providers), len(rest.Providers))
	}
	_, err := c.ProvidersPage(t.Context(), ProviderFilter{}, -1, "")
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
	_, err = c.RootsPage(t.Context(), -1, "")
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
	_, err = c.ConsumersPage(t.Context(), -1, "")
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
	_, err = c.AllocationsPage(t.Context(), "a", -1, "")
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
}

func TestConsistency(t *testing.T) {
	cluster, c := start(t, 1)
	n := cluster.nodes[0]
	query := func(ctx context.Context, c *Client) string {
		t.Helper()
		must(c.ResourceClasses(ctx))(t)
		all := n.requests()
		return all[len(all)-1].query
	}
	if got := query(t.Context(), c); got != "consistency=linearizable" {
		t.Errorf("default: %q", got)
	}
	session := WithConsistency(t.Context(), wire.Session)
	if got := query(session, c); got != "consistency=session&index=0" {
		t.Errorf("session before anything was seen: %q", got)
	}
	must(c.CreateProvider(t.Context(), root("a")))(t) // index 1
	if got := query(session, c); got != "consistency=session&index=1" || c.Index() != 1 {
		t.Errorf("session after a write: %q, index %d", got, c.Index())
	}
	other := connect(t, cluster.endpoints(), WithDefaultConsistency(wire.Session))
	must(other.CreateProvider(t.Context(), root("b")))(t) // index 2
	if got := query(WithConsistency(t.Context(), wire.Stale), c); got != "consistency=stale" || c.Index() != 2 {
		t.Errorf("stale: %q, index %d", got, c.Index())
	}
	if got := query(session, c); got != "consistency=session&index=2" {
		t.Errorf("session after a read that showed 2: %q", got)
	}
	if got := query(t.Context(), other); got != "consistency=session&index=2" {
		t.Errorf("session by default: %q", got)
	}
	must(c.CreateProvider(t.Context(), root("c")))(t) // index 3
	if got := query(WithMinIndex(t.Context(), 3), other); got != "consistency=session&index=3" {
		t.Errorf("session from another client's index: %q", got)
	}
	_, err := c.CreateProvider(t.Context(), root("c"))
	wantError(t, err, wire.Rejected, wire.CodeDuplicateName)
	if c.Index() != 4 {
		t.Errorf("index %d after a refusal at 4", c.Index())
	}
	ctx := WithMinIndex(WithConsistency(within(t, 50*time.Millisecond), wire.Session), 99)
	_, err = c.Provider(ctx, "a")
	wantError(t, err, wire.NotApplied, wire.CodeDeadline)
	_, err = c.Provider(WithConsistency(t.Context(), "eventual"), "a")
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
}

func TestWithEndpoint(t *testing.T) {
	cluster, c := start(t, 3)
	for i, n := range cluster.nodes {
		ctx := WithEndpoint(t.Context(), strings.TrimPrefix(n.url, "http://"))
		if got := must(c.Cluster(ctx))(t); got.NodeID != nodeID(i) {
			t.Errorf("node %s answered for n%d", got.NodeID, i)
		}
	}
	_, err := c.Digest(WithEndpoint(within(t, 20*time.Millisecond), unreachable(t)))
	if !IsNotApplied(err) {
		t.Errorf("error %v from where nobody listens", err)
	}
	_, err = c.Digest(WithEndpoint(t.Context(), "no endpoint"))
	wantError(t, err, wire.Rejected, wire.CodeInvalid)
}

func TestWithRequestID(t *testing.T) {
	cluster, c := start(t, 1)
	id := must(NewRequestID())(t)
	ctx := WithRequestID(t.Context(), strings.ToUpper(id))
	first := must(c.CreateProvider(ctx, root("a")))(t)
	again := must(c.CreateProvider(ctx, root("a")))(t)
	if first.RequestID != id || first.Replayed || !again.Replayed || again.Index != first.Index {
		t.Errorf("%+v, then %+v", first, again)
	}
	_, err := c.CreateProvider(ctx, root("b"))
	wantError(t, err, wire.Rejected, wire.CodeRequestIDReused)
	cluster.nodes[0].requests()
	_, err = c.CreateProvider(WithRequestID(t.Context(), consumer), root("b"))
	if e := wantError(t, err, wire.Rejected, wire.CodeInvalid); e.Field != "request_id" || len(cluster.nodes[0].requests()) != 0 {
		t.Errorf("field %q", e.Field)
	}
	// Whether an id that was used before is gone for good is for nobody to know.
	cluster.nodes[0].fail(says(wire.CodeRequestIDExpired))
	_, err = c.CreateProvider(ctx, root("a"))
	wantError(t, err, wire.Unknown, wire.CodeOutcomeUnknown)
}

func TestOptions(t *testing.T) {
	for name, test := range map[string]struct {
		endpoints []string
		opts      []Option
		field     string
	}{
		"no endpoint":         {nil, nil, "endpoints"},
		"no port":             {[]string{"a:1", "b"}, nil, "endpoints[1]"},
		"scheme":              {[]string{"ftp://a:1"}, nil, "endpoints[0]"},
		"password":            {[]string{"http://u:secret@a:1"}, nil, "endpoints[0]"},
		"password, no URL":    {[]string{"u:secret@a"}, nil, "endpoints[0]"},
		"query":               {[]string{"http://a:1?x=1"}, nil, "endpoints[0]"},
		"no host":             {[]string{"http://:80"}, nil, "endpoints[0]"},
		"backoff":             {[]string{"a:1"}, []Option{WithBackoff(2, 1)}, "backoff"},
		"timeout":             {[]string{"a:1"}, []Option{WithTimeout(-1)}, "timeout"},
		"attempt timeout":     {[]string{"a:1"}, []Option{WithAttemptTimeout(0)}, "attempt_timeout"},
		"consistency":         {[]string{"a:1"}, []Option{WithDefaultConsistency("x")}, "consistency"},
		"nil TLS":             {[]string{"a:1"}, []Option{WithTLS(nil)}, "tls"},
		"nil client":          {[]string{"a:1"}, []Option{WithHTTPClient(nil)}, "http_client"},
		"both TLS and client": {[]string{"a:1"}, []Option{WithHTTPClient(http.DefaultClient), WithTLS(tlsOf(t))}, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := New(test.endpoints, test.opts...)
			e := wantError(t, err, wire.Rejected, wire.CodeInvalid)
			if e.Field != test.field || strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v about %q, want it about %q", err, e.Field, test.field)
			}
		})
	}
	c := connect(t, []string{"A:1", "http://b:2/", "https://c/pre/fix/", "[::1]:3"})
	if got, want := c.Endpoints(), []string{"http://a:1", "http://b:2", "https://c/pre/fix", "http://[::1]:3"}; !slices.Equal(got, want) {
		t.Errorf("endpoints %q, want %q", got, want)
	}
	if got := connect(t, []string{"a:1"}, WithTLS(tlsOf(t))).Endpoints()[0]; got != "https://a:1" {
		t.Errorf("endpoint %q with TLS", got)
	}
}

func TestPrefixAndUserAgent(t *testing.T) {
	cluster, _ := start(t, 1)
	cluster.nodes[0].failAlways(func(n *fakeNode, w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/pre", n.handler).ServeHTTP(w, r)
	})
	c := connect(t, []string{cluster.nodes[0].url + "/pre/"}, WithUserAgent("test/1"))
	cluster.lead(-1) // else the leader's URL, without the prefix, is tried too
	must(c.Cluster(t.Context()))(t)
	if all := cluster.nodes[0].requests(); all[0].path != "/pre/v1/cluster" || all[0].agent != "test/1" {
		t.Errorf("request %+v", all[0])
	}
}

func TestEmptyArguments(t *testing.T) {
	cluster, c := start(t, 1)
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"Provider":          func() error { _, err := c.Provider(ctx, ""); return err },
		"Tree":              func() error { _, err := c.Tree(ctx, ""); return err },
		"RemoveProvider":    func() error { _, err := c.RemoveProvider(ctx, ""); return err },
		"UpdateProvider":    func() error { _, err := c.UpdateProvider(ctx, "", wire.PatchProvider{}); return err },
		"Changed":           func() error { _, err := c.Changed(ctx, "", wire.ChangedQuery{}); return err },
		"sharing":           func() error { _, err := c.HasSharingProvider(ctx, "", "VCPU"); return err },
		"sharing class":     func() error { _, err := c.HasSharingProvider(ctx, "a", ""); return err },
		"SetTraits":         func() error { _, err := c.SetTraits(ctx, "", nil); return err },
		"ProviderTraits":    func() error { _, err := c.ProviderTraits(ctx, ""); return err },
		"RemoveInventories": func() error { _, err := c.RemoveInventories(ctx, "a", []string{""}); return err },
		"of no provider":    func() error { _, err := c.RemoveInventories(ctx, "", []string{"VCPU"}); return err },
		"Consumer":          func() error { _, err := c.Consumer(ctx, ""); return err },
		"PutConsumer":       func() error { _, err := c.PutConsumer(ctx, "", wire.PutConsumer{}); return err },
		"DeleteConsumer":    func() error { _, err := c.DeleteConsumer(ctx, ""); return err },
		"AllocationsPage":   func() error { _, err := c.AllocationsPage(ctx, "", 0, ""); return err },
		"RemoveTrait":       func() error { _, err := c.RemoveTrait(ctx, ""); return err },
		"RemoveMember":      func() error { return c.RemoveMember(ctx, "") },
		"RevokeJoinToken":   func() error { return c.RevokeJoinToken(ctx, "") },
	} {
		wantError(t, call(), wire.Rejected, wire.CodeInvalid)
		if n := len(cluster.nodes[0].requests()); n != 0 {
			t.Errorf("%s sent %d requests", name, n)
		}
	}
}

func TestEncode(t *testing.T) {
	for _, test := range []struct {
		body any
		want string
	}{
		{nil, ""},
		{wire.Claim{}, `{"consumers":[]}`},
		{wire.Claim{Consumers: []wire.ConsumerClaim{{UUID: "u"}}}, `{"consumers":[{"uuid":"u","allocations":[]}]}`},
		{wire.PopulateProvider{Name: "a"}, `{"name":"a"}`},
		{wire.PopulateProvider{Name: "a", Traits: []string{}, Resources: map[string][]wire.Device{"X": nil}}, `{"name":"a","traits":[],"resources":{"X":[]}}`},
		{wire.Txn{Ops: []wire.Op{{SetTraits: &wire.ChangeTraits{Provider: "a"}}}}, `{"ops":[{"set_traits":{"provider":"a","traits":[]}}]}`},
		{wire.PatchProvider{Parent: wire.Null[string]()}, `{"parent":null}`},
		{wire.PatchProvider{}, `{}`},
	} {
		b, err := encode(test.body)
		if err != nil || string(b) != test.want {
			t.Errorf("%+v: %s, %v; want %s", test.body, b, err, test.want)
		}
	}
	// The caller's value stays as it was.
	claim := wire.Claim{Consumers: []wire.ConsumerClaim{{UUID: "u"}}}
	must(encode(claim))(t)
	if claim.Consumers[0].Allocations != nil {
		t.Error("encode wrote into the caller's list")
	}
	for field, test := range map[string]struct {
		body any
		code wire.Code
	}{
		"ops[0].create_provider.name": {wire.Txn{Ops: []wire.Op{{CreateProvider: &wire.CreateProvider{Name: "a\xff"}}}}, wire.CodeInvalid},
		"resources":                   {wire.ResourcesRequest{Resources: map[string][]wire.Device{"\xff": nil}}, wire.CodeInvalid},
		"":                            {wire.InventoriesRequest{Inventories: map[string]wire.Inventory{"VCPU": {AllocationRatio: math.NaN()}}}, wire.CodeInvalid},
	} {
		_, err := encode(test.body)
		if e := wantError(t, err, wire.Rejected, test.code); e.Field != field {
			t.Errorf("error %v about %q, want %q", err, e.Field, field)
		}
	}
	_, err := encode(wire.TraitsRequest{Traits: []string{strings.Repeat("A", wire.BodyBytesMax)}})
	wantError(t, err, wire.Rejected, wire.CodeTooLarge)
	c := connect(t, []string{"a:1"})
	_, err = c.Txn(t.Context(), wire.Txn{Ops: make([]wire.Op, wire.OpsPerTxnMax+1)})
	wantError(t, err, wire.Rejected, wire.CodeTooLarge)
}
