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

// The flags that name the files; errors begin with them.
const (
	flagTLSCert     = "tls-cert"
	flagTLSKey      = "tls-key"
	flagTLSClientCA = "tls-client-ca"
)

// APIFiles are the PEM files of the API's listener. Without ClientCA no client is
// asked for a certificate.
type APIFiles struct{ Cert, Key, ClientCA string }

// Given reports whether there is to be TLS.
func (f APIFiles) Given() bool { return f != APIFiles{} }

// suites are those of TLS 1.2 that encrypt and authenticate in one, with keys
// that are of no use afterwards. TLS 1.3 has no others.
var suites = []uint16{
	tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
}

// API is the API listener's side of TLS. All methods may be called concurrently,
// Watch by one goroutine.
type API struct{ files *watched[apiState] }

type apiState struct {
	pair   *tls.Certificate
	config *tls.Config
}

func (s apiState) own() *tls.Certificate { return s.pair }

// OpenAPI loads the files. The error begins with the flag that is at fault.
func OpenAPI(f APIFiles, log hclog.Logger) (*API, error) {
	cert, key := file{flagTLSCert, f.Cert}, file{flagTLSKey, f.Key}
	if err := together(cert, key); err != nil {
		return nil, err
	}
	if f.Cert == "" {
		return nil, errors.New(flagTLSCert + ": it is needed where " + flagTLSClientCA + " is given")
	}
	files, err := open([]file{cert, key, {flagTLSClientCA, f.ClientCA}}, log, func(c contents) (apiState, error) { return loadAPI(f, c) })
	if err != nil {
		return nil, err
	}
	return &API{files}, nil
}

func loadAPI(f APIFiles, c contents) (apiState, error) {
	pair, err := parsePair(c[0], c[1])
	if err != nil {
		return apiState{}, fmt.Errorf("%s %s, %s %s: %w", flagTLSCert, f.Cert, flagTLSKey, f.Key, err)
	}
	if _, peer := PeerName(pair.Leaf); peer {
		return apiState{}, fmt.Errorf("%s: %s is a certificate for the peer port", flagTLSCert, f.Cert)
	}
	if u := pair.Leaf.ExtKeyUsage; len(u) > 0 && !slices.Contains(u, x509.ExtKeyUsageServerAuth) && !slices.Contains(u, x509.ExtKeyUsageAny) {
		return apiState{}, fmt.Errorf("%s: %s is not a server's certificate by its key usages", flagTLSCert, f.Cert)
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS12, CipherSuites: suites, Certificates: []tls.Certificate{*pair},
		// HTTP/2 is left out: a connection is one request at a time, so that the
		// limit on connections is one on requests.
		NextProtos:             []string{"http/1.1"},
		SessionTicketsDisabled: true,
		VerifyConnection:       refusePeers,
	}
	if f.ClientCA != "" {
		authorities, err := parseAuthorities(c[2])
		if err != nil {
			return apiState{}, fmt.Errorf("%s: %s: %w", flagTLSClientCA, f.ClientCA, err)
		}
		config.ClientCAs, config.ClientAuth = poolOf(authorities), tls.VerifyClientCertIfGiven
	}
	return apiState{pair, config}, nil
}

// errPeerAtAPI refuses a node's key as a client's: who takes it from a node must
// not get the rights of a client by it.
var errPeerAtAPI = errors.New("a peer certificate is not good for the API")

func refusePeers(s tls.ConnectionState) error {
	for _, c := range s.PeerCertificates[:min(1, len(s.PeerCertificates))] {
		if _, peer := PeerName(c); peer {
			return errPeerAtAPI
		}
	}
	return nil
}

// ServerTLS is the listener's configuration. It always has what is current.
func (a *API) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		GetConfigForClient:     func(*tls.ClientHelloInfo) (*tls.Config, error) { return a.files.value().config, nil },
	}
}

// Watch takes changes of the files in until the context ends, looking at them that
// often: PollInterval but for tests.
func (a *API) Watch(ctx context.Context, every time.Duration) { a.files.watch(ctx, every) }

// Covers is nil if the certificate is good for a host name or an address.
func (a *API) Covers(host string) error { return a.files.value().pair.Leaf.VerifyHostname(host) }

// Ends is when the certificate in use does.
func (a *API) Ends() time.Time { return a.files.value().pair.Leaf.NotAfter }
