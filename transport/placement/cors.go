package placement

import (
	"net/http"
	"slices"
	"strings"
)

// crossOrigin lets scripts of the allowed origins read answers; "*" allows
// every origin. Without origins it does nothing at all.
type crossOrigin struct{ origins []string }

const corsExposed = "X-Auth-Token,X-Openstack-Request-Id,X-Subject-Token,X-Service-Token,OpenStack-API-Version"

var (
	corsMethods = []string{"GET", "PUT", "POST", "DELETE", "PATCH"}
	corsAllowed = []string{
		"X-Auth-Token", "X-Openstack-Request-Id", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id",
		"X-Tenant-Id", "OpenStack-API-Version", "Accept", "Accept-Language", "Content-Type", "Cache-Control",
		"Content-Language", "Expires", "Last-Modified", "Pragma",
	}
)

// preflight answers a browser's question before the request proper, and
// reports whether it was one. Every OPTIONS request counts as one, on any path
// and without a token: a refusal is an answer that allows nothing.
func (o crossOrigin) preflight(c *call) bool {
	if len(o.origins) == 0 || c.r.Method != http.MethodOptions {
		return false
	}
	o.allowPreflight(c)
	c.send(http.StatusOK, "", nil)
	return true
}

func (o crossOrigin) allowPreflight(c *call) {
	origin, ok := o.allows(c.r.Header)
	method := strings.Join(c.r.Header.Values("Access-Control-Request-Method"), ",")
	if !ok || !slices.Contains(corsMethods, method) {
		return
	}
	var names []string
	for _, name := range strings.Split(strings.Join(c.r.Header.Values("Access-Control-Request-Headers"), ","), ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		if !slices.ContainsFunc(corsAllowed, func(a string) bool { return strings.EqualFold(a, name) }) {
			return
		}
		names = append(names, name)
	}
	h := c.w.Header()
	o.allow(c, origin)
	h.Set("Access-Control-Max-Age", "3600")
	h.Set("Access-Control-Allow-Methods", method)
	if len(names) > 0 {
		h.Set("Access-Control-Allow-Headers", strings.Join(names, ","))
	}
}

// decorate lets the origin's scripts read the answer.
func (o crossOrigin) decorate(c *call) {
	if origin, ok := o.allows(c.r.Header); ok {
		o.allow(c, origin)
		c.w.Header().Set("Access-Control-Expose-Headers", corsExposed)
	}
}

func (o crossOrigin) allow(c *call, origin string) {
	h := c.w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Credentials", "true")
	c.vary = append(c.vary, "Origin")
}

// allows returns what the answer shall name as allowed origin, if anything.
// Several origins are none.
func (o crossOrigin) allows(h http.Header) (string, bool) {
	if len(o.origins) == 0 {
		return "", false
	}
	switch origin := strings.Join(h.Values("Origin"), ","); {
	case origin == "":
		return "", false
	case slices.Contains(o.origins, origin):
		return origin, true
	}
	return "*", slices.Contains(o.origins, "*")
}
