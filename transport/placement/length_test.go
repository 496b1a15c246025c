package placement

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/bareanswer"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

// A length that is no number is refused after token and version, before the
// path, and executes nothing.
func TestBadLength(t *testing.T) {
	h, err := New(placementtest.NewNode(), Config{Policy: legacy(t)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Listener = bareanswer.Install(server.Config, server.Listener, func(*http.Request) http.Handler { return h })
	server.Start()
	defer server.Close()
	for _, c := range []struct {
		request, headers, part string
		status                 int
	}{
		{"POST /resource_providers", "X-Auth-Token: admin", `\n\n content-length header must be an integer  "`, 400},
		{"PUT /traits/CUSTOM_X", "X-Auth-Token: admin\r\nOpenStack-API-Version: placement 1.39", `"code": "placement.undefined_code"`, 400},
		{"GET /", "X: y", `"request_id": "req-`, 400},
		{"GET /nope", "X-Auth-Token: admin", "must be an integer", 400},
		{"GET /", "Accept: text/html", "<h1>400 Bad Request</h1>", 400},
		{"POST /resource_providers", "X: y", `"code": "401 Unauthorized"`, 401},
		{"POST /resource_providers", "X-Auth-Token: admin\r\nOpenStack-API-Version: placement 1.40", `"max_version": "1.39"`, 406},
	} {
		for _, length := range []string{"hi mom", "-1", "1.5"} {
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(connection, c.request+" HTTP/1.1\r\nHost: h\r\n"+c.headers+"\r\nContent-Length: "+length+"\r\n\r\n{}"); err != nil {
				t.Fatal(err)
			}
			r, err := http.ReadResponse(bufio.NewReader(connection), nil)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || r.StatusCode != c.status || !strings.Contains(string(body), c.part) || r.Header.Get("X-OpenStack-Request-ID") == "" {
				t.Errorf("%s %s with %q: %d %s (%v)", c.request, c.headers, length, r.StatusCode, body, err)
			}
			if versioned := c.status == 400; versioned != (r.Header.Get("OpenStack-API-Version") != "") {
				t.Errorf("%s %s: headers %v", c.request, c.headers, r.Header)
			}
			r.Body.Close()
			connection.Close()
		}
	}
	r, body := send(t, "GET", server.URL+"/traits/CUSTOM_X", "1.39", "")
	must(t, 404, r, body)
}
