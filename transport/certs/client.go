package certs

import (
	"crypto/tls"
	"fmt"
)

// Client is the TLS of a client: ca, where not empty, is a file with the CAs that
// are trusted in place of the system's; cert and key are the files of its own
// certificate, both or none. They are read again for each connection. The error
// begins with the flag at fault: cacert, cert or key.
func Client(ca, cert, key string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: suites}
	if ca != "" {
		b, err := readFile(ca)
		if err != nil {
			return nil, fmt.Errorf("cacert: %w", err)
		}
		// One that is its own issuer need not be a CA here.
		pool, err := parseTrusted(b)
		if err != nil {
			return nil, fmt.Errorf("cacert: %s: %w", ca, err)
		}
		config.RootCAs = pool
	}
	if err := together(file{"cert", cert}, file{"key", key}); err != nil {
		return nil, err
	}
	if cert == "" {
		return config, nil
	}
	load := func() (*tls.Certificate, error) {
		certPEM, err := readFile(cert)
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		keyPEM, err := readFile(key)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		pair, err := parsePair(certPEM, keyPEM)
		if err != nil {
			return nil, fmt.Errorf("cert %s, key %s: %w", cert, key, err)
		}
		return pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return config, nil
}
