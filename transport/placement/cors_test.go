package placement

import (
	"net/http"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

const (
	valid   = "http://valid.example.com"
	invalid = "http://invalid.example.com"
)

// As the real service answers; "-" is a header that must be absent.
func TestCrossOrigin(t *testing.T) {
	url := serve(t, placementtest.NewNode(), Config{Policy: legacy(t), Origins: []string{valid}})
	exposed := "X-Auth-Token,X-Openstack-Request-Id,X-Subject-Token,X-Service-Token,OpenStack-API-Version"
	for _, c := range []struct {
		name, method, path string
		send               []string
		status             int
		want               []string
	}{
		{"preflight", "OPTIONS", "/", []string{"Origin", valid, "Access-Control-Request-Method", "GET"}, 200, []string{
			"Access-Control-Allow-Origin", valid, "Access-Control-Allow-Methods", "GET", "Access-Control-Max-Age", "3600",
			"Access-Control-Allow-Credentials", "true", "Vary", "Origin", "Access-Control-Allow-Headers", "-",
			"Access-Control-Expose-Headers", "-", "Content-Type", "-", "OpenStack-API-Version", "-", "Allow", "-",
		}},
		{
			"preflight with headers", "OPTIONS", "/resource_providers",
			[]string{"Origin", valid, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Headers", "X-AUTH-TOKEN , accept,"},
			200, []string{"Access-Control-Allow-Headers", "X-AUTH-TOKEN,accept", "Access-Control-Allow-Methods", "PUT"},
		},
		{
			"preflight with another header", "OPTIONS", "/resource_providers",
			[]string{"Origin", valid, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "x-auth-token, foo"},
			200, []string{"Access-Control-Allow-Origin", "-", "Access-Control-Allow-Methods", "-", "Vary", "-"},
		},
		{
			"preflight with another method", "OPTIONS", "/", []string{"Origin", valid, "Access-Control-Request-Method", "HEAD"},
			200, []string{"Access-Control-Allow-Origin", "-", "Vary", "-"},
		},
		{
			"preflight without method", "OPTIONS", "/", []string{"Origin", valid},
			200, []string{"Access-Control-Allow-Origin", "-", "Vary", "-"},
		},
		{
			"preflight from elsewhere", "OPTIONS", "/", []string{"Origin", invalid, "Access-Control-Request-Method", "GET"},
			200, []string{"Access-Control-Allow-Origin", "-", "Access-Control-Allow-Methods", "-", "Vary", "-"},
		},
		{"OPTIONS without origin", "OPTIONS", "/", nil, 200, []string{"Access-Control-Allow-Origin", "-", "Allow", "-"}},
		{
			"preflight on no path, without a token", "OPTIONS", "/nope",
			[]string{"X-Auth-Token", "", "Origin", valid, "Access-Control-Request-Method", "GET"},
			200, []string{"Access-Control-Allow-Origin", valid},
		},
		{"actual", "GET", "/resource_providers", []string{"Origin", valid}, 200, []string{
			"Access-Control-Allow-Origin", valid, "Access-Control-Allow-Credentials", "true",
			"Access-Control-Expose-Headers", exposed, "Vary", "openstack-api-version,Origin", "Access-Control-Allow-Methods", "-",
		}},
		{"actual from elsewhere", "GET", "/resource_providers", []string{"Origin", invalid}, 200, []string{
			"Access-Control-Allow-Origin", "-", "Access-Control-Expose-Headers", "-", "Vary", "openstack-api-version",
		}},
		{"case matters", "GET", "/", []string{"Origin", strings.ToUpper(valid)}, 200, []string{"Access-Control-Allow-Origin", "-"}},
		{"two origins", "GET", "/", []string{"Origin", valid + "," + valid}, 200, []string{"Access-Control-Allow-Origin", "-"}},
		{"no token", "GET", "/traits", []string{"X-Auth-Token", "", "Origin", valid}, 401, []string{
			"Access-Control-Allow-Origin", valid, "Vary", "Origin",
		}},
		{"no such path", "GET", "/nope", []string{"Origin", valid}, 404, []string{"Access-Control-Allow-Origin", valid}},
		{"no such method", "PATCH", "/traits", []string{"Origin", valid}, 405, []string{"Access-Control-Allow-Origin", valid}},
		{"version", "GET", "/", []string{"OpenStack-API-Version", "placement 1.99", "Origin", valid}, 406, []string{
			"Access-Control-Allow-Origin", valid, "Vary", "Origin",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, body := send(t, c.method, url+c.path, "1.0", "", c.send...)
			must(t, c.status, r, body)
			if c.method == http.MethodOptions && body != "" {
				t.Errorf("a preflight has the body %q", body)
			}
			if r.Header.Get("X-OpenStack-Request-ID") == "" {
				t.Error("no request id")
			}
			for i := 0; i < len(c.want); i += 2 {
				if got := strings.Join(r.Header.Values(c.want[i]), " | "); got != c.want[i+1] && (got != "" || c.want[i+1] != "-") {
					t.Errorf("%s: %q, want %q", c.want[i], got, c.want[i+1])
				}
			}
		})
	}
}

func TestOrigins(t *testing.T) {
	for _, c := range []struct {
		origins      []string
		origin, want string
		options      int
	}{
		{nil, valid, "", 405},
		{[]string{"*"}, valid, "*", 200},
		{[]string{"*", valid}, valid, valid, 200},
		{[]string{"*"}, "", "", 200},
		{[]string{invalid, valid}, valid, valid, 200},
	} {
		url := serve(t, placementtest.NewNode(), Config{Origins: c.origins})
		r, body := send(t, "GET", url+"/", "1.0", "", "Origin", c.origin)
		must(t, 200, r, body)
		if got := r.Header.Get("Access-Control-Allow-Origin"); got != c.want {
			t.Errorf("%v: %q may read as %q, want %q", c.origins, c.origin, got, c.want)
		}
		r, body = send(t, "OPTIONS", url+"/", "1.0", "", "Origin", c.origin)
		must(t, c.options, r, body)
	}
}
