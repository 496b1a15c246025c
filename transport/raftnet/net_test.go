package raftnet

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/cluster"
)

const patience = 60 * time.Second

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain waited until %s", what)
		}
	}
}

// noLeaks expects as many goroutines at the end of the test as there are now.
// It comes before everything else in a test, so that it looks last.
func noLeaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		for runtime.NumGoroutine() > before {
			if time.Now().After(deadline) {
				buf := make([]byte, 1<<20)
				t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
			}
			time.Sleep(time.Millisecond)
		}
	})
}

// take waits for a value.
func take[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("waited in vain")
		panic("not reached")
	}
}

type handlerFunc func(ctx context.Context, verb cluster.Verb, body []byte) ([]byte, error)

func (f handlerFunc) HandlePeer(ctx context.Context, verb cluster.Verb, body []byte) ([]byte, error) {
	return f(ctx, verb, body)
}

func echo(_ context.Context, verb cluster.Verb, body []byte) ([]byte, error) {
	return append([]byte{byte(verb)}, body...), nil
}

// listen opens a port on the loopback, closed at the end of the test.
func listen(t *testing.T, clusterID string, change ...func(*Config)) *Net {
	t.Helper()
	config := Config{Listen: "127.0.0.1:0"}
	for _, f := range change {
		f(&config)
	}
	n, err := Listen(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close() })
	n.SetClusterID(clusterID)
	return n
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func wantPeerError(t *testing.T, err error, code cluster.PeerCode) *cluster.PeerError {
	t.Helper()
	refused, ok := err.(*cluster.PeerError) //nolint:errorlint // it is promised bare
	if !ok || refused.Code != code {
		t.Fatalf("got %T %v, want a PeerError of code %d", err, err, code)
	}
	return refused
}

func wantCallError(t *testing.T, err error, sent bool) *cluster.CallError {
	t.Helper()
	failed, ok := err.(*cluster.CallError) //nolint:errorlint // it is promised bare
	if !ok || failed.Sent != sent {
		t.Fatalf("got %T %+v, want a CallError with Sent %v", err, err, sent)
	}
	return failed
}

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *buffer) logger(c *Config) { c.Logger = hclog.New(&hclog.LoggerOptions{Output: b}) }

// withTLS returns a change that makes ports trust each other and nobody else.
func withTLS(t *testing.T) func(*Config) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	own, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(own)
	both := &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		RootCAs:      trusted, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}
	return func(c *Config) { c.ServerTLS, c.ClientTLS = both, both }
}

// eachTransport runs a test over plain TCP and over mutual TLS.
func eachTransport(t *testing.T, test func(t *testing.T, secure func(*Config))) {
	t.Run("plain", func(t *testing.T) { test(t, func(*Config) {}) })
	t.Run("tls", func(t *testing.T) { test(t, withTLS(t)) })
}

