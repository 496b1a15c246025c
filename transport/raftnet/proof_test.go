package raftnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/transport/certs"
)

// notary issues certificates of one CA for a test.
type notary struct {
	t  *testing.T
	ca certs.Pair
	*certs.Authority
}

func newNotary(t *testing.T) *notary {
	t.Helper()
	ca, err := certs.NewAuthority("peers of a test", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	a, err := certs.LoadAuthority(ca)
	if err != nil {
		t.Fatal(err)
	}
	return &notary{t, ca, a}
}

func (o *notary) pair(p certs.Pair, err error) tls.Certificate {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		o.t.Fatal(err)
	}
	return pair
}

// peer loads what a node has.
func (o *notary) peer(id string) *certs.Peer {
	o.t.Helper()
	pair, err := o.NewPeer(id, time.Now().Add(time.Hour))
	if err != nil {
		o.t.Fatal(err)
	}
	dir := o.t.TempDir()
	files := certs.PeerFiles{CA: filepath.Join(dir, "ca"), Cert: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	for path, content := range map[string][]byte{files.CA: o.ca.Cert, files.Cert: pair.Cert, files.Key: pair.Key} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	p, err := certs.OpenPeer(id, files, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

// as makes a port that of a node with a certificate.
func (o *notary) as(id string) func(*Config) {
	o.t.Helper()
	p := o.peer(id)
	return func(c *Config) { c.ServerTLS, c.ClientTLS, c.PeerName = p.ServerTLS(), p.ClientTLS(), certs.PeerName }
}

// sayCaller answers who calls.
func sayCaller(ctx context.Context, _ cluster.Verb, _ []byte) ([]byte, error) {
	name, ok := cluster.PeerName(ctx)
	return fmt.Appendf(nil, "%s %v", name, ok), nil
}

func TestHandlersKnowTheCaller(t *testing.T) {
	noLeaks(t)
	o := newNotary(t)
	a, b := listen(t, "c", o.as("n1")), listen(t, "c", o.as("n2"))
	b.Serve(handlerFunc(sayCaller))
	for range 2 { // by a new connection, and by the one that was kept
		who := cluster.Answerer{}
		answer, err := a.Call(cluster.WithAnswerer(soon(t), &who), b.Addr(), cluster.VerbHello, nil)
		if err != nil || string(answer) != "n1 true" || who.Name != "n2" {
			t.Errorf("%q, %v, answered by %q", answer, err, who.Name)
		}
	}
	plain, other := listen(t, "c"), listen(t, "c")
	other.Serve(handlerFunc(sayCaller))
	who := cluster.Answerer{Want: "n9"} // nobody proves anything
	answer, err := plain.Call(cluster.WithAnswerer(soon(t), &who), other.Addr(), cluster.VerbHello, nil)
	if err != nil || string(answer) != " false" || who.Name != "" {
		t.Errorf("%q, %v, answered by %q", answer, err, who.Name)
	}
}

// TestAnotherNodeAnswers: what is meant for one node is not told to another that
// took its address.
func TestAnotherNodeAnswers(t *testing.T) {
	noLeaks(t)
	o := newNotary(t)
	a, b := listen(t, "c", o.as("n1")), listen(t, "c", o.as("n2"))
	b.SetServer("n3@1") // it would let the stream in
	b.Serve(handlerFunc(func(_ context.Context, verb cluster.Verb, _ []byte) ([]byte, error) {
		if verb == cluster.VerbForward {
			t.Error("the call has arrived")
		}
		return nil, nil
	}))
	call := func(verb cluster.Verb, want string) error {
		_, err := a.Call(cluster.WithAnswerer(soon(t), &cluster.Answerer{Want: want}), b.Addr(), verb, nil)
		return err
	}
	for range 2 { // before there is a connection, and over the one that is kept
		wantCallError(t, call(cluster.VerbForward, "n3"), false)
		if err := call(cluster.VerbHello, "n2"); err != nil {
			t.Error(err)
		}
	}
	target := cluster.StreamTarget("n3@1", raft.ServerAddress(b.Addr()))
	_, err := a.Raft().Dial(target, patience)
	if failed := wantCallError(t, err, false); !strings.Contains(failed.Error(), `node "n2" answers there, not "n3"`) {
		t.Error(failed)
	}
	b.SetServer("n2@1")
	conn, err := a.Raft().Dial(cluster.StreamTarget("n2@1", raft.ServerAddress(b.Addr())), patience)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := b.Raft().Accept()
	if err != nil {
		t.Fatal(err)
	}
	if named, ok := accepted.(cluster.NamedStream); !ok || named.PeerName() != "n1" {
		t.Errorf("%T", accepted)
	}
	if layer, ok := b.Raft().(cluster.NamesPeers); !ok || !layer.NamesPeers() {
		t.Error("the layer does not say that its streams have names")
	}
	conn.Close()
	accepted.Close()
}

// TestStrangers: none of them gets a word of the protocol, each is counted and
// logged, and the port goes on.
func TestStrangers(t *testing.T) {
	noLeaks(t)
	o, other := newNotary(t), newNotary(t)
	var log buffer
	b := listen(t, "c", o.as("n2"), log.logger, func(c *Config) {
		c.Limits.LogInterval, c.Limits.HandshakeTimeout = time.Nanosecond, 300*time.Millisecond
	})
	b.Serve(handlerFunc(sayCaller))
	hour := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"another CA":     {&tls.Config{Certificates: []tls.Certificate{other.pair(other.NewPeer("n1", hour))}}, "x509"},
		"an API client":  {&tls.Config{Certificates: []tls.Certificate{o.pair(o.NewClient("n1", nil, hour))}}, "not a peer's"},
		"an API server":  {&tls.Config{Certificates: []tls.Certificate{o.pair(o.NewServer("n1", []string{"n1"}, hour))}}, "not a peer's"},
		"expired":        {&tls.Config{Certificates: []tls.Certificate{o.pair(o.NewPeer("n1", time.Now().Add(-time.Hour)))}}, "expired"},
		"no certificate": {&tls.Config{}, "certificate"},
		"TLS 1.1":        {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "version"},
		"TLS 1.2":        {&tls.Config{MaxVersion: tls.VersionTLS12}, "version"},
		"plain bytes":    {nil, "tls: first record does not look like a TLS handshake"},
		"plain peer":     {nil, "tls: first record does not look like a TLS handshake"},
		"silent":         {nil, ""},
	} {
		before := b.Stats().Handshakes
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		talk := conn
		switch {
		case name == "plain bytes":
			fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\n")
		case name == "plain peer":
			conn.Write(appendPreamble(nil, preamble{kind: kindCall, clusterID: "c"}))
		case c.config != nil:
			c.config.InsecureSkipVerify = true
			talk = tls.Client(conn, c.config)
			talk.Write(appendPreamble(nil, preamble{kind: kindCall, clusterID: "c"}))
		}
		said, err := io.ReadAll(talk)
		if strings.Contains(string(said), magic) {
			t.Errorf("%s: answered %q, %v", name, said, err)
		}
		conn.Close()
		eventually(t, name+" is counted", func() bool { return b.Stats().Handshakes == before+1 })
		if !strings.Contains(log.String(), c.want) {
			t.Errorf("%s: the log does not say %q:\n%s", name, c.want, log.String())
		}
	}
	a := listen(t, "c", o.as("n1"))
	if answer, err := a.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil || string(answer) != "n1 true" {
		t.Errorf("%q, %v", answer, err)
	}
	// A dialer notices too: an API, a node of another CA, and one without TLS.
	c := listen(t, "c", other.as("n2"))
	plain := listen(t, "c", func(c *Config) { c.Limits.HandshakeTimeout = 300 * time.Millisecond })
	for name, n := range map[string]*Net{"another CA": c, "without TLS": plain} {
		_, err := a.Call(soon(t), n.Addr(), cluster.VerbHello, nil)
		wantCallError(t, err, false)
		if name == "another CA" && !strings.Contains(err.Error(), "unknown authority") {
			t.Error(err)
		}
	}
	if strings.Contains(log.String(), "-----") {
		t.Error("the log has a PEM block")
	}
}

// TestRecheck: a peer that is trusted no more loses the connections that it has.
func TestRecheck(t *testing.T) {
	noLeaks(t)
	o := newNotary(t)
	b := listen(t, "c", o.as("n2"))
	b.Serve(handlerFunc(sayCaller))
	var ports []*Net
	for _, id := range []string{"n1", "n3"} {
		n := listen(t, "c", o.as(id))
		if _, err := n.Call(soon(t), b.Addr(), cluster.VerbHello, nil); err != nil {
			t.Fatal(err)
		}
		ports = append(ports, n)
	}
	open := func(n *Net) int {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.links)
	}
	if open(b) != 2 {
		t.Fatalf("%d connections", open(b))
	}
	b.Recheck(func(chain []*x509.Certificate) error {
		if id, _ := certs.PeerName(chain[0]); id == "n3" {
			return errors.New("not trusted")
		}
		return nil
	})
	if open(b) != 1 {
		t.Errorf("%d connections", open(b))
	}
	eventually(t, "n3 sees that its connection is closed", func() bool {
		ports[1].mu.Lock()
		defer ports[1].mu.Unlock()
		for l := range ports[1].links {
			return !quiet(l.raw)
		}
		return true
	})
}
