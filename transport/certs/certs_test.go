package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
)

const patience = 60 * time.Second

func inAnHour() time.Time { return time.Now().Add(time.Hour) }

func authority(t *testing.T, name string) (*Authority, Pair) {
	t.Helper()
	pair, err := NewAuthority(name, inAnHour())
	if err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(pair)
	if err != nil {
		t.Fatal(err)
	}
	return a, pair
}

func must(t *testing.T) func(Pair, error) Pair {
	return func(p Pair, err error) Pair {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

func write(t *testing.T, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path+".new", b, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

func peerFiles(t *testing.T, ca []byte, p Pair) PeerFiles {
	t.Helper()
	dir := t.TempDir()
	return PeerFiles{
		CA: write(t, filepath.Join(dir, "ca.crt"), ca), Cert: write(t, filepath.Join(dir, "peer.crt"), p.Cert),
		Key: write(t, filepath.Join(dir, "peer.key"), p.Key),
	}
}

func apiFiles(t *testing.T, p Pair, clientCA []byte) APIFiles {
	t.Helper()
	dir := t.TempDir()
	f := APIFiles{Cert: write(t, filepath.Join(dir, "api.crt"), p.Cert), Key: write(t, filepath.Join(dir, "api.key"), p.Key)}
	if clientCA != nil {
		f.ClientCA = write(t, filepath.Join(dir, "ca.crt"), clientCA)
	}
	return f
}

func openPeer(t *testing.T, id string, f PeerFiles) *Peer {
	t.Helper()
	p, err := OpenPeer(id, f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func loadPair(t *testing.T, p Pair) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

func parse(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	pair, err := parsePair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

// shake does a handshake and an exchange of a byte in each direction. It returns
// what each side thinks of it.
func shake(t *testing.T, server, client *tls.Config) (serverErr, clientErr error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	if err := errors.Join(a.SetDeadline(deadline), b.SetDeadline(deadline)); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		s := tls.Server(a, server)
		_, err := io.ReadFull(s, make([]byte, 1))
		if err == nil {
			_, err = s.Write([]byte("x"))
		}
		a.Close()
		done <- err
	}()
	c := tls.Client(b, client)
	_, clientErr = c.Write([]byte("x"))
	if clientErr == nil {
		_, clientErr = io.ReadFull(c, make([]byte, 1))
	}
	b.Close()
	return <-done, clientErr
}

func TestPeerName(t *testing.T) {
	for _, c := range []struct {
		uris []string
		id   string
		ok   bool
	}{
		{nil, "", false},
		{[]string{"treenode://peer/n1"}, "n1", true},
		{[]string{"https://example.org/x", "treenode://peer/n1"}, "n1", true},
		{[]string{"spiffe://peer/n1"}, "", false},
		{[]string{"treenode://client/n1"}, "", false},
		{[]string{"treenode://peer/n1", "treenode://peer/n2"}, "", true},
		{[]string{"treenode://peer/n1", "treenode://peer/n1"}, "", true},
		{[]string{"treenode://peer/"}, "", true},
		{[]string{"treenode://peer"}, "", true},
		{[]string{"treenode://peer/n1/x"}, "", true},
		{[]string{"treenode://peer/n1?x"}, "", true},
		{[]string{"treenode://peer/n%31"}, "", true},
		{[]string{"treenode://u@peer/n1"}, "", true},
		{[]string{"treenode://PEER/n1"}, "", true},
		{[]string{"TREENODE://peer/n1"}, "n1", true}, // a scheme has no case
		{[]string{"treenode://peer/n1\u00e4"}, "", true},
		{[]string{"treenode://peer/-n1"}, "", true},
		{[]string{"treenode://peer/" + strings.Repeat("n", 65)}, "", true},
	} {
		var cert x509.Certificate
		for _, text := range c.uris {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			cert.URIs = append(cert.URIs, u)
		}
		if id, ok := PeerName(&cert); id != c.id || ok != c.ok {
			t.Errorf("%q: %q, %v", c.uris, id, ok)
		}
	}
}

// TestPeersRefuse: who has not the right certificate is refused by the acceptor
// and by the dialer alike.
func TestPeersRefuse(t *testing.T) {
	ca, caPair := authority(t, "peers")
	stranger, _ := authority(t, "peers") // of the same name
	good := must(t)(ca.NewPeer("n1", inAnHour()))
	other := must(t)(ca.NewPeer("n2", inAnHour()))
	files := peerFiles(t, caPair.Cert, good)
	revoked := must(t)(ca.NewPeer("n3", inAnHour()))
	list, err := ca.Revoke(nil, []*x509.Certificate{parse(t, revoked)}, inAnHour())
	if err != nil {
		t.Fatal(err)
	}
	files.CRL = write(t, files.CA+".crl", list)
	n1 := openPeer(t, "n1", files)
	half := func(usages ...x509.ExtKeyUsage) Pair {
		c := &x509.Certificate{NotAfter: inAnHour(), ExtKeyUsage: usages, URIs: []*url.URL{PeerURI("n2")}}
		return must(t)(sign(c, ca))
	}
	for name, c := range map[string]struct {
		pair Pair
		want string
	}{
		"good":              {other, ""},
		"another CA":        {must(t)(stranger.NewPeer("n2", inAnHour())), "x509"},
		"expired":           {must(t)(ca.NewPeer("n2", time.Now().Add(-time.Minute))), "expired"},
		"a client's":        {must(t)(ca.NewClient("n2", nil, inAnHour())), "not a peer's"},
		"a server's":        {must(t)(ca.NewServer("n2", []string{"n2"}, inAnHour())), "not a peer's"},
		"for dialing only":  {half(x509.ExtKeyUsageClientAuth), "usages"},
		"for serving only":  {half(x509.ExtKeyUsageServerAuth), "usages"},
		"for anything":      {half(x509.ExtKeyUsageAny), "usages"},
		"without any usage": {half(), "usages"},
		"revoked":           {revoked, "revoked"},
	} {
		pair := loadPair(t, c.pair)
		serverErr, _ := shake(t, n1.ServerTLS(), &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true})
		_, clientErr := shake(t, &tls.Config{Certificates: []tls.Certificate{pair}}, n1.ClientTLS())
		for side, err := range map[string]error{"acceptor": serverErr, "dialer": clientErr} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, at the %s: %v, want %q", name, side, err, c.want)
			}
		}
	}
	// None at all, and an old version of TLS.
	if err, _ := shake(t, n1.ServerTLS(), &tls.Config{InsecureSkipVerify: true}); err == nil {
		t.Error("a peer without a certificate is let in")
	}
	old := &tls.Config{Certificates: []tls.Certificate{loadPair(t, other)}, InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if err, _ := shake(t, n1.ServerTLS(), old); err == nil {
		t.Error("TLS 1.2 is spoken between peers")
	}
}

// TestAPIRefuses: clients without a certificate are let in, those with a bad one
// are not.
func TestAPIRefuses(t *testing.T) {
	peers, peersPair := authority(t, "peers")
	ca, caPair := authority(t, "clients")
	stranger, _ := authority(t, "clients")
	server := must(t)(ca.NewServer("api", []string{"api.example", "127.0.0.1"}, inAnHour()))
	// Even where one bundle has both CAs.
	a, err := OpenAPI(apiFiles(t, server, append(bytes.Clone(caPair.Cert), peersPair.Cert...)), nil)
	if err != nil {
		t.Fatal(err)
	}
	without, err := OpenAPI(apiFiles(t, server, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	trusted, err := parseTrusted(caPair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	client := func(p Pair) *tls.Config {
		return &tls.Config{Certificates: []tls.Certificate{loadPair(t, p)}, RootCAs: trusted, ServerName: "api.example"}
	}
	own := must(t)(ca.NewClient("ops", []string{"admin"}, inAnHour()))
	for name, c := range map[string]struct {
		config *tls.Config
		want   string
	}{
		"none":       {&tls.Config{RootCAs: trusted, ServerName: "api.example"}, ""},
		"TLS 1.2":    {&tls.Config{RootCAs: trusted, ServerName: "127.0.0.1", MaxVersion: tls.VersionTLS12}, ""},
		"good":       {client(own), ""},
		"another CA": {client(must(t)(stranger.NewClient("ops", nil, inAnHour()))), "x509"},
		"expired":    {client(must(t)(ca.NewClient("ops", nil, time.Now().Add(-time.Minute)))), "expired"},
		"a peer's":   {client(must(t)(peers.NewPeer("n1", inAnHour()))), "not good for the API"},
		"a server's": {client(server), "x509"},
		"TLS 1.1":    {&tls.Config{RootCAs: trusted, ServerName: "api.example", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "version"},
		"CBC": {&tls.Config{
			RootCAs: trusted, ServerName: "api.example", MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA},
		}, "cipher suite"},
	} {
		err, _ := shake(t, a.ServerTLS(), c.config)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// The client's side: another host, another CA.
	if _, err := shake(t, a.ServerTLS(), &tls.Config{RootCAs: trusted, ServerName: "other.example"}); err == nil {
		t.Error("the certificate is good for another host")
	}
	// Without a CA for clients nobody is asked.
	asked := false
	config := &tls.Config{RootCAs: trusted, ServerName: "api.example", GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return new(tls.Certificate), nil
	}}
	if s, c := shake(t, without.ServerTLS(), config); s != nil || c != nil || asked {
		t.Errorf("%v, %v, asked for a certificate: %v", s, c, asked)
	}
	if a.Covers("api.example") != nil || a.Covers("127.0.0.1") != nil || a.Covers("other.example") == nil {
		t.Error("Covers is wrong")
	}
}

// TestPeerIsNoAPIServer: what is taken from a node's peer port does not pose as an
// API, even where the CA is the same.
func TestPeerIsNoAPIServer(t *testing.T) {
	ca, caPair := authority(t, "all")
	pair := must(t)(ca.NewPeer("n1", inAnHour()))
	if _, err := OpenAPI(apiFiles(t, pair, nil), nil); err == nil || !strings.Contains(err.Error(), "tls-cert") {
		t.Error(err)
	}
	trusted, err := parseTrusted(caPair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"n1", "127.0.0.1", "peer"} {
		if _, err := shake(t, &tls.Config{Certificates: []tls.Certificate{loadPair(t, pair)}}, &tls.Config{RootCAs: trusted, ServerName: host}); err == nil {
			t.Errorf("a client takes it for %s", host)
		}
	}
}

// TestOpenRefuses: the error begins with the flag at fault, names the file, and
// shows no key.
func TestOpenRefuses(t *testing.T) {
	ca, caPair := authority(t, "peers")
	other, otherPair := authority(t, "others")
	n1 := must(t)(ca.NewPeer("n1", inAnHour()))
	client := must(t)(ca.NewClient("c", nil, inAnHour()))
	list, err := other.Revoke(nil, nil, inAnHour())
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*PeerFiles)) PeerFiles {
		f := peerFiles(t, caPair.Cert, n1)
		change(&f)
		return f
	}
	put := func(b []byte) string { return write(t, filepath.Join(t.TempDir(), "the-file"), b) }
	for name, c := range map[string]struct {
		files PeerFiles
		want  []string
	}{
		"no key":           {with(func(f *PeerFiles) { f.Key = "" }), []string{"peer-key: "}},
		"no CA":            {with(func(f *PeerFiles) { f.CA = "" }), []string{"peer-ca: "}},
		"a CRL only":       {PeerFiles{CRL: "x"}, []string{"peer-cert: "}},
		"no such file":     {with(func(f *PeerFiles) { f.CA = "/nowhere" }), []string{"peer-ca: ", "/nowhere"}},
		"key of another":   {with(func(f *PeerFiles) { f.Key = put(client.Key) }), []string{"peer-key ", "the-file"}},
		"no certificate":   {with(func(f *PeerFiles) { f.Cert = put(n1.Key) }), []string{"peer-cert ", "the-file"}},
		"key in the CA":    {with(func(f *PeerFiles) { f.CA = put(n1.Key) }), []string{"peer-ca: ", "the-file"}},
		"CA is none":       {with(func(f *PeerFiles) { f.CA = put(n1.Cert) }), []string{"peer-ca: ", "not a CA"}},
		"garbage":          {with(func(f *PeerFiles) { f.CA = put([]byte("x")) }), []string{"peer-ca: ", "no certificate"}},
		"another CA's":     {with(func(f *PeerFiles) { f.CA = put(otherPair.Cert) }), []string{"peer-cert: ", "unknown authority"}},
		"a client's":       {peerFiles(t, caPair.Cert, client), []string{"peer-cert: ", "not a peer's"}},
		"another node's":   {peerFiles(t, caPair.Cert, must(t)(ca.NewPeer("n2", inAnHour()))), []string{"peer-cert: ", `"n2"`, `"n1"`}},
		"a foreign CRL":    {with(func(f *PeerFiles) { f.CRL = put(list) }), []string{"peer-crl: ", "the-file", "none of the CAs"}},
		"a CRL that isn't": {with(func(f *PeerFiles) { f.CRL = put([]byte("x")) }), []string{"peer-crl: "}},
		"too large":        {with(func(f *PeerFiles) { f.CA = put(make([]byte, fileBytesMax+1)) }), []string{"peer-ca: ", "bytes"}},
	} {
		_, err := OpenPeer("n1", c.files, nil)
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		for _, want := range append(c.want, "peer-") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
		if text := err.Error(); strings.Contains(text, "-----") || len(text) > 400 {
			t.Errorf("%s: %q", name, text)
		}
	}
	for name, c := range map[string]struct {
		files APIFiles
		want  string
	}{
		"no key":         {APIFiles{Cert: "x"}, "tls-key: "},
		"CA only":        {APIFiles{ClientCA: "x"}, "tls-cert: "},
		"a client's":     {apiFiles(t, client, nil), "tls-cert: "},
		"CA that's none": {apiFiles(t, must(t)(ca.NewServer("s", []string{"h"}, inAnHour())), n1.Cert), "tls-client-ca: "},
	} {
		if _, err := OpenAPI(c.files, nil); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// Out of time is no reason not to start.
	old := peerFiles(t, caPair.Cert, must(t)(ca.NewPeer("n1", time.Now().Add(-time.Minute))))
	var log buffer
	if _, err := OpenPeer("n1", old, log.logger()); err != nil || !strings.Contains(log.String(), "has ended") {
		t.Error(err, log.String())
	}
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

func (b *buffer) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: b, Level: hclog.Trace})
}

// TestRotation replaces the CA of two peers step by step, as the documentation
// says; at every step they understand each other.
func TestRotation(t *testing.T) {
	oldCA, oldPair := authority(t, "old")
	newCA, newPair := authority(t, "new")
	both := append(bytes.Clone(oldPair.Cert), newPair.Cert...)
	var files [2]PeerFiles
	var peers [2]*Peer
	var log buffer
	for i, id := range []string{"n1", "n2"} {
		files[i] = peerFiles(t, oldPair.Cert, must(t)(oldCA.NewPeer(id, inAnHour())))
		var err error
		if peers[i], err = OpenPeer(id, files[i], log.logger()); err != nil {
			t.Fatal(err)
		}
	}
	changes := 0
	peers[0].OnChange(func() { changes++ })
	understood := func(step string, want bool) {
		t.Helper()
		for i := range peers {
			s, c := shake(t, peers[i].ServerTLS(), peers[1-i].ClientTLS())
			if (s == nil && c == nil) != want {
				t.Errorf("%s: %v, %v", step, s, c)
			}
		}
	}
	understood("at first", true)
	for i := range peers {
		write(t, files[i].CA, both)
		peers[i].files.look()
		understood("the new CA is added", true)
	}
	for i, id := range []string{"n1", "n2"} {
		pair := must(t)(newCA.NewPeer(id, inAnHour()))
		write(t, files[i].Cert, pair.Cert)
		peers[i].files.look() // does not fit its key yet
		understood("half a pair", true)
		write(t, files[i].Key, pair.Key)
		peers[i].files.look()
		understood("a new pair", true)
	}
	if strings.Contains(log.String(), "not used") {
		t.Errorf("what was only under way is complained about:\n%s", log.String())
	}
	for i := range peers {
		write(t, files[i].CA, newPair.Cert)
		peers[i].files.look()
		understood("the old CA is gone", true)
	}
	if changes != 3 {
		t.Errorf("told of %d changes", changes)
	}
	old := must(t)(oldCA.NewPeer("n2", inAnHour()))
	if err := peers[0].Trusted([]*x509.Certificate{parse(t, old)}); err == nil {
		t.Error("the old CA is trusted still")
	}
	// Without its own CA a node would be alone: that is not taken in.
	write(t, files[0].CA, oldPair.Cert)
	for range 3 {
		peers[0].files.look()
	}
	understood("a CA that is not its own", true)
	if n := strings.Count(log.String(), "not used"); n != 1 || !strings.Contains(log.String(), files[0].Cert) {
		t.Errorf("complained %d times:\n%s", n, log.String())
	}
	if err := os.Remove(files[1].Key); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		peers[1].files.look()
	}
	understood("no key", true)
	if n := strings.Count(log.String(), "not used"); n != 2 || !strings.Contains(log.String(), files[1].Key) {
		t.Errorf("complained %d times:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "-----") {
		t.Errorf("the log has a PEM block:\n%s", log.String())
	}
}

// TestWatch: a change is found without being told.
func TestWatch(t *testing.T) {
	ca, caPair := authority(t, "c")
	files := apiFiles(t, must(t)(ca.NewServer("first", []string{"first"}, inAnHour())), nil)
	a, err := OpenAPI(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.files.watch(t.Context(), time.Millisecond)
	}()
	t.Cleanup(func() { <-done })
	second := must(t)(ca.NewServer("second", []string{"second"}, inAnHour()))
	write(t, files.Key, second.Key)
	write(t, files.Cert, second.Cert)
	trusted, err := parseTrusted(caPair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		s, c := shake(t, a.ServerTLS(), &tls.Config{RootCAs: trusted, ServerName: "second"})
		if s == nil && c == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(s, c)
		}
	}
	if !a.Ends().Equal(parse(t, second).NotAfter) {
		t.Error(a.Ends())
	}
}

func TestRevokeAddsUp(t *testing.T) {
	ca, caPair := authority(t, "c")
	other, _ := authority(t, "c")
	var list []byte
	var all []*x509.Certificate
	for range 3 {
		c := parse(t, must(t)(ca.NewPeer("n1", inAnHour())))
		all = append(all, c)
		var err error
		if list, err = ca.Revoke(list, []*x509.Certificate{c}, inAnHour()); err != nil {
			t.Fatal(err)
		}
	}
	authorities, err := parseAuthorities(caPair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(list)
	for _, form := range [][]byte{list, block.Bytes} {
		revoked, err := parseRevoked(form, authorities)
		if err != nil || len(revoked) != 3 || !revoked[serialOf(all[0])] {
			t.Errorf("%v, %v", revoked, err)
		}
	}
	if _, err := other.Revoke(list, nil, inAnHour()); err == nil {
		t.Error("a list of another CA is added to")
	}
	if _, err := other.Revoke(nil, all, inAnHour()); err == nil {
		t.Error("certificates of another CA are revoked")
	}
}

func TestIssue(t *testing.T) {
	ca, caPair := authority(t, "c")
	server := must(t)(ca.NewServer("api", []string{"a.example", "10.0.0.1", "::1"}, time.Now().Add(1000*time.Hour)))
	if c := parse(t, server); !c.NotAfter.Equal(ca.Ends()) || c.IsCA {
		t.Errorf("it ends %v, its CA %v", c.NotAfter, ca.Ends())
	}
	peer := must(t)(ca.NewPeer("n1", inAnHour()))
	text := bytes.Join([][]byte{caPair.Cert, server.Cert, peer.Cert, must(t)(ca.NewClient("ops", []string{"admin"}, inAnHour())).Cert, peer.Key}, nil)
	all, err := Describe(text)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, d := range all {
		kinds = append(kinds, d.Kind)
	}
	if got := strings.Join(kinds, " "); got != "ca server peer client key" {
		t.Error(got)
	}
	if got := strings.Join(all[1].Names, " "); got != "a.example 10.0.0.1 ::1" {
		t.Error(got)
	}
	if all[2].Node != "n1" || strings.Join(all[2].Names, " ") != "treenode://peer/n1" {
		t.Errorf("%+v", all[2])
	}
	if _, err := ca.NewPeer("n 1", inAnHour()); err == nil {
		t.Error("a node id with a space")
	}
	for _, hosts := range [][]string{nil, {"http://x"}, {"x:80"}, {""}} {
		if _, err := ca.NewServer("x", hosts, inAnHour()); err == nil {
			t.Errorf("hosts %q", hosts)
		}
	}
	if _, err := LoadAuthority(peer); err == nil {
		t.Error("a peer certificate signs")
	}
}

// FuzzRead: no file makes a node end.
func FuzzRead(f *testing.F) {
	ca, err := NewAuthority("c", inAnHour())
	if err != nil {
		f.Fatal(err)
	}
	a, err := LoadAuthority(ca)
	if err != nil {
		f.Fatal(err)
	}
	peer, err := a.NewPeer("n1", inAnHour())
	if err != nil {
		f.Fatal(err)
	}
	list, err := a.Revoke(nil, nil, inAnHour())
	if err != nil {
		f.Fatal(err)
	}
	authorities, err := parseAuthorities(ca.Cert)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{ca.Cert, peer.Cert, peer.Key, list, []byte("-----BEGIN X"), nil} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = Describe(b)
		_, _ = parseAuthorities(b)
		_, _ = parseTrusted(b)
		_, _ = parseRevoked(b, authorities)
		_, _ = parsePair(b, peer.Key)
		_, _ = parsePair(peer.Cert, b)
	})
}
