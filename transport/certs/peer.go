package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	flagPeerCA   = "peer-ca"
	flagPeerCert = "peer-cert"
	flagPeerKey  = "peer-key"
	flagPeerCRL  = "peer-crl"
)

// PeerFiles are the PEM files of the peer port. CRL is optional.
type PeerFiles struct{ CA, Cert, Key, CRL string }

// Given reports whether there is to be TLS.
func (f PeerFiles) Given() bool { return f != PeerFiles{} }

// Peer is a node's side of the mutual TLS between nodes. All methods may be called
// concurrently, Watch by one goroutine, and OnChange before it.
type Peer struct{ files *watched[peerState] }

type peerState struct {
	pair        *tls.Certificate
	authorities *x509.CertPool
	revoked     map[serial]bool
	server      *tls.Config
}

func (s peerState) own() *tls.Certificate { return s.pair }

// OpenPeer loads the files of the node with that id. The error begins with the
// flag that is at fault. The certificate has to be that node's and, time aside,
// good for its own CAs: what the others would refuse is refused here.
func OpenPeer(nodeID string, f PeerFiles, log hclog.Logger) (*Peer, error) {
	all := []file{{flagPeerCert, f.Cert}, {flagPeerKey, f.Key}, {flagPeerCA, f.CA}}
	if err := together(all...); err != nil {
		return nil, err
	}
	if f.Cert == "" {
		return nil, errors.New(flagPeerCert + ": it is needed where " + flagPeerCRL + " is given")
	}
	files, err := open(append(all, file{flagPeerCRL, f.CRL}), log, func(c contents) (peerState, error) { return loadPeer(nodeID, f, c) })
	if err != nil {
		return nil, err
	}
	return &Peer{files}, nil
}

func loadPeer(nodeID string, f PeerFiles, c contents) (peerState, error) {
	pair, err := parsePair(c[0], c[1])
	if err != nil {
		return peerState{}, fmt.Errorf("%s %s, %s %s: %w", flagPeerCert, f.Cert, flagPeerKey, f.Key, err)
	}
	authorities, err := parseAuthorities(c[2])
	if err != nil {
		return peerState{}, fmt.Errorf("%s: %s: %w", flagPeerCA, f.CA, err)
	}
	s := peerState{pair: pair, authorities: poolOf(authorities)}
	if f.CRL != "" {
		if s.revoked, err = parseRevoked(c[3], authorities); err != nil {
			return peerState{}, fmt.Errorf("%s: %s: %w", flagPeerCRL, f.CRL, err)
		}
	}
	chain := []*x509.Certificate{pair.Leaf}
	for _, der := range pair.Certificate[1:] {
		between, err := x509.ParseCertificate(der)
		if err != nil {
			return peerState{}, fmt.Errorf("%s: %s: %w", flagPeerCert, f.Cert, err)
		}
		chain = append(chain, between)
	}
	id, err := s.verify(chain, within(pair.Leaf, time.Now()))
	if err == nil && id != nodeID {
		err = fmt.Errorf("it is node %q's, and this is node %q", id, nodeID)
	}
	if err != nil {
		return peerState{}, fmt.Errorf("%s: %s: %w", flagPeerCert, f.Cert, err)
	}
	s.server = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{*pair},
		// The chain is verified by verify alone, which knows the node and the
		// revocation list; the CAs here only help the dialer choose.
		ClientAuth: tls.RequireAnyClientCert, ClientCAs: s.authorities,
		SessionTicketsDisabled: true, VerifyConnection: s.verifyConnection,
	}
	return s, nil
}

// within is a time at which a certificate is good: now, or the nearest to it.
func within(c *x509.Certificate, now time.Time) time.Time {
	switch {
	case now.Before(c.NotBefore):
		return c.NotBefore
	case now.After(c.NotAfter):
		return c.NotAfter
	}
	return now
}

var (
	errNoPeer    = errors.New("the certificate is not a peer's: it has no URI " + peerScheme + "://" + peerHost + "/<node id>")
	errNoNode    = errors.New("the peer certificate does not name one node")
	errUsages    = errors.New("a peer certificate needs the key usages of a server and of a client")
	errNoneGiven = errors.New("the peer has given no certificate")
)

// verify returns the node that a chain of certificates proves, the node's own
// first.
func (s *peerState) verify(chain []*x509.Certificate, now time.Time) (string, error) {
	if len(chain) == 0 {
		return "", errNoneGiven
	}
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	id, peer := PeerName(leaf)
	switch {
	case !peer:
		return "", errNoPeer
	case id == "":
		return "", errNoNode
	case !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageServerAuth), !slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth):
		return "", errUsages
	}
	found, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.authorities, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return "", fmt.Errorf("certificate of node %q: %w", id, err)
	}
	for _, path := range found {
		if !slices.ContainsFunc(path, func(c *x509.Certificate) bool { return s.revoked[serialOf(c)] }) {
			return id, nil
		}
	}
	return "", fmt.Errorf("certificate %s of node %q is revoked", leaf.SerialNumber, id)
}

func (s *peerState) verifyConnection(c tls.ConnectionState) error {
	_, err := s.verify(c.PeerCertificates, time.Now())
	return err
}

// ServerTLS is the acceptor's configuration, ClientTLS the dialer's. Both always
// have what is current, and verify all but which node it is.
func (p *Peer) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		GetConfigForClient:     func(*tls.ClientHelloInfo) (*tls.Config, error) { return p.files.value().server, nil },
	}
}

// ClientTLS is the dialer's configuration; see ServerTLS.
func (p *Peer) ClientTLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Peers have no host names: verifyConnection does what this leaves out.
		InsecureSkipVerify: true, //nolint:gosec // see above
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return p.files.value().pair, nil
		},
		VerifyConnection: func(c tls.ConnectionState) error {
			s := p.files.value()
			return s.verifyConnection(c)
		},
	}
}

// Trusted is nil as long as what a peer was let in by is still good, its age
// aside: a connection that stands is not cut for that.
func (p *Peer) Trusted(chain []*x509.Certificate) error {
	if len(chain) == 0 {
		return errNoneGiven
	}
	s := p.files.value()
	_, err := s.verify(chain, within(chain[0], time.Now()))
	return err
}

// OnChange has f called after each change that Watch takes in.
func (p *Peer) OnChange(f func()) { p.files.changed = f }

// Watch takes changes of the files in until the context ends, looking at them that
// often: PollInterval but for tests.
func (p *Peer) Watch(ctx context.Context, every time.Duration) { p.files.watch(ctx, every) }

// Ends is when the certificate in use does.
func (p *Peer) Ends() time.Time { return p.files.value().pair.Leaf.NotAfter }
