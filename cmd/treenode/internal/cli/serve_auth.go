package cli

import (
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/server"
	"github.com/treenode/treenode/transport/auth"
	"github.com/treenode/treenode/transport/auth/keystone"
)

const (
	authNone     = "noauth2"
	authKeystone = "keystone"
)

var authModes = []string{authNone, authKeystone}

// Vain attempts that an address may make: this many at once, and in the long run.
const (
	attemptsBurst     = 20
	attemptsPerSecond = 1
)

// authFlags are the flags of serve that are about who calls the APIs.
type authFlags struct {
	mode, keystoneFile string
}

func (a *authFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.mode, "auth", authNone, "how the APIs know who calls: noauth2 believes the token (user:project), keystone asks Keystone")
	f.StringVar(&a.keystoneFile, "auth-keystone-file", "", "YAML file with the keys of a section keystone_authtoken: auth_url, username, password, …")
	completeFlag(cmd, "auth", authModes...)
}

// apply checks the flags and hands on what they make.
func (a *authFlags) apply(c *server.Config, log hclog.Logger) error {
	if !slices.Contains(authModes, a.mode) {
		return usage("auth: %q is not one of %s", a.mode, strings.Join(authModes, ", "))
	}
	if (a.mode == authKeystone) != (a.keystoneFile != "") {
		return usage("auth-keystone-file: it goes with --auth keystone")
	}
	c.Authenticated = a.mode != authNone
	attempts := auth.NewAttempts(attemptsPerSecond, attemptsBurst)
	if a.mode == authKeystone {
		config, err := keystone.Load(a.keystoneFile)
		if err != nil {
			return usage("auth-keystone-file: %w", err)
		}
		if config.Plain() {
			log.Warn("this node's password and everybody's tokens go to Keystone unencrypted: auth_url is http", "auth_url", config.AuthURL)
		}
		if c.Auth, err = keystone.New(config, attempts, log.Named("keystone")); err != nil {
			return usage("auth-keystone-file: %w", err)
		}
	}
	return nil
}
