package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestPprofIsLoopbackOnly(t *testing.T) {
	for addr, fine := range map[string]bool{
		"": true, "127.0.0.1:0": true, "[::1]:6060": true, "localhost:6060": true,
		"0.0.0.0:6060": false, ":6060": false, "10.0.0.1:6060": false, "127.0.0.1": false, "example.org:6060": false,
	} {
		if err := checkPprof(addr); (err == nil) != fine {
			t.Errorf("%q: %v", addr, err)
		}
	}
	// No other flag makes up for it.
	_, err := Start(Config{NodeID: "n", DataDir: t.TempDir(), Listen: "127.0.0.1:0", PeerListen: "127.0.0.1:0", Pprof: "0.0.0.0:0", Insecure: true})
	if err == nil || !strings.Contains(err.Error(), "pprof: ") {
		t.Errorf("started, or refused for something else: %v", err)
	}
}

func TestPprofServes(t *testing.T) {
	s, err := servePprof("127.0.0.1:0", hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for path, want := range map[string]int{
		"/debug/pprof/": http.StatusOK, "/debug/pprof/heap": http.StatusOK, "/debug/pprof/cmdline": http.StatusOK, "/": http.StatusNotFound,
	} {
		answer, err := http.Get("http://" + s.Addr + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != want || len(body) == 0 {
			t.Errorf("%s: status %d, %d bytes, %v", path, answer.StatusCode, len(body), err)
		}
	}
}
