package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster/clustertest"
	"github.com/treenode/treenode/transport/bareanswer"
	"github.com/treenode/treenode/transport/certs"
)

const patience = 60 * time.Second

// authority is a CA of a test, with what tests want of it.
type authority struct {
	*certs.Authority
	t    *testing.T
	pair certs.Pair
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	pair, err := certs.NewAuthority("a test", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	a, err := certs.LoadAuthority(pair)
	if err != nil {
		t.Fatal(err)
	}
	return authority{a, t, pair}
}

func (a authority) must(p certs.Pair, err error) certs.Pair {
	a.t.Helper()
	if err != nil {
		a.t.Fatal(err)
	}
	return p
}

func loaded(t *testing.T, p certs.Pair) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func put(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// secureCluster starts nodes with TLS on both ports.
type secureCluster struct {
	peers, api authority
	configs    []Config
	servers    []*Server
	log        *logBuffer
}

func startSecure(t *testing.T, nodes int, changed ...func(*Config)) *secureCluster {
	t.Helper()
	c := &secureCluster{peers: newAuthority(t), api: newAuthority(t), log: &logBuffer{}}
	until := time.Now().Add(time.Hour)
	empty, err := c.peers.Revoke(nil, nil, until)
	if err != nil {
		t.Fatal(err)
	}
	var join []string
	for range nodes {
		join = append(join, clustertest.FreeAddr(t))
	}
	for i, peer := range join {
		id, dir := fmt.Sprintf("n%d", i+1), t.TempDir()
		of, at := c.peers.must(c.peers.NewPeer(id, until)), c.api.must(c.api.NewServer(id, []string{"127.0.0.1"}, until))
		config := Config{
			NodeID: id, DataDir: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", PeerListen: peer,
			RequestTimeout: 10 * time.Second, Version: "test", certsEvery: 20 * time.Millisecond, Logger: hclog.New(&hclog.LoggerOptions{Name: id, Output: c.log}),
			TLS: certs.APIFiles{
				Cert: put(t, filepath.Join(dir, "api.crt"), at.Cert), Key: put(t, filepath.Join(dir, "api.key"), at.Key),
				ClientCA: put(t, filepath.Join(dir, "api-ca.crt"), c.api.pair.Cert),
			},
			PeerTLS: certs.PeerFiles{
				CA:   put(t, filepath.Join(dir, "peer-ca.crt"), c.peers.pair.Cert),
				Cert: put(t, filepath.Join(dir, "peer.crt"), of.Cert), Key: put(t, filepath.Join(dir, "peer.key"), of.Key),
				CRL: put(t, filepath.Join(dir, "peer.crl"), empty),
			},
		}
		if nodes > 1 {
			config.BootstrapExpect, config.Join = nodes, join
		}
		for _, change := range changed {
			change(&config)
		}
		s, err := Start(config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil {
				t.Log(err)
			}
		})
		c.configs, c.servers = append(c.configs, config), append(c.servers, s)
	}
	return c
}

// client trusts the API's CA and shows a certificate, if there is one.
func (c *secureCluster) client(t *testing.T, shown ...tls.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(c.api.pair.Cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: shown}, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

func (c *secureCluster) awaitReady(t *testing.T) {
	t.Helper()
	client := c.client(t)
	for _, s := range c.servers {
		for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
			answer, err := client.Get(s.URL() + "/readyz")
			if err == nil {
				answer.Body.Close()
				if answer.StatusCode == http.StatusOK {
					break
				}
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s is not ready: %v\n%s", s.URL(), err, c.log)
			}
		}
	}
}

// write changes something by a node and returns the answer.
func write(t *testing.T, client *http.Client, url, name string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, url+"/resource_providers", strings.NewReader(`{"name": "`+name+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"X-Auth-Token": {"admin"}, "Content-Type": {"application/json"}, "OpenStack-API-Version": {"placement 1.39"}}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("status %d, %s, %v", answer.StatusCode, body, err)
	}
	return answer
}