func TestListenRefuses(t *testing.T) {
	noLeaks(t)
	taken := listen(t, "")
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"no listen address":   {Config{}, "listen address is empty"},
		"any address":         {Config{Listen: "0.0.0.0:0"}, "advertise"},
		"any v6 address":      {Config{Listen: "[::]:0"}, "advertise"},
		"no host":             {Config{Listen: ":0"}, "advertise"},
		"advertise any":       {Config{Listen: "127.0.0.1:0", Advertise: "0.0.0.0:7000"}, `"0.0.0.0:7000"`},
		"advertise any v6":    {Config{Listen: "127.0.0.1:0", Advertise: "[::]:7000"}, `"[::]:7000"`},
		"advertise mapped":    {Config{Listen: "127.0.0.1:0", Advertise: "[::ffff:0.0.0.0]:7000"}, "any address"},
		"advertise zone":      {Config{Listen: "127.0.0.1:0", Advertise: "[::%lo]:7000"}, "any address"},
		"advertise no host":   {Config{Listen: "127.0.0.1:0", Advertise: ":7000"}, "host is missing"},
		"advertise port 0":    {Config{Listen: "127.0.0.1:0", Advertise: "node1:0"}, `port "0"`},
		"advertise name port": {Config{Listen: "127.0.0.1:0", Advertise: "node1:http"}, `port "http"`},
		"advertise no port":   {Config{Listen: "127.0.0.1:0", Advertise: "node1"}, "advertise"},
		"half of TLS":         {Config{Listen: "127.0.0.1:0", ServerTLS: &tls.Config{MinVersion: tls.VersionTLS13}}, "TLS"},
		"address in use":      {Config{Listen: taken.Addr()}, taken.Addr()},
		"negative limit":      {Config{Listen: "127.0.0.1:0", Limits: Limits{CallsMax: -1}}, "CallsMax"},
		"negative time":       {Config{Listen: "127.0.0.1:0", Limits: Limits{CallIdleTimeout: -1}}, "CallIdleTimeout"},
		"few bytes":           {Config{Listen: "127.0.0.1:0", Limits: Limits{CallBytesInFlightMax: 1}}, "CallBytesInFlightMax"},
	} {
		n, err := Listen(c.config)
		if err == nil {
			n.Close()
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", name, err, c.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	noLeaks(t)
	n := listen(t, "c", func(c *Config) { c.Listen, c.Advertise = "0.0.0.0:0", "node1.example:7000" })
	if n.Addr() != "node1.example:7000" || n.Raft().Addr().String() != "node1.example:7000" || n.Raft().Addr().Network() != "tcp" {
		t.Error(n.Addr(), n.Raft().Addr())
	}
	if _, port, err := net.SplitHostPort(n.ListenAddr()); err != nil || port == "0" {
		t.Error(n.ListenAddr(), err)
	}
	plain := listen(t, "c")
	if plain.Addr() != plain.ListenAddr() {
		t.Error(plain.Addr(), plain.ListenAddr())
	}
}

func TestNoDelay(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	b.Serve(handlerFunc(echo))
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbTerm, nil); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]*Net{"dialer": a, "acceptor": b} {
		n.mu.Lock()
		for l := range n.links {
			if !noDelay(t, l.raw) {
				t.Errorf("the %s's side waits to fill segments", name)
			}
		}
		if len(n.links) != 1 {
			t.Errorf("the %s has %d connections", name, len(n.links))
		}
		n.mu.Unlock()
	}
}

func TestCloseTwiceAndAfter(t *testing.T) {
	noLeaks(t)
	a, b := listen(t, "c"), listen(t, "c")
	b.Serve(handlerFunc(echo))
	if _, err := a.Call(soon(t), b.Addr(), cluster.VerbTerm, nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.Call(soon(t), b.Addr(), cluster.VerbTerm, nil)
	if failed := wantCallError(t, err, false); !errors.Is(failed, ErrClosed) {
		t.Error(err)
	}
	_, err = a.Raft().Dial("127.0.0.1:1", time.Second)
	if failed := wantCallError(t, err, false); !errors.Is(failed, ErrClosed) {
		t.Error(err)
	}
	if _, err := a.Raft().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	if _, err := b.Call(soon(t), a.Addr(), cluster.VerbTerm, nil); err == nil {
		t.Error("a closed port answers")
	}
}

// TestCloseWithStubbornHandler: a handler that ignores its context is reported
// and does not keep Close for ever, not even if it is the one who closes.
func TestCloseWithStubbornHandler(t *testing.T) {
	noLeaks(t)
	a := listen(t, "c")
	b := listen(t, "c", func(c *Config) { c.Limits.CloseTimeout = 20 * time.Millisecond })
	closed := make(chan error, 1)
	b.Serve(handlerFunc(func(context.Context, cluster.Verb, []byte) ([]byte, error) {
		closed <- b.Close()
		return nil, nil
	}))
	_, err := a.Call(soon(t), b.Addr(), cluster.VerbTerm, nil)
	wantCallError(t, err, true)
	if err := take(t, closed); err == nil || !strings.Contains(err.Error(), "1 calls") {
		t.Errorf("Close returned %v", err)
	}
}
