package server

import (
	"net/http"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/tracing"
)

// tracerOf is nil, and not a nil pointer in an interface, where nobody draws.
func tracerOf(t *tracing.Tracing) cluster.Tracer {
	if t == nil {
		return nil
	}
	return t
}

func traced(h http.Handler, t *tracing.Tracing) http.Handler {
	if t == nil {
		return h
	}
	return t.Handler(h)
}
