package placement

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
)

// attempt tells what a route looks at.
type attempt uint8

const (
	// latest: the state as of now, which the leader is asked for.
	latest attempt = iota
	// early: what this node has. Nothing is answered from it.
	early
	// settled: an early attempt was executed, or nobody knows; this is the answer.
	settled
)

// run serves the route.
//
// A write all of whose checks are made again when it is applied, by its
// preconditions or its operation, is tried on what this node has first: that
// asks nobody, and if it is executed, it holds on the newest state. Whatever
// else comes of it may come of an old state and is forgotten; the route is then
// served on the state as of now.
func (c *call) run(r *route) *failure {
	if r.rechecked {
		c.attempt = early
		if f := r.serve(c); c.attempt == settled {
			return f
		}
		c.attempt = latest
		for _, name := range []string{"Location", "Last-Modified", "Cache-Control"} {
			c.w.Header().Del(name)
		}
	}
	return r.serve(c)
}

// view is the state that the attempt looks at.
func (c *call) view() (*tree.State, *failure) {
	level := cluster.Linearizable
	if c.attempt == early {
		level = cluster.Stale
	}
	v, err := c.node.Read(c.ctx, level, 0)
	if err != nil {
		return nil, unavailable(err)
	}
	return v.Tree, nil
}

// from is the request's context with where its changes come from.
func (c *call) from() context.Context {
	id := c.identity
	return cluster.WithOrigin(c.ctx, cluster.Origin{
		User: id.User, Project: id.Project, Roles: id.Roles, System: id.System,
		Action: c.action, Request: c.requestID,
	})
}

// propose executes a transaction as one command. Its request id is made once,
// so that it happens once however often it is sent on.
func (c *call) propose(txn tree.Txn) (fsm.Result, *failure) {
	id, err := uuid.NewV7()
	if err != nil {
		return fsm.Result{}, fail(http.StatusInternalServerError, "no request id: %v", err)
	}
	result, err := c.node.Propose(c.from(), fsm.Command{RequestID: tree.UUID(id), Txn: txn})
	if c.attempt == early && (err != nil || result.Refused == nil) {
		c.attempt = settled
	}
	if err != nil {
		return fsm.Result{}, unavailable(err)
	}
	return result, nil
}
