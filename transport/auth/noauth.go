package auth

import (
	"net/http"
	"strings"
)

// TokenHeader carries the token of who asks.
const TokenHeader = "X-Auth-Token" //nolint:gosec // a name

// systemScopeHeader is OpenStack-System-Scope in the form in which net/http
// keeps headers: others cost memory to find.
const systemScopeHeader = "Openstack-System-Scope"

// adminRoles are what the user admin has where no header says otherwise.
var adminRoles = []string{"admin"}

// NoAuth believes every client: for tests, and for deployments where something
// in front of the node authenticates. The token reads user[:project].
type NoAuth struct {
	// Missing is who sends a request without a token; nobody where it is nil.
	Missing *Identity
}

// Admin is who sends requests without a token to an API that believes everyone.
func Admin() *Identity {
	return &Identity{User: "admin", Project: "admin", Roles: adminRoles[:1:1], Method: methodNoAuth}
}

const methodNoAuth = "noauth2"

// Authenticate implements Authenticator.
func (n NoAuth) Authenticate(r *http.Request) (Identity, error) {
	token := r.Header.Get(TokenHeader)
	if token == "" {
		if n.Missing != nil {
			return *n.Missing, nil
		}
		return Identity{}, Unauthenticated("a token is needed", "")
	}
	user, project, given := strings.Cut(token, ":")
	if !given {
		project = user
	}
	id := Identity{User: user, Project: project, Method: methodNoAuth}
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
	return id, nil
}
