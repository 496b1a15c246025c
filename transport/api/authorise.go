package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/policy"
	"github.com/treenode/treenode/transport/wire"
)

// unidentified is what the sender of a request is told of whom nobody knows who
// it is. Challenge and time to come back go into the header.
func unidentified(err error, h http.Header) *wire.Error {
	var told *auth.Error
	if !errors.As(err, &told) {
		return reject(wire.CodeInternal, "", "internal error")
	}
	if told.Challenge != "" {
		h.Set("Www-Authenticate", told.Challenge)
	}
	if told.RetryAfter > 0 {
		h.Set("Retry-After", auth.Seconds(told.RetryAfter))
	}
	switch told.Status {
	case http.StatusUnauthorized:
		return reject(wire.CodeUnauthenticated, "", "%s", told.Message)
	case http.StatusTooManyRequests:
		return reject(wire.CodeRateLimited, "", "%s", told.Message)
	case http.StatusServiceUnavailable:
		return reject(wire.CodeAuthUnavailable, "", "%s", told.Message)
	}
	return reject(wire.CodeInternal, "", "internal error")
}

func forbidden(action string) *wire.Error {
	return reject(wire.CodeForbidden, "", "the policy does not allow %s to you", action)
}

// allowed asks the policy about each operation: a transaction may hold any.
func (c *call) allowed(t wire.Txn) error {
	asked := map[string]bool{c.action: true}
	for i, op := range t.Ops {
		action := actionOf(op)
		if asked[action] {
			continue
		}
		asked[action] = true
		if !c.s.policy.Allows(action, c.out.identity, "") {
			e := forbidden(action)
			e.Op = &i
			return e
		}
	}
	return nil
}

// actionOf is the action that the route of an operation would ask.
func actionOf(op wire.Op) string {
	switch {
	case op.Claim != nil, op.Release != nil:
		return policy.WriteConsumers
	case op.Reshape != nil:
		return policy.Reshape
	case op.CreateResourceClass != nil, op.RenameResourceClass != nil, op.RemoveResourceClass != nil,
		op.CreateTrait != nil, op.RemoveTrait != nil:
		return policy.WriteVocabulary
	case op.RaiseGenerations != nil:
		return policy.WriteGenerations
	}
	return policy.WriteProviders
}

// from is the request's context with where its changes come from.
func (c *call) from() context.Context {
	id := c.out.identity
	return cluster.WithOrigin(c.r.Context(), cluster.Origin{
		User: id.User, Project: id.Project, Roles: id.Roles, System: id.System,
		Action: c.action, Request: c.out.requestID,
	})
}
