package placement

import (
	"maps"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          map[string]string // nil for no match
	}{
		{"/", "/", map[string]string{}},
		{"/traits", "/traits", map[string]string{}},
		{"/traits", "/traits/", nil},
		{"/traits", "//traits", nil},
		{"/traits", "/", nil},
		{"/traits", "/trait", nil},
		{"/", "/traits", nil},
		{"/", "//", nil},
		{"/traits/{name}", "/traits/A", map[string]string{"name": "A"}},
		{"/traits/{name}", "/traits/", nil},
		{"/traits/{name}", "/traits", nil},
		{"/traits/{name}", "/traits//", nil},
		{"/traits/{name}", "/traits//A", nil},
		{"/traits/{name}", "/traits/A/", nil},
		{"/traits/{name}", "/traits/A/B", nil},
		{"/p/{uuid}/inventories/{class}", "/p/u/inventories/VCPU", map[string]string{"uuid": "u", "class": "VCPU"}},
		{"/p/{uuid}/inventories/{class}", "/p//inventories/VCPU", nil},
		{"/p/{uuid}/inventories", "/p/u/inventories/VCPU", nil},
		{"/p/{uuid}/inventories", "/p/u/usages", nil},
	} {
		got, ok := match(c.pattern, c.path)
		if ok != (c.want != nil) || !maps.Equal(got, c.want) {
			t.Errorf("%s with %s: %v %v, want %v", c.path, c.pattern, got, ok, c.want)
		}
	}
}
