package cli

import (
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/auth"
)

const (
	// tokenVariable holds a token for commands that talk to a cluster.
	tokenVariable = envPrefix + "TOKEN"
	tokenFileMax  = 64 << 10
)

// tokenFlags gives a command the flags that say by which token it is known. There
// is none for the token itself: everybody could read it in the list of processes.
func tokenFlags(cmd *cobra.Command) {
	f := cmd.PersistentFlags()
	f.String("token-file", "", "file with the token that the cluster knows you by; only you may read it (also the token itself in $"+tokenVariable+")")
	f.Bool("token-over-http", false, "send the token unencrypted to other machines, too")
}

// tokenOptions are the client's options by a command's flags.
func tokenOptions(cmd *cobra.Command) ([]client.Option, error) {
	f := cmd.Flags()
	if f.Lookup("token-file") == nil {
		return nil, nil
	}
	path, err := f.GetString("token-file")
	if err != nil {
		return nil, err
	}
	plain, err := f.GetBool("token-over-http")
	if err != nil {
		return nil, err
	}
	token := os.Getenv(tokenVariable)
	if path != "" {
		text, err := auth.ReadPrivate(path, tokenFileMax)
		if err != nil {
			return nil, usage("token-file: %w", err)
		}
		token = strings.TrimSpace(string(text))
		if token == "" {
			return nil, usage("token-file: %s is empty", path)
		}
	}
	if token == "" {
		return nil, nil
	}
	options := []client.Option{client.WithToken(token)}
	if plain {
		options = append(options, client.WithTokenOverHTTP())
	}
	return options, nil
}
