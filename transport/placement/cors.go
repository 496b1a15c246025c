package placement

import (
	"net/http"
	"slices"
	"strings"
)

// crossOrigin lets scripts of the allowed origins read answers.
type crossOrigin struct{ origins []string }

var (
	corsMethods = []string{"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"}
	corsAllowed = []string{
		"X-Auth-Token", "X-Identity-Status", "X-Roles", "X-Service-Catalog", "X-User-Id", "X-Tenant-Id",
		"X-OpenStack-Request-ID", "OpenStack-API-Version", "Accept", "Accept-Language", "Content-Type",
		"Cache-Control", "Content-Language", "Expires", "Last-Modified", "Pragma",
	}
	corsExposed = []string{
		"X-Auth-Token", "X-Subject-Token", "X-Service-Token", "X-OpenStack-Request-ID", "OpenStack-API-Version",
		"Cache-Control", "Content-Language", "Content-Type", "Expires", "Last-Modified", "Pragma",
	}
)

// preflight answers a browser's question before the request proper, and
// reports whether it was one.
func (o crossOrigin) preflight(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	method := r.Header.Get("Access-Control-Request-Method")
	if r.Method != http.MethodOptions || !o.allows(origin) || !slices.Contains(corsMethods, method) {
		return false
	}
	asked := r.Header.Get("Access-Control-Request-Headers")
	for _, name := range strings.Split(asked, ",") {
		name = strings.TrimSpace(name)
		if name != "" && !slices.ContainsFunc(corsAllowed, func(a string) bool { return strings.EqualFold(a, name) }) {
			return false
		}
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Max-Age", "3600")
	h.Set("Access-Control-Allow-Methods", method)
	if asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Add("Vary", "Origin")
	w.WriteHeader(http.StatusOK)
	return true
}

// decorate lets the origin's scripts read the answer.
func (o crossOrigin) decorate(h http.Header, r *http.Request) {
	origin := r.Header.Get("Origin")
	if !o.allows(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", strings.Join(corsExposed, ","))
	h.Add("Vary", "Origin")
}

func (o crossOrigin) allows(origin string) bool {
	return origin != "" && slices.Contains(o.origins, origin)
}
