package placement

import (
	"net/http"
	"time"

	"github.com/treenode/treenode/fsm/tree"
)

// modified adds the caching headers from microversion 1.15 on. Without a time
// of the record's own, the answer is as old as now.
func (c *call) modified(at tree.Time) {
	if c.version < 15 {
		return
	}
	when := c.now()
	if at != 0 {
		when = time.UnixMicro(int64(at))
	}
	c.w.Header().Set("Last-Modified", when.UTC().Format(http.TimeFormat))
	c.w.Header().Set("Cache-Control", "no-cache")
}
