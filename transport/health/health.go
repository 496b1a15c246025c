package health

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/treenode/treenode/transport/wire"
)

// Live answers that the process is alive.
func Live() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, wire.Ready{Status: "ok"})
	})
}

// Ready answers 200 while check returns nil and 503 with its error otherwise.
// The context of check is the request's.
func Ready(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := check(r.Context()); err != nil {
			respond(w, http.StatusServiceUnavailable, wire.Ready{Status: "unavailable", Reason: err.Error()})
			return
		}
		respond(w, http.StatusOK, wire.Ready{Status: "ok"})
	})
}

func respond(w http.ResponseWriter, status int, body wire.Ready) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// An error here means that the prober has gone.
	_ = json.NewEncoder(w).Encode(body)
}
