package cli

import (
	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
)

// tlsFlags are the flags of serve that are about certificates. The files are read
// again when they change.
func tlsFlags(f *pflag.FlagSet, c *server.Config) {
	f.StringVar(&c.TLS.Cert, "tls-cert", "", "PEM file with the API's certificate, and what is between it and its CA; read again when it changes, as all of these")
	f.StringVar(&c.TLS.Key, "tls-key", "", "PEM file with that certificate's key")
	f.StringVar(&c.TLS.ClientCA, "tls-client-ca", "", "PEM file with the CAs of clients' certificates; clients without one may connect all the same")
	f.StringVar(&c.PeerTLS.CA, "peer-ca", "", "PEM file with the CAs of the nodes' certificates, for mutual TLS on the peer port")
	f.StringVar(&c.PeerTLS.Cert, "peer-cert", "", "PEM file with this node's certificate, which names its node id (see \"treenode cert node\")")
	f.StringVar(&c.PeerTLS.Key, "peer-key", "", "PEM file with that certificate's key")
	f.StringVar(&c.JoinTokenFile, "join-token-file", "", "file with the token that lets this node into a cluster that it is new to (see \"treenode cluster token make\")")
	f.BoolVar(&c.RequireJoinToken, "join-token-required", true, "with --peer-cert: take in new nodes only with such a token; the same on all nodes")
	f.StringVar(&c.PeerTLS.CRL, "peer-crl", "", "file with revocation lists of the nodes' CAs, PEM or DER")
}
