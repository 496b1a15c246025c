package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/openapi"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/wire"
)

// route is one row of the API. The table below is what the mux is built from
// and what the OpenAPI document is compared with, both ways.
type route struct {
	method, path string
	// query are the parameters that the route takes, besides those of reads.
	query []string
	// reads and mutates tell whether the route reads the state, at the
	// consistency asked for, or proposes a command.
	reads, mutates bool
	// body and answer are the wire types; nil for none. noBody allows a
	// request of a route with a body to leave it out.
	body, answer any
	noBody       bool
	// created is set where success is 201.
	created bool
	serve   func(*call) (answer, error)
	// action is the policy's rule about the route; empty where it is open to all.
	action string
	// via serves the route in place of serve.
	via func(*server) http.Handler
}

// repeatable are the query parameters that may be given more than once.
var repeatable = []string{"trait", "resource_class"}

// parameters are all query parameters of the route.
func (r route) parameters() []string {
	if !r.reads {
		return r.query
	}
	return append([]string{wire.ParamConsistency, wire.ParamIndex}, r.query...)
}

func routes() []route {
	var all []route
	for _, some := range [][]route{
		asking(policy.ReadProviders, policy.WriteProviders, providerRoutes()),
		asking(policy.ReadProviders, policy.WriteProviders, partRoutes()),
		asking(policy.ReadVocabulary, policy.WriteVocabulary, vocabularyRoutes()),
		asking(policy.ReadConsumers, policy.WriteConsumers, consumerRoutes()),
		asking(policy.ReadCluster, policy.WriteCluster, clusterRoutes()),
		asking(policy.ReadCluster, policy.WriteCluster, nodeRoutes()),
		asking(policy.Backup, policy.Backup, backupRoutes()),
		watchRoutes(),
	} {
		all = append(all, some...)
	}
	return all
}

// asking gives routes without an action of their own that of reading or writing.
func asking(read, write string, some []route) []route {
	for i := range some {
		switch r := &some[i]; {
		case r.action != "":
		case r.reads || r.method == http.MethodGet:
			r.action = read
		default:
			r.action = write
		}
	}
	return some
}

const provider = "/v1/providers/{p}"

func read(path string, shape any, serve func(*call) (answer, error), query ...string) route {
	return route{method: http.MethodGet, path: path, query: query, reads: true, answer: shape, serve: serve}
}

func (r route) as(action string) route { r.action = action; return r }

func write(method, path string, body any, serve func(*call) (answer, error), query ...string) route {
	return route{method: method, path: path, query: query, mutates: true, body: body, answer: wire.Result{}, serve: serve}
}

func providerRoutes() []route {
	create := write("POST", "/v1/providers", wire.CreateProvider{}, (*call).createProvider)
	create.created = true
	return []route{
		read("/v1/providers", wire.Providers{}, (*call).listProviders,
			"name", "uuid", "root", "in_tree", "trait", "resource_class", "member_of", "limit", "after"),
		create,
		read(provider, wire.ProviderAnswer{}, (*call).getProvider),
		write("PATCH", provider, wire.PatchProvider{}, (*call).patchProvider),
		write("DELETE", provider, nil, (*call).deleteProvider, "subtree"),
		read(provider+"/subtree", wire.Providers{}, (*call).getSubtree),
		read(provider+"/tree", wire.Providers{}, (*call).getTree),
		read("/v1/trees", wire.Providers{}, (*call).listTrees, "limit", "after"),
		write("POST", "/v1/populate", wire.Populate{}, (*call).populate),
	}
}

// partRoutes are about the parts of one provider.
func partRoutes() []route {
	all := []route{
		read(provider+"/inventories", wire.InventoriesAnswer{}, (*call).getInventories),
		write("PUT", provider+"/inventories", wire.InventoriesRequest{}, (*call).setInventories),
		write("PATCH", provider+"/inventories", wire.InventoriesRequest{}, (*call).putInventories),
		write("DELETE", provider+"/inventories", nil, (*call).deleteInventories),
		write("DELETE", provider+"/inventories/{class}", nil, (*call).deleteInventory),
		read(provider+"/traits", wire.TraitsAnswer{}, (*call).getTraits),
		write("PUT", provider+"/traits", wire.TraitsRequest{}, (*call).setTraits),
		write("POST", provider+"/traits", wire.TraitsRequest{}, (*call).addTraits),
		write("DELETE", provider+"/traits", wire.TraitsRequest{}, (*call).deleteTraits),
		read(provider+"/aggregates", wire.AggregatesAnswer{}, (*call).getAggregates),
		write("PUT", provider+"/aggregates", wire.AggregatesRequest{}, (*call).setAggregates),
		write("POST", provider+"/aggregates", wire.AggregatesRequest{}, (*call).addAggregates),
		write("DELETE", provider+"/aggregates", wire.AggregatesRequest{}, (*call).deleteAggregates),
		read(provider+"/resources", wire.ResourcesAnswer{}, (*call).getResources),
		write("PUT", provider+"/resources", wire.ResourcesRequest{}, (*call).setResources),
		write("POST", provider+"/resources", wire.ResourcesRequest{}, (*call).addResources),
		write("DELETE", provider+"/resources", wire.ResourcesRequest{}, (*call).deleteResources),
		read(provider+"/allocations", wire.Consumers{}, (*call).listClaims, "limit", "after").as(policy.ReadConsumers),
		read(provider+"/sharing", wire.SharingAnswer{}, (*call).sharing, "resource_class"),
		{method: "POST", path: provider + "/changed", reads: true, body: wire.ChangedQuery{},
			answer: wire.ChangedAnswer{}, serve: (*call).changed},
	}
	for i := range all {
		// Without a body, DELETE removes everything.
		all[i].noBody = all[i].method == http.MethodDelete && all[i].body != nil
	}
	return all
}

