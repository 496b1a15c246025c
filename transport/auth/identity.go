package auth

import (
	"slices"
	"strings"
)

// Identity is who sends a request.
type Identity struct {
	// User and Project are ids.
	User    string
	Project string
	Roles   []string
	// System is set for a request in the scope of the whole deployment, which
	// has no project.
	System bool
	// Domain is the id of the domain in whose scope the request is; such a
	// request has no project either.
	Domain string
	// UserDomain and ProjectDomain are the ids of the domains that the user and
	// the project belong to, empty where nobody said.
	UserDomain, ProjectDomain string
	// Method says how the identity was proved, for logs: noauth2, keystone,
	// token or certificate.
	Method string
}

// HasRole reports whether the identity has the role, in any case.
func (i Identity) HasRole(name string) bool {
	return slices.ContainsFunc(i.Roles, func(r string) bool { return strings.EqualFold(r, name) })
}
