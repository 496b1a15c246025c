package placement

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/placement/placementtest"
)

// A client that accepts gzip gets large answers compressed where that is on,
// and every other client gets what it always got.
func TestCompression(t *testing.T) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	for _, c := range []struct {
		from     int
		accept   string
		want     bool
		vary     bool
		resource string
	}{
		{1000, "gzip", true, true, "/resource_classes"},
		{1000, "deflate, gzip;q=0.5", true, true, "/resource_classes"},
		{1000, "*", true, true, "/resource_classes"},
		{1000, "*;q=0", false, true, "/resource_classes"},
		{1000, "gzip;q=0, *", false, true, "/resource_classes"},
		{1000, "identity", false, true, "/resource_classes"},
		{1000, "", false, true, "/resource_classes"},
		{1000, "gzip;q=x", false, true, "/resource_classes"},
		{1 << 20, "gzip", false, true, "/resource_classes"},
		{0, "gzip", false, false, "/resource_classes"},
		{1000, "gzip", false, true, "/"},
	} {
		url := serve(t, placementtest.NewNode(), Config{CompressFrom: c.from})
		r, err := http.NewRequest(http.MethodGet, url+c.resource, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Auth-Token", "admin")
		r.Header.Set("OpenStack-API-Version", "placement 1.39")
		if c.accept != "" {
			r.Header.Set("Accept-Encoding", c.accept)
		}
		response, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := response.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != c.want {
			t.Errorf("from %d, %q: compressed %v, want %v", c.from, c.accept, got, c.want)
		}
		if got := strings.Contains(response.Header.Get("Vary"), "Accept-Encoding"); got != c.vary {
			t.Errorf("from %d, %q: vary %q", c.from, c.accept, response.Header.Get("Vary"))
		}
		if c.want {
			unpacked, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(unpacked); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.HasPrefix(body, []byte(`{`)) || !bytes.HasSuffix(body, []byte(`}`)) {
			t.Errorf("from %d, %q: %.40q", c.from, c.accept, body)
		}
	}
}