// talk sends bytes, over TLS if there is a configuration, and returns the answer;
// empty if there is none.
func talk(t *testing.T, addr string, config *tls.Config, in string) string {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	over := conn
	if config != nil {
		over = tls.Client(conn, config)
	}
	if _, err := io.WriteString(over, in); err != nil {
		return ""
	}
	b := make([]byte, 1024)
	n, _ := over.Read(b)
	return string(b[:n])
}

// TestSlowHandshake: a client that is too slow is cut off.
func TestSlowHandshake(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	l := &tlsListener{
		Listener: inner, config: &tls.Config{Certificates: []tls.Certificate{{}}}, timeout: 50 * time.Millisecond,
		refusals: &refusals{log: hclog.New(&hclog.LoggerOptions{Output: log})},
	}
	s := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: patience}
	go s.Serve(l)
	defer s.Close()
	if got := talk(t, inner.Addr().String(), nil, "\x16\x03\x01\x00\xff"); got != "" {
		t.Errorf("%q", got)
	}
	for deadline := time.Now().Add(patience); !strings.Contains(log.String(), "TLS connection refused"); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(log.String())
		}
	}
}

// TestHandlersSeeTLS: net/http does not set it, see tlsListener.
func TestHandlersSeeTLS(t *testing.T) {
	c := &secureCluster{api: newAuthority(t)}
	until, dir := time.Now().Add(time.Hour), t.TempDir()
	own := c.api.must(c.api.NewServer("n1", []string{"127.0.0.1"}, until))
	with, err := certs.OpenAPI(certs.APIFiles{
		Cert: put(t, filepath.Join(dir, "api.crt"), own.Cert), Key: put(t, filepath.Join(dir, "api.key"), own.Key),
		ClientCA: put(t, filepath.Join(dir, "api-ca.crt"), c.api.pair.Cert),
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := listenAPI("127.0.0.1:0", with, 0, patience, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan *tls.ConnectionState, 10)
	s := &http.Server{ConnContext: ofConnection, ReadHeaderTimeout: patience, Handler: withTLS(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen <- r.TLS
	}))}
	defer s.Close()
	go s.Serve(bareanswer.Install(s, l, func(*http.Request) http.Handler { return s.Handler }))
	addr := l.Addr().String()
	ops := loaded(t, c.api.must(c.api.NewClient("ops", []string{"admins"}, until)))
	for name, request := range map[string]string{
		"good": "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "refused by net/http": "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
	} {
		talk(t, addr, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{ops}}, request)
		state := <-seen
		if state == nil || len(state.VerifiedChains) != 1 || state.VerifiedChains[0][0].Subject.CommonName != "ops" {
			t.Errorf("%s: %+v", name, state)
		}
		talk(t, addr, &tls.Config{InsecureSkipVerify: true}, request)
		if state := <-seen; state == nil || len(state.VerifiedChains) != 0 {
			t.Errorf("%s: %+v", name, state)
		}
	}
}

// TestBareAnswerOverTLS: what net/http refuses by itself gets the API's answer over
// TLS too.
func TestBareAnswerOverTLS(t *testing.T) {
	c := startSecure(t, 1)
	addr := strings.TrimPrefix(c.servers[0].URL(), "https://")
	got := talk(t, addr, &tls.Config{InsecureSkipVerify: true},
		"PUT /resource_providers/x HTTP/1.1\r\nHost: x\r\nX-Auth-Token: admin\r\nContent-Length: many\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") || !strings.Contains(got, "application/json") {
		t.Errorf("%q", got)
	}
}

