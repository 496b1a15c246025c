package client

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

func tlsOf(testing.TB) *tls.Config { return &tls.Config{MinVersion: tls.VersionTLS12} }

func TestTLS(t *testing.T) {
	cluster, _ := start(t, 1)
	secure := httptest.NewTLSServer(cluster.nodes[0])
	t.Cleanup(secure.Close)
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	config := tlsOf(t)
	config.RootCAs = pool
	c := connect(t, []string{secure.Listener.Addr().String()}, WithTLS(config))
	must(c.CreateProvider(t.Context(), root("a")))(t)
	// The leader's URL is plain http: it must not be followed.
	if got := c.Endpoints(); len(got) != 1 || got[0] != secure.URL {
		t.Errorf("endpoints %v, want %s alone", got, secure.URL)
	}
}

// Callers at the same time keep their connections for the next time.
func TestConnectionsAreKept(t *testing.T) {
	const callers, rounds = 256, 5
	cluster, _ := start(t, 1)
	cluster.lead(-1) // else the leader's own URL is preferred
	made := &counter{}
	server := httptest.NewUnstartedServer(cluster.nodes[0])
	server.Config.ConnState = made.state
	server.Start()
	t.Cleanup(server.Close)
	c := connect(t, []string{server.URL})
	round := func() {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				if _, err := c.Cluster(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for range rounds {
		round()
	}
	// net/http may dial for a request that is then served by a connection that
	// came free, so there can be some more than callers.
	if n := made.now(); n > 2*callers {
		t.Errorf("%d connections for %d callers in %d rounds", n, callers, rounds)
	}
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) state(_ net.Conn, s http.ConnState) {
	if s == http.StateNew {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.n++
	}
}

func (c *counter) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
