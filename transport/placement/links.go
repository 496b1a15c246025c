package placement

import (
	"net/url"

	"github.com/treenode/treenode/transport/placement/jsontext"
)

func (c *call) link(rel, path string) *jsontext.Object {
	return jsontext.NewObject().Set("rel", rel).Set("href", c.prefix+path)
}

// locate sets the absolute location, as the client reached us.
func (c *call) locate(path string) {
	scheme := "http"
	if c.r.TLS != nil {
		scheme = "https"
	}
	c.w.Header().Set("Location", scheme+"://"+c.r.Host+c.prefix+(&url.URL{Path: path}).EscapedPath())
}

func (c *call) providerLinks(path string) []any {
	links := []any{c.link("self", path), c.link("inventories", path+"/inventories"), c.link("usages", path+"/usages")}
	if c.version >= 1 {
		links = append(links, c.link("aggregates", path+"/aggregates"))
	}
	if c.version >= 6 {
		links = append(links, c.link("traits", path+"/traits"))
	}
	if c.version >= 11 {
		links = append(links, c.link("allocations", path+"/allocations"))
	}
	return links
}
