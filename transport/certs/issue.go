package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"strings"
	"time"
)

// beforeNow is how long before its making a certificate begins: clocks differ.
const beforeNow = 5 * time.Minute

// Pair is a certificate and its key, as PEM.
type Pair struct{ Cert, Key []byte }

// Authority is a CA that can sign.
type Authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// NewAuthority makes a CA that signs no other CAs, good until a time.
func NewAuthority(name string, until time.Time) (Pair, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	return sign(template, nil)
}

// LoadAuthority reads a CA made by NewAuthority, or elsewhere.
func LoadAuthority(p Pair) (*Authority, error) {
	pair, err := parsePair(p.Cert, p.Key)
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok || !pair.Leaf.IsCA {
		return nil, fmt.Errorf("%q is not a CA", pair.Leaf.Subject)
	}
	return &Authority{pair.Leaf, key}, nil
}

// Ends is when the CA does, and with it all that it signed.
func (a *Authority) Ends() time.Time { return a.cert.NotAfter }

// NewPeer makes the certificate of a node's peer port.
func (a *Authority) NewPeer(nodeID string, until time.Time) (Pair, error) {
	if !nodeIDForm.MatchString(nodeID) {
		return Pair{}, fmt.Errorf("node id %q: letters, digits, dot, dash and underscore, 1 to 64 of them", nodeID)
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: nodeID}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	template.URIs = append(template.URIs, PeerURI(nodeID))
	return sign(template, a)
}

// NewServer makes the certificate of an API, good for host names and addresses.
func (a *Authority) NewServer(name string, hosts []string, until time.Time) (Pair, error) {
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, host := range hosts {
		switch ip := net.ParseIP(host); {
		case ip != nil:
			template.IPAddresses = append(template.IPAddresses, ip)
		case host == "" || strings.ContainsAny(host, "/:@ \t\n"):
			return Pair{}, fmt.Errorf("%q is neither a host name nor an address", host)
		default:
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(hosts) == 0 {
		return Pair{}, errors.New("a server's certificate needs a host name or an address")
	}
	return sign(template, a)
}

// NewClient makes the certificate of a client of the API. Organizations become
// those of its subject.
func (a *Authority) NewClient(name string, organizations []string, until time.Time) (Pair, error) {
	if name == "" || len(name) > 64 {
		return Pair{}, fmt.Errorf("a client's name has 1 to 64 characters, %q has %d", name, len(name))
	}
	return sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: organizations}, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, a)
}

// sign makes a key, and a certificate of the template; one without an authority
// signs itself. No certificate ends after the one that signed it.
func sign(template *x509.Certificate, by *Authority) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return Pair{}, err
	}
	template.NotBefore = beginOf(time.Now().Add(-beforeNow), template.NotAfter)
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.cert, by.key
		if template.NotAfter.After(parent.NotAfter) {
			template.NotAfter = parent.NotAfter
		}
		template.KeyUsage = x509.KeyUsageDigitalSignature
		template.BasicConstraintsValid = true
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return Pair{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: blockCertificate, Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: blockKey, Bytes: secret}),
	}, nil
}

// beginOf is begin, or a little before the end where that is in the past.
func beginOf(begin, end time.Time) time.Time {
	if begin.Before(end) {
		return begin
	}
	return end.Add(-beforeNow)
}

// Revoke returns a revocation list, as PEM, of what old had, which may be nil, and
// of the certificates. It is to be renewed before a time.
func (a *Authority) Revoke(old []byte, certs []*x509.Certificate, until time.Time) ([]byte, error) {
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now.Add(-beforeNow), NextUpdate: until}
	if old != nil {
		block, _ := pem.Decode(old)
		if block == nil || block.Type != blockCRL {
			return nil, errors.New("the old revocation list is none")
		}
		before, err := x509.ParseRevocationList(block.Bytes)
		if err == nil {
			err = before.CheckSignatureFrom(a.cert)
		}
		if err != nil {
			return nil, fmt.Errorf("the old revocation list: %w", err)
		}
		list.RevokedCertificateEntries = before.RevokedCertificateEntries
	}
	for _, c := range certs {
		if err := c.CheckSignatureFrom(a.cert); err != nil {
			return nil, fmt.Errorf("%q is not this CA's: %w", c.Subject, err)
		}
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: now})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.cert, a.key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: blockCRL, Bytes: der}), nil
}
