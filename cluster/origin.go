package cluster

import "context"

// Origin is where a change comes from. It travels with the command to the leader,
// which decides again whether the change is allowed, and into the log, from which
// every node writes its audit. It is no part of the command: the same request id
// with the same body is the same change, whoever tries it again.
type Origin struct {
	// User and Project are the ids of who asked, Roles what they may be. A request
	// in the scope of the whole deployment has System and no project.
	User, Project string
	Roles         []string
	System        bool
	// Action is the policy's rule by which the API allowed the change.
	Action string
	// Request is the API's id of the request, as its answer and its log name it.
	Request string
}

type originKey struct{}

// WithOrigin returns a context whose proposals are of that origin.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns the origin of a context's proposals. False means that the
// change is the node's own.
func OriginOf(ctx context.Context) (Origin, bool) {
	o, ok := ctx.Value(originKey{}).(Origin)
	return o, ok
}
