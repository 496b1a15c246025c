package certs

import (
	"crypto/x509"
	"net/url"
	"regexp"
	"strings"
)

const (
	peerScheme = "treenode"
	peerHost   = "peer"
)

var nodeIDForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// PeerURI is the name that a node's peer certificate has.
func PeerURI(nodeID string) *url.URL {
	return &url.URL{Scheme: peerScheme, Host: peerHost, Path: "/" + nodeID}
}

// PeerName reports whether a certificate is a peer's, and of which node. One that
// claims to be a peer's but names no node, or several, has an empty id and is
// good for nothing.
func PeerName(cert *x509.Certificate) (id string, ok bool) {
	names := 0
	for _, u := range cert.URIs {
		if !strings.EqualFold(u.Scheme, peerScheme) || !strings.EqualFold(u.Host, peerHost) {
			continue
		}
		names++
		id = strings.TrimPrefix(u.Path, "/")
		if u.String() != PeerURI(id).String() || !nodeIDForm.MatchString(id) {
			id = ""
		}
	}
	if names > 1 {
		id = ""
	}
	return id, names > 0
}
