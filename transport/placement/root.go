package placement

import (
	"net/http"

	"github.com/treenode/treenode/transport/placement/jsontext"
)

// versions is what clients ask before anything else, without a token. It
// answers 200 only once the node can take writes.
func versions(c *call) *failure {
	if err := c.node.Ready(c.ctx); err != nil {
		return unavailable(err)
	}
	c.modified(0)
	return c.reply(http.StatusOK, jsontext.NewObject().Set("versions", []any{
		jsontext.NewObject().Set("id", "v1.0").Set("max_version", microversionMax.String()).
			Set("min_version", microversion(0).String()).Set("status", "CURRENT").
			Set("links", []any{jsontext.NewObject().Set("rel", "self").Set("href", "")}),
	}))
}
