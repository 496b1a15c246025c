package certs

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"
)

// Description says what a block of a PEM file is. Of a key it says that it is one.
type Description struct {
	// Kind is ca, peer, server, client, server and client, certificate, key,
	// revocation list, or other.
	Kind string `json:"kind"`
	// Node is the node of a peer certificate.
	Node        string    `json:"node,omitempty"`
	Subject     string    `json:"subject,omitempty"`
	Issuer      string    `json:"issuer,omitempty"`
	Names       []string  `json:"names,omitempty"`
	Serial      string    `json:"serial,omitempty"`
	Begins      time.Time `json:"begins,omitzero"`
	Ends        time.Time `json:"ends,omitzero"`
	Algorithm   string    `json:"algorithm,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"` // SHA-256
	Revoked     []string  `json:"revoked,omitempty"`     // serial numbers
	Problem     string    `json:"problem,omitempty"`
}

// Describe says what a PEM file holds.
func Describe(b []byte) ([]Description, error) {
	var all []Description
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		all = append(all, describe(block))
	}
	if len(all) == 0 {
		return nil, errors.New("it is not a PEM file")
	}
	return all, nil
}

func describe(block *pem.Block) Description {
	switch {
	case strings.HasSuffix(block.Type, blockKey):
		return Description{Kind: "key"}
	case block.Type == blockCRL:
		list, err := x509.ParseRevocationList(block.Bytes)
		if err != nil {
			return Description{Kind: "revocation list", Problem: err.Error()}
		}
		d := Description{Kind: "revocation list", Issuer: list.Issuer.String(), Begins: list.ThisUpdate, Ends: list.NextUpdate}
		for _, e := range list.RevokedCertificateEntries {
			d.Revoked = append(d.Revoked, e.SerialNumber.Text(16))
		}
		return d
	case block.Type != blockCertificate:
		return Description{Kind: "other", Problem: "a block of type " + block.Type}
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return Description{Kind: "certificate", Problem: err.Error()}
	}
	sum := sha256.Sum256(c.Raw)
	d := Description{
		Kind: kindOf(c), Subject: c.Subject.String(), Issuer: c.Issuer.String(), Names: namesOf(c),
		Serial: c.SerialNumber.Text(16), Begins: c.NotBefore, Ends: c.NotAfter,
		Algorithm: c.PublicKeyAlgorithm.String(), Fingerprint: hex.EncodeToString(sum[:]),
	}
	id, peer := PeerName(c)
	if d.Node = id; peer && id == "" {
		d.Problem = errNoNode.Error()
	}
	return d
}

func kindOf(c *x509.Certificate) string {
	server := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	client := slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	_, peer := PeerName(c)
	switch {
	case c.IsCA:
		return "ca"
	case peer:
		return "peer"
	case server && client:
		return "server and client"
	case server:
		return "server"
	case client:
		return "client"
	}
	return "certificate"
}

func namesOf(c *x509.Certificate) []string {
	names := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	for _, u := range c.URIs {
		names = append(names, u.String())
	}
	return append(names, c.EmailAddresses...)
}
