package cli

import (
	"crypto/tls"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/transport/certs"
)

// clientTLSFlags gives a command, and those below it, the flags for TLS to the API.
func clientTLSFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.String("cacert", "", "PEM file with the CAs that the nodes' certificates are of (default: the system's); host:port then means https")
	f.String("cert", "", "PEM file with this client's certificate")
	f.String("key", "", "PEM file with that certificate's key")
}

// clientTLS is what the flags say. Nil if they say nothing.
func clientTLS(cmd *cobra.Command) (*tls.Config, error) {
	var files [3]string
	for i, flag := range []string{"cacert", "cert", "key"} {
		var err error
		if files[i], err = cmd.Flags().GetString(flag); err != nil {
			return nil, err
		}
	}
	if files == [3]string{} {
		return nil, nil //nolint:nilnil // plain text, or the system's CAs
	}
	config, err := certs.Client(files[0], files[1], files[2])
	if err != nil {
		return nil, usage("%w", err)
	}
	return config, nil
}

// schemeOf is what an endpoint without one means.
func schemeOf(config *tls.Config) string {
	if config != nil {
		return "https"
	}
	return "http"
}

// httpClient is net/http's with a configuration of TLS; nil for its own.
func httpClient(config *tls.Config) *http.Client {
	if config == nil {
		return http.DefaultClient
	}
	return &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config}}
}
