package server

import (
	"context"

	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/auth/authtest"
	"github.com/treenode/treenode/transport/auth/keystone"
	"github.com/treenode/treenode/transport/certs"
)

const (
	// rateOf and burstOf are the requests of a principal at each node.
	rateOf, burstOf = 60, 60
	// requestTime bounds a request.
	requestTime = 2 * time.Second
	// gapMax is how long clients may be without an acknowledgement while somebody
	// else attacks.
	gapMax = 500 * time.Millisecond
	// attackTries is how often an attack is played that seems to harm: that the
	// machine stood still for a moment is not its work.
	attackTries = 3
)

// patienceOfAPI is shorter than that of a node that is no test's.
var patienceOfAPI = portTimes{handshake: 2500 * time.Millisecond, header: 1500 * time.Millisecond, request: 2 * time.Second, peer: time.Second}

// battlefield is a cluster with everything on, and what attackers need.
type battlefield struct {
	*secureCluster
	t               *testing.T
	keystone        *authtest.Keystone
	foreign         *authtest.Keystone
	stranger        authority
	service, reader string // tokens
	attackers       byte
	secrets         []string
	target          *Server // of the attack
	targetPeer      string
	targetIndex     int
	clusterID       string
}

// attack is one way to attack the node that leads. It returns what the attacker saw,
// and an error if that is not what they should see.
type attack struct {
	name string
	run  func(b *battlefield) (saw string, err error)
}

// secret notes a text that must not be in a log.
func (b *battlefield) secret(s string) string {
	b.secrets = append(b.secrets, s)
	return s
}

func (b *battlefield) issue(k *authtest.Keystone, g authtest.Grant) string {
	return b.secret(k.Issue(g))
}

func newBattlefield(t *testing.T) *battlefield {
	t.Helper()
	password := "pa55-" + rand.Text()
	b := &battlefield{
		t: t, keystone: authtest.New("treenode", password, nil), foreign: authtest.New("treenode", password, nil), stranger: newAuthority(t),
	}
	t.Cleanup(b.keystone.Close)
	t.Cleanup(b.foreign.Close)
	b.secret(password)
	of := put(t, filepath.Join(t.TempDir(), "keystone.yaml"), []byte("auth_url: "+b.keystone.URL+
		"\nusername: treenode\nuser_domain_name: Default\nproject_name: service\nproject_domain_name: Default\ntoken_cache_time: 1\npassword: "+password+"\n"))
	asks, err := keystone.Load(of)
	if err != nil {
		t.Fatal(err)
	}
	b.secureCluster = startSecure(t, 3, func(c *Config) {
		c.Logger.SetLevel(hclog.Trace)
		c.RequestTimeout, c.Authenticated = requestTime, true
		c.patience, c.RequireJoinToken = patienceOfAPI, true
		who, err := keystone.New(asks, auth.NewAttempts(1, 20), c.Logger.Named("keystone"))
		if err != nil {
			t.Fatal(err)
		}
		c.Auth = who
		c.Limit = func(who auth.Authenticator) (auth.Authenticator, error) { return auth.NewLimited(who, rateOf, burstOf) }
	})
	for _, c := range b.configs {
		for _, name := range []string{c.TLS.Key, c.PeerTLS.Key} {
			key, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			b.secret(strings.Split(string(key), "\n")[1])
		}
	}
	b.service = b.issue(b.keystone, authtest.Grant{User: "nova", Project: "service", Roles: []string{"service"}})
	b.reader = b.issue(b.keystone, authtest.Grant{User: "mallory", Project: "p", Roles: []string{"reader"}})
	b.awaitReady(t)
	return b
}

// aim points at the node that leads now.
func (b *battlefield) aim() {
	b.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		for i, s := range b.servers {
			if n := s.Node(); n != nil && n.Status().State == "leader" {
				b.target, b.targetIndex, b.targetPeer, b.clusterID = s, i, b.configs[i].PeerListen, n.Status().ClusterID
				// Vain attempts count by address: each attack comes from one of its own.
				b.attackers++
				return
			}
		}
		if time.Now().After(deadline) {
			b.t.Fatal("nobody leads")
		}
	}
}

