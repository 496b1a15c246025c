package placement

import "testing"

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
		ok := match(c.pattern, c.path)
		if ok != (c.want != nil) {
			t.Errorf("%s with %s: %v, want %v", c.path, c.pattern, ok, c.want)
		}
		for name, want := range c.want {
			if got := (variables{c.pattern, c.path}).of(name); got != want {
				t.Errorf("%s with %s: %s is %q, want %q", c.path, c.pattern, name, got, want)
			}
		}
	}
}