// TestReload: a listener that runs takes in what its files have, without a restart,
// and a peer that is revoked loses what it has.
func TestReload(t *testing.T) {
	c := startSecure(t, 3)
	c.awaitReady(t)
	until := time.Now().Add(time.Hour)
	serial := func() string {
		conn, err := tls.Dial("tcp", strings.TrimPrefix(c.servers[0].URL(), "https://"), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	was := serial()
	next := c.api.must(c.api.NewServer("n1", []string{"127.0.0.1"}, until))
	put(t, c.configs[0].TLS.Cert, next.Cert)
	put(t, c.configs[0].TLS.Key, next.Key)
	for deadline := time.Now().Add(patience); serial() == was; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the old certificate is used still\n%s", c.log)
		}
	}
	first := inUse(t, c.configs[2])
	// New certificates for all peers, one after the other, while the cluster works.
	for i, config := range c.configs {
		pair := c.peers.must(c.peers.NewPeer(config.NodeID, until))
		put(t, config.PeerTLS.Key, pair.Key)
		put(t, config.PeerTLS.Cert, pair.Cert)
		write(t, c.client(t), c.servers[i].URL(), "meanwhile-"+config.NodeID)
	}
	for deadline := time.Now().Add(patience); strings.Count(c.log.String(), "files were read again") < 4; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not all certificates are read again\n%s", c.log)
		}
	}
	for i, s := range c.servers {
		write(t, c.client(t), s.URL(), fmt.Sprintf("after-%d", i))
	}
	// n3's certificates are revoked, the first one too, by which connections stand: the
	// others drop it, and go on.
	list, err := c.peers.Revoke(nil, []*x509.Certificate{first, inUse(t, c.configs[2])}, until)
	if err != nil {
		t.Fatal(err)
	}
	for _, config := range c.configs[:2] {
		put(t, config.PeerTLS.CRL, list)
	}
	// The leader tries to reach n3 anew only because what it had is closed.
	for deadline := time.Now().Add(patience); !strings.Contains(c.log.String(), `of node \"n3\" is revoked`); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("n3 is one of them still\n%s", c.log)
		}
	}
	write(t, c.client(t), c.servers[0].URL(), "without-n3")
}

// inUse is a node's peer certificate, as the file has it.
func inUse(t *testing.T, c Config) *x509.Certificate {
	t.Helper()
	b, err := os.ReadFile(c.PeerTLS.Cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(b)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// TestListenersAreRefused says what is missing, flag by flag.
func TestListenersAreRefused(t *testing.T) {
	secure := certs.APIFiles{Cert: "x", Key: "y"}
	mutual := certs.PeerFiles{CA: "x", Cert: "y", Key: "z"}
	for name, c := range map[string]struct {
		config Config
		want   []string // none: it may listen
	}{
		"loopback":        {Config{Listen: "127.0.0.1:1", PeerListen: "[::1]:1"}, nil},
		"API":             {Config{Listen: "10.0.0.1:1", PeerListen: "127.0.0.1:1"}, []string{"listen: 10.0.0.1:1", "--tls-cert", "--auth", "--insecure-listen"}},
		"API, all":        {Config{Listen: ":1", PeerListen: "127.0.0.1:1", TLS: secure, Authenticated: true}, nil},
		"API, no auth":    {Config{Listen: ":1", PeerListen: "127.0.0.1:1", TLS: secure}, []string{"listen: :1", "--auth"}},
		"API, no TLS":     {Config{Listen: ":1", PeerListen: "127.0.0.1:1", Authenticated: true}, []string{"--tls-cert"}},
		"peers":           {Config{Listen: "127.0.0.1:1", PeerListen: "0.0.0.0:1"}, []string{"peer-listen: 0.0.0.0:1", "--peer-ca", "--insecure-listen"}},
		"peers, mutual":   {Config{Listen: "127.0.0.1:1", PeerListen: "0.0.0.0:1", PeerTLS: mutual}, nil},
		"peers, API only": {Config{Listen: "127.0.0.1:1", PeerListen: "0.0.0.0:1", TLS: secure, Authenticated: true}, []string{"--peer-cert"}},
		"both":            {Config{Listen: ":1", PeerListen: ":1"}, []string{"peer-listen: ", "listen: :1"}},
		"insecure":        {Config{Listen: ":1", PeerListen: ":1", Insecure: true}, nil},
		"no port":         {Config{Listen: "x", PeerListen: "127.0.0.1:1", Insecure: true}, []string{`listen: "x"`}},
	} {
		err := c.config.checkListeners()
		if (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if err := (Config{Listen: ":1", PeerListen: "127.0.0.1:1", TLS: secure}).checkListeners(); strings.Contains(err.Error(), "--tls-cert") {
		t.Errorf("%v asks for what is given", err)
	}
}