// dial connects to an address from the attacker's.
func (b *battlefield) dial(addr string) (net.Conn, error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, b.attackers)}, Timeout: patience}
	conn, err := dialer.DialContext(b.t.Context(), "tcp", addr)
	if err == nil {
		err = conn.SetDeadline(time.Now().Add(patience))
	}
	return conn, err
}

func (b *battlefield) apiAddr() string { return strings.TrimPrefix(b.target.URL(), "https://") }

// hourly is when what attackers make for themselves ends.
func hourly() time.Time { return time.Now().Add(time.Hour) }

// shows is a client's TLS that shows a certificate whatever the server asks for.
func shows(t *testing.T, p certs.Pair) *tls.Config {
	t.Helper()
	config := &tls.Config{InsecureSkipVerify: true}
	if p.Cert != nil {
		pair := loaded(t, p)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config
}

// TestAttacks attacks a cluster in every way that the threat model has, one after the
// other, while clients write by every node. Each attack has to be refused, to leave no
// secret in a log, and to keep nobody from writing.
func TestAttacks(t *testing.T) {
	b := newBattlefield(t)
	clients := startLoad(t, b.secureCluster, b.service)
	clients.since(t, time.Now())
	quiet := time.Now()
	time.Sleep(gapMax)
	still, _ := clients.since(t, quiet)
	allowed := max(gapMax, 4*still)
	t.Logf("%-52s | %-76s | longest gap", "attack", "what the attacker saw")
	t.Logf("%-52s | %-76s | %v", "(none)", "", still.Round(time.Millisecond))
	for _, a := range append(append(tokenAttacks(), apiAttacks()...), peerAttacks()...) {
		for try := 1; ; try++ {
			b.aim()
			began := time.Now()
			saw, err := a.run(b)
			gap, failed := clients.since(t, began)
			t.Logf("%-52s | %-76s | %v", a.name, saw, gap.Round(time.Millisecond))
			if err != nil {
				t.Errorf("%s: %v", a.name, err)
				break
			}
			if gap <= allowed && len(failed) == 0 {
				break
			}
			if try == attackTries {
				t.Errorf("%s: clients were without an acknowledgement for %v, more than %v; failed: %q", a.name, gap, allowed, failed)
				break
			}
		}
	}
	clients.stop()
	clients.check(t)
	log := b.log.String()
	for _, want := range []string{"peer connection refused", "TLS connection refused"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	for _, secret := range append(b.secrets, "gAAAA", "PRIVATE KEY", "panic") {
		if i := strings.Index(log, secret); i >= 0 {
			t.Errorf("the log has %q: …%s…", secret, log[max(0, i-200):min(len(log), i+200)])
		}
	}
	b.counted()
}

// counted checks that the refusals are in the metrics of the nodes.
func (b *battlefield) counted() {
	b.t.Helper()
	all := ""
	for _, b.target = range b.servers {
		b.attackers++
		_, _, text, err := b.ask(http.MethodGet, "/metrics", nil, "", "X-Auth-Token", b.service)
		if err != nil {
			b.t.Fatal(err)
		}
		all += text
	}
	for _, want := range []string{
		`treenode_auth_failures_total{reason="unauthenticated"}`, `treenode_auth_failures_total{reason="forbidden"}`, `treenode_errors_total{code="rate_limited"}`,
	} {
		if !strings.Contains(all, want) {
			b.t.Errorf("the metrics have no %s", want)
		}
	}
}

// ask sends a request over a connection of its own.
func (b *battlefield) ask(method, path string, body io.Reader, media string, header ...string) (int, http.Header, string, error) {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // an attacker does not care
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) { return b.dial(addr) }}}
	r, err := http.NewRequest(method, b.target.URL()+path, body)
	if err != nil {
		return 0, nil, "", err
	}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, string(text), err
}

// wants asks with some headers and expects a status.
func (b *battlefield) wants(status int, method, path, body string, header ...string) (string, error) {
	var r io.Reader
	media := ""
	if body != "" {
		r, media = strings.NewReader(body), "application/json"
	}
	got, _, text, err := b.ask(method, path, r, media, header...)
	if err != nil {
		return "", err
	}
	if got != status {
		return "", fmt.Errorf("%s %s: status %d, not %d: %.300s", method, path, got, status, text)
	}
	return fmt.Sprint(got), nil
}
