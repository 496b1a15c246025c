package cli

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/auth/clientcert"
	"github.com/treenode/treenode/transport/auth/keystone"
	"github.com/treenode/treenode/transport/auth/statictoken"
)

const (
	authNone         = "noauth2"
	authKeystone     = "keystone"
	authTokens       = "tokens"
	authCertificates = "certificates"
)

var authModes = []string{authNone, authKeystone, authTokens, authCertificates}

// Vain attempts that an address may make: this many at once, and in the long run.
const (
	attemptsBurst     = 20
	attemptsPerSecond = 1
)

// authFlags are the flags of serve that are about who calls the APIs.
type authFlags struct {
	mode, keystoneFile, tokensFile, certsFile string
	rate                                      float64
	burst                                     int
}

func (a *authFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.mode, "auth", authNone, "how the APIs know who calls: noauth2 believes the token (user:project), keystone asks Keystone, tokens and certificates have files")
	f.StringVar(&a.keystoneFile, "auth-keystone-file", "", "YAML file with the keys of a section keystone_authtoken: auth_url, username, password, …")
	f.StringVar(&a.tokensFile, "auth-tokens-file", "", "YAML file with the tokens of --auth tokens; see \"treenode token\"")
	f.StringVar(&a.certsFile, "auth-client-certs", "", "YAML file that says which client certificates stand for whom, beside --auth keystone, tokens or certificates")
	f.Float64Var(&a.rate, "rate-limit", 0, "requests a second that each user of a project may send; 0 for no limit")
	f.IntVar(&a.burst, "rate-limit-burst", 0, "requests that may come at once within --rate-limit (default: those of two seconds)")
	completeFlag(cmd, "auth", authModes...)
}

// apply checks the flags and hands on what they make.
func (a *authFlags) apply(c *server.Config, log hclog.Logger) error {
	if !slices.Contains(authModes, a.mode) {
		return usage("auth: %q is not one of %s", a.mode, strings.Join(authModes, ", "))
	}
	for _, one := range []struct{ mode, flag, value string }{
		{authKeystone, "auth-keystone-file", a.keystoneFile}, {authTokens, "auth-tokens-file", a.tokensFile},
	} {
		if (a.mode == one.mode) != (one.value != "") {
			return usage("%s: it goes with --auth %s", one.flag, one.mode)
		}
	}
	switch {
	case a.certsFile == "" && a.mode == authCertificates, a.certsFile != "" && a.mode == authNone:
		return usage("auth-client-certs: it goes with --auth certificates, tokens or keystone")
	case a.certsFile != "" && c.TLS.ClientCA == "":
		return usage("auth-client-certs: clients' certificates are asked for with --tls-client-ca only")
	case !(a.rate >= 0 && a.rate <= 1e6) || a.burst < 0:
		return usage("rate-limit: it must be from 0 to a million, and --rate-limit-burst not negative")
	}
	who, err := a.authenticator(log)
	if err != nil {
		return err
	}
	c.Auth, c.Authenticated = who, who != nil
	return a.limit(c)
}

// authenticator makes what the mode asks for, nil for noauth2.
func (a *authFlags) authenticator(log hclog.Logger) (auth.Authenticator, error) {
	attempts := auth.NewAttempts(attemptsPerSecond, attemptsBurst)
	var who auth.Authenticator
	switch a.mode {
	case authKeystone:
		config, err := keystone.Load(a.keystoneFile)
		if err != nil {
			return nil, usage("auth-keystone-file: %w", err)
		}
		if config.Plain() {
			log.Warn("this node's password and everybody's tokens go to Keystone unencrypted: auth_url is http", "auth_url", config.AuthURL)
		}
		if who, err = keystone.New(config, attempts, log.Named("keystone")); err != nil {
			return nil, usage("auth-keystone-file: %w", err)
		}
	case authTokens:
		var err error
		if who, err = statictoken.Open(a.tokensFile, attempts, log.Named("tokens")); err != nil {
			return nil, usage("auth-tokens-file: %w", err)
		}
	}
	if a.certsFile == "" {
		return who, nil
	}
	certs, err := clientcert.Open(a.certsFile, who)
	if err != nil {
		return nil, usage("auth-client-certs: %w", err)
	}
	return certs, nil
}

// limit bounds the rate of each principal. The APIs differ in what a request
// without a token is where everybody is believed, and make that up themselves.
func (a *authFlags) limit(c *server.Config) error {
	if a.rate == 0 {
		return nil
	}
	c.Limit = func(who auth.Authenticator) (auth.Authenticator, error) {
		burst := a.burst
		if burst == 0 {
			burst = int(2*a.rate) + 1
		}
		return auth.NewLimited(who, a.rate, burst)
	}
	return nil
}
