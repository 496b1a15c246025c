package placement

import (
	"net/http"
	"strings"

	"github.com/treenode/treenode/transport/policy"
)

// A route is one method of one path.
type route struct {
	method string
	path   string // segments; {name} takes any one
	since  microversion
	policy string
	// body: the request's media type must be JSON.
	body func(microversion) bool
	// json: the client must accept JSON.
	json bool
	// mediaFirst: the media types are looked at before the microversion.
	mediaFirst bool
	// lateMethod: below since the method is unknown, not the route.
	lateMethod bool
	// rechecked: it writes at most once, and what it checked before is checked
	// again when that is applied; see call.run.
	rechecked bool
	serve     func(*call) *failure

	name    string // of the method and the path
	literal string // the path up to its first variable
	slashes int
}

func always(microversion) bool { return true }

// routes is filled by init: in the order in which 405 lists the methods of a
// path, which clients compare. The handlers refer to the table through policies.
var routes []route

func init() {
	const (
		p    = "placement:"
		rp   = p + "resource_providers:"
		one  = "/resource_providers/{uuid}"
		get  = http.MethodGet
		put  = http.MethodPut
		post = http.MethodPost
		del  = http.MethodDelete
	)
	routes = []route{
		{method: get, path: "/", serve: versions},

		{method: get, path: "/resource_classes", since: 2, policy: p + "resource_classes:list", json: true, serve: listClasses},
		{method: post, path: "/resource_classes", since: 2, policy: p + "resource_classes:create", body: always, serve: createClass},
		{method: get, path: "/resource_classes/{name}", since: 2, policy: p + "resource_classes:show", json: true, serve: showClass},
		{
			method: put, path: "/resource_classes/{name}", since: 2, policy: p + "resource_classes:update",
			body: func(v microversion) bool { return v < 7 }, serve: updateClass,
		},
		{method: del, path: "/resource_classes/{name}", since: 2, policy: p + "resource_classes:delete", serve: deleteClass},

		{method: get, path: "/resource_providers", policy: rp + "list", json: true, serve: listProviders},
		{method: post, path: "/resource_providers", policy: rp + "create", body: always, serve: createProvider},
		{method: get, path: one, policy: rp + "show", json: true, serve: showProvider},
		{method: del, path: one, policy: rp + "delete", serve: deleteProvider},
		{method: put, path: one, policy: rp + "update", body: always, serve: updateProvider},

		{method: get, path: one + "/inventories", policy: rp + "inventories:list", json: true, serve: listInventories},
		{method: post, path: one + "/inventories", policy: rp + "inventories:create", body: always, rechecked: true, serve: createInventory},
		{method: put, path: one + "/inventories", policy: rp + "inventories:update", body: always, rechecked: true, serve: setInventories},
		{
			method: del, path: one + "/inventories", since: 5, lateMethod: true,
			policy: rp + "inventories:delete", rechecked: true, serve: deleteInventories,
		},
		{method: get, path: one + "/inventories/{class}", policy: rp + "inventories:show", json: true, serve: showInventory},
		{method: put, path: one + "/inventories/{class}", policy: rp + "inventories:update", body: always, rechecked: true, serve: updateInventory},
		{method: del, path: one + "/inventories/{class}", policy: rp + "inventories:delete", rechecked: true, serve: deleteInventory},

		{method: get, path: one + "/usages", policy: rp + "usages", json: true, serve: providerUsages},
		{
			method: get, path: one + "/aggregates", since: 1, mediaFirst: true,
			policy: rp + "aggregates:list", json: true, serve: listAggregates,
		},
		{
			method: put, path: one + "/aggregates", since: 1, mediaFirst: true,
			policy: rp + "aggregates:update", body: always, rechecked: true, serve: setAggregates,
		},
		{method: get, path: one + "/allocations", policy: rp + "allocations:list", json: true, serve: providerAllocations},
		{method: get, path: one + "/traits", since: 6, policy: rp + "traits:list", json: true, serve: listProviderTraits},
		{method: put, path: one + "/traits", since: 6, policy: rp + "traits:update", body: always, rechecked: true, serve: setProviderTraits},
		{method: del, path: one + "/traits", since: 6, policy: rp + "traits:delete", rechecked: true, serve: deleteProviderTraits},

		{method: get, path: "/traits", since: 6, policy: p + "traits:list", json: true, serve: listTraits},
		{method: get, path: "/traits/{name}", since: 6, policy: p + "traits:show", serve: showTrait},
		{method: put, path: "/traits/{name}", since: 6, policy: p + "traits:update", serve: putTrait},
		{method: del, path: "/traits/{name}", since: 6, policy: p + "traits:delete", serve: deleteTrait},

		{method: post, path: "/allocations", since: 13, policy: p + "allocations:manage", body: always, rechecked: true, serve: postAllocations},
		{method: get, path: "/allocations/{consumer}", policy: p + "allocations:list", json: true, serve: showAllocations},
		{method: put, path: "/allocations/{consumer}", policy: p + "allocations:update", body: always, rechecked: true, serve: putAllocations},
		{method: del, path: "/allocations/{consumer}", policy: p + "allocations:delete", rechecked: true, serve: deleteAllocations},

		{method: get, path: "/allocation_candidates", since: 10, policy: p + "allocation_candidates:list", json: true, serve: listCandidates},
		{method: get, path: "/usages", since: 9, policy: policy.PlacementUsages, json: true, serve: totalUsages},
		{method: post, path: "/reshaper", since: 30, policy: policy.PlacementReshape, body: always, serve: reshape},
	}
	for i := range routes {
		r := &routes[i]
		r.name = r.method + " " + r.path
		r.literal, _, _ = strings.Cut(r.path, "{")
		r.slashes = strings.Count(r.path, "/")
	}
}

// find returns the route of a request and its path's variables, or why there
// is none.
func find(method, path string) (*route, variables, *failure) {
	var methods []string
	slashes := strings.Count(path, "/")
	for i := range routes {
		r := &routes[i]
		if r.slashes != slashes || !strings.HasPrefix(path, r.literal) || !match(r.path, path) {
			continue
		}
		if r.method == method {
			return r, variables{r.path, path}, nil
		}
		methods = append(methods, r.method)
	}
	if methods == nil {
		return nil, variables{}, notFound("")
	}
	f := methodNotAllowed(method)
	f.message = "The method specified is not allowed for this resource."
	f.allow = strings.Join(methods, ", ")
	return nil, variables{}, f
}

func methodNotAllowed(method string) *failure {
	f := fail(http.StatusMethodNotAllowed, "")
	f.about = method
	return f
}

// match compares a path with a pattern, segment by segment.
func match(pattern, path string) bool {
	for want, have := pattern, path; want != "" || have != ""; {
		if want == "" || have == "" {
			return false
		}
		var w, h string
		w, want = nextSegment(want)
		h, have = nextSegment(have)
		if w != h && (!strings.HasPrefix(w, "{") || h == "") {
			return false
		}
	}
	return true
}

// variables are the segments of a path that stand where its pattern has names.
type variables struct{ pattern, path string }

// of is the segment of a name, "" where the pattern has no such.
func (v variables) of(name string) string {
	for want, have := v.pattern, v.path; want != ""; {
		var w, h string
		w, want = nextSegment(want)
		h, have = nextSegment(have)
		if len(w) == len(name)+2 && w[0] == '{' && w[1:len(w)-1] == name {
			return h
		}
	}
	return ""
}

// nextSegment splits a path that starts with a slash after its first segment.
func nextSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	if i := strings.IndexByte(path, '/'); i >= 0 {
		return path[:i], path[i:]
	}
	return path, ""
}
