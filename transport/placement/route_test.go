package placement

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/placement/placementtest"
	"github.com/treenode/treenode/transport/policy"
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

// Every route but the root asks a rule that exists, and every rule is asked for.
func TestEveryRouteHasARule(t *testing.T) {
	asked := map[string]bool{}
	for _, r := range routes {
		if r.path != "/" && !slices.Contains(policy.Actions(), r.policy) {
			t.Errorf("%s asks the rule %q, which is not there", r.name, r.policy)
		}
		asked[r.policy] = true
	}
	for _, action := range policy.Actions() {
		if strings.HasPrefix(action, "placement:") && !asked[action] {
			t.Errorf("no route asks the rule %s", action)
		}
	}
}

// A caller without roles may do nothing at all, in a project or elsewhere.
func TestNobodyMayDoNothing(t *testing.T) {
	url := serve(t, placementtest.NewNode(), Config{})
	for _, r := range routes {
		if r.path == "/" {
			continue
		}
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.path, "0190b3a4-0000-7000-8000-000000000001")
		for name, headers := range map[string]map[string]string{
			"no token":  {},
			"no roles":  {"X-Auth-Token": "jane:demo"},
			"no scope":  {"X-Auth-Token": "jane:demo", "X-Roles": ""},
			"of system": {"X-Auth-Token": "admin", "Openstack-System-Scope": "all"},
		} {
			request, err := http.NewRequestWithContext(t.Context(), r.method, url+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Openstack-Api-Version", "placement 1.39")
			request.Header.Set("Content-Type", "application/json")
			for k, v := range headers {
				request.Header.Set(k, v)
			}
			want := http.StatusForbidden
			if len(headers) == 0 {
				want = http.StatusUnauthorized
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Body.Close(); answer.StatusCode != want { //nolint:errcheck // nothing of it is wanted
				t.Errorf("%s with %s: %d, want %d", r.name, name, answer.StatusCode, want)
			}
		}
	}
}
