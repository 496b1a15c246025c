package server

import (
	"fmt"
	"net/http"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/api"
	"github.com/treenode/treenode/transport/health"
	"github.com/treenode/treenode/transport/placement"
)

// placementPrefix is where the Placement API is mounted besides the root, as
// deployments of OpenStack know it.
const placementPrefix = "/placement"

// handlers are the APIs of one listener: the native one at its own paths, and
// Placement, which owns the root, everywhere else.
type handlers struct{ native, placement http.Handler }

// ServeHTTP implements http.Handler.
func (h *handlers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if api.Serves(r.URL.Path) {
		h.native.ServeHTTP(w, r)
		return
	}
	h.placement.ServeHTTP(w, r)
}

// ofBadLength refuses requests with a Content-Length that is none: Placement
// says so itself.
func (h *handlers) ofBadLength(r *http.Request) http.Handler {
	if api.Serves(r.URL.Path) {
		return nil
	}
	return h.placement
}

func newHandlers(node *cluster.Supervised, c Config, metrics *health.Metrics) (*handlers, error) {
	if c.Policy != nil {
		if unknown := c.Policy.Unknown(); len(unknown) > 0 {
			c.Logger.Warn("the policy file has rules that nothing asks for", "rules", unknown)
		}
	}
	nativeAuth, placementAuth, err := c.authenticators()
	if err != nil {
		return nil, err
	}
	of, err := placement.New(node, placement.Config{
		RequestTimeout: c.RequestTimeout, Auth: placementAuth, Policy: c.Policy, Origins: c.CORSOrigins, Prefix: placementPrefix,
		IncompleteProject: c.IncompleteProject, IncompleteUser: c.IncompleteUser,
		Candidates: c.Candidates, SearchesMax: c.SearchesMax, CompressFrom: c.CompressFrom, Metrics: metrics, Logger: c.Logger.Named("placement"),
	})
	if err != nil {
		return nil, fmt.Errorf("placement: %w", err)
	}
	native := api.New(node, api.Config{
		RequestTimeout: c.RequestTimeout, Metrics: metrics, Logger: c.Logger.Named("api"), Version: c.Version,
		Auth: nativeAuth, Policy: c.Policy, MetricsForAll: c.MetricsForAll, LogLevels: c.LogLevels,
	})
	return &handlers{native, of}, nil
}