func vocabularyRoutes() []route {
	return []route{
		read("/v1/resource-classes", wire.Names{}, (*call).listClasses, "prefix"),
		write("PUT", "/v1/resource-classes/{name}", nil, (*call).createClass),
		write("DELETE", "/v1/resource-classes/{name}", nil, (*call).deleteClass),
		read("/v1/traits", wire.Names{}, (*call).listTraits, "prefix"),
		write("PUT", "/v1/traits/{name}", nil, (*call).createTrait),
		write("DELETE", "/v1/traits/{name}", nil, (*call).deleteTrait),
	}
}

func consumerRoutes() []route {
	return []route{
		read("/v1/consumers", wire.Consumers{}, (*call).listConsumers, "limit", "after"),
		read("/v1/consumers/{uuid}", wire.ConsumerAnswer{}, (*call).getConsumer),
		write("PUT", "/v1/consumers/{uuid}", wire.PutConsumer{}, (*call).putConsumer),
		write("DELETE", "/v1/consumers/{uuid}", nil, (*call).deleteConsumer),
		write("POST", "/v1/claims", wire.Claim{}, (*call).claim),
		write("POST", "/v1/reshape", wire.Reshape{}, (*call).reshape).as(policy.Reshape),
		write("POST", "/v1/txn", wire.Txn{}, (*call).transact).as(policy.Transact),
	}
}

func clusterRoutes() []route {
	return []route{
		read("/v1/digest", wire.Digest{}, (*call).digest),
		{method: "GET", path: "/v1/cluster", query: []string{"members"}, answer: wire.Cluster{}, serve: (*call).cluster},
		{method: "POST", path: "/v1/cluster/members", body: wire.AddMember{}, answer: wire.Cluster{}, serve: (*call).addMember},
		{method: "DELETE", path: "/v1/cluster/members/{id}", answer: wire.Cluster{}, serve: (*call).removeMember},
		{method: "POST", path: "/v1/cluster/transfer", body: wire.Transfer{}, answer: wire.Cluster{}, serve: (*call).transfer},
		{method: "GET", path: "/v1/cluster/join-tokens", action: policy.WriteCluster, answer: wire.JoinTokens{}, serve: (*call).listJoinTokens},
		{method: "POST", path: "/v1/cluster/join-tokens", body: wire.MakeJoinToken{}, answer: wire.MadeJoinToken{}, serve: (*call).makeJoinToken},
		{method: "DELETE", path: "/v1/cluster/join-tokens/{id}", answer: wire.Cluster{}, serve: (*call).revokeJoinToken},
	}
}

// watchRoutes are what machines look at: not versioned, and lenient about
// their query.
func watchRoutes() []route {
	return []route{
		{method: "GET", path: "/openapi.json", action: policy.ReadDescription, via: func(*server) http.Handler { return openapi.Handler() }},
		{method: "GET", path: "/healthz", answer: wire.Ready{}, via: func(*server) http.Handler { return health.Live() }},
		{method: "GET", path: "/readyz", answer: wire.Ready{}, via: func(s *server) http.Handler { return health.Ready(s.node.Ready) }},
		{method: "GET", path: "/metrics", action: policy.ReadMetrics, via: func(s *server) http.Handler { return s.metrics.Handler() }},
	}
}

// Serves reports whether a path is this API's, so that an owner can mount
// another API beside it.
func Serves(path string) bool {
	if path == "/v1" || strings.HasPrefix(path, "/v1/") {
		return true
	}
	return slices.ContainsFunc(watchRoutes(), func(r route) bool { return r.path == path })
}
