package certs

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

// fileBytesMax bounds a file with certificates.
const fileBytesMax = 1 << 20

const (
	blockCertificate = "CERTIFICATE"
	blockKey         = "PRIVATE KEY"
	blockCRL         = "X509 CRL"
)

// readFile reads a whole file of bounded size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	b, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	switch {
	case err != nil:
		return nil, err
	case len(b) > fileBytesMax:
		return nil, fmt.Errorf("%s: it has more than %d bytes", path, fileBytesMax)
	}
	return b, nil
}

// parseAuthorities reads a bundle of CAs, of which there must be one.
func parseAuthorities(b []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != blockCertificate {
			return nil, fmt.Errorf("it holds a %q; only certificates belong there", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if !c.IsCA {
			return nil, fmt.Errorf("the certificate %q in it is not a CA's", c.Subject)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return all, nil
}

func poolOf(all []*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range all {
		pool.AddCert(c)
	}
	return pool
}

// parsePair reads a certificate, with those between it and its CA behind it, and
// its key.
func parsePair(cert, key []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
		return nil, err
	}
	return &pair, nil
}

// serial tells a certificate by who issued it and its number.
type serial struct{ issuer, number string }

func serialOf(c *x509.Certificate) serial {
	return serial{string(c.RawIssuer), c.SerialNumber.String()}
}

// parseRevoked reads revocation lists, PEM or DER, each of one of the CAs.
func parseRevoked(b []byte, authorities []*x509.Certificate) (map[serial]bool, error) {
	revoked := map[serial]bool{}
	var lists [][]byte
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("-----")) {
		lists = [][]byte{b}
	} else {
		for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
			if block.Type != blockCRL {
				return nil, fmt.Errorf("it holds a %q; only revocation lists belong there", block.Type)
			}
			lists = append(lists, block.Bytes)
		}
	}
	if len(lists) == 0 {
		return nil, errors.New("it holds no revocation list")
	}
	for _, der := range lists {
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			return nil, err
		}
		if !signedByOne(list, authorities) {
			return nil, fmt.Errorf("the list of %q is signed by none of the CAs", list.Issuer)
		}
		for _, e := range list.RevokedCertificateEntries {
			revoked[serial{string(list.RawIssuer), e.SerialNumber.String()}] = true
		}
	}
	return revoked, nil
}

func signedByOne(list *x509.RevocationList, authorities []*x509.Certificate) bool {
	for _, a := range authorities {
		if bytes.Equal(a.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(a) == nil {
			return true
		}
	}
	return false
}

// parseTrusted reads what a client trusts: CAs, or servers' own certificates.
func parseTrusted(b []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != blockCertificate {
			return nil, fmt.Errorf("it holds a %q; only certificates belong there", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		pool.AddCert(c)
		n++
	}
	if n == 0 {
		return nil, errors.New("it holds no certificate")
	}
	return pool, nil
}
