package placement

import (
	"net/http"
	"slices"
	"strings"
)

// Identity is who sends a request.
type Identity struct {
	User    string
	Project string
	Roles   []string
	// System is set for a request in the scope of the whole deployment, which
	// has no project.
	System bool
}

// HasRole reports whether the identity has the role, in any case.
func (i Identity) HasRole(name string) bool {
	return slices.ContainsFunc(i.Roles, func(r string) bool { return strings.EqualFold(r, name) })
}

// Authenticator tells who sends a request. It may be called concurrently.
type Authenticator interface {
	// Authenticate returns false where the request proves no identity.
	Authenticate(r *http.Request) (Identity, bool)
}

// systemScopeHeader is OpenStack-System-Scope in the form in which net/http
// keeps headers: others cost memory to find.
const systemScopeHeader = "Openstack-System-Scope"

// adminRoles are what the user admin has where no header says otherwise.
var adminRoles = []string{"admin"}

// NoAuth believes every client: for tests, and for deployments where something
// in front of the node authenticates. The token reads user[:project].
type NoAuth struct{}

// Authenticate implements Authenticator.
func (NoAuth) Authenticate(r *http.Request) (Identity, bool) {
	token := r.Header.Get("X-Auth-Token")
	if token == "" {
		return Identity{}, false
	}
	user, project, given := strings.Cut(token, ":")
	if !given {
		project = user
	}
	id := Identity{User: user, Project: project}
	if over := r.Header.Get("X-Project-Id"); over != "" {
		id.Project = over
	}
	if roles := r.Header.Values("X-Roles"); len(roles) > 0 { // an empty one leaves no role
		for _, role := range strings.Split(strings.Join(roles, ","), ",") {
			id.Roles = append(id.Roles, strings.TrimSpace(role))
		}
	} else if user == "admin" {
		id.Roles = adminRoles[:1:1]
	}
	if r.Header.Get(systemScopeHeader) == "all" {
		id.System, id.Project = true, ""
	}
	return id, true
}
