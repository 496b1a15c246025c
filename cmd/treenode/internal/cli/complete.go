package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	// completionTimeout is how long a shell waits for names.
	completionTimeout = time.Second
	completionsMax    = 1000
)

// completeFlag lets the shell complete a flag that the command has.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was defined a line before
	}
}

// completeProviders completes the arguments from the one at "from" to before
// the one at "to" (0: all that follow) with names of providers and a suffix.
func completeProviders(from, to int, suffix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if suffix != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		if len(args) < from || to > 0 && len(args) >= to || suffix != "" && strings.Contains(begun, suffix) {
			return nil, directive
		}
		var names []cobra.Completion
		for _, name := range providerNames(cmd) {
			if strings.HasPrefix(name, begun) {
				names = append(names, name+suffix)
			}
		}
		return names, directive
	}
}

// oneProvider completes the first argument only.
var oneProvider = completeProviders(0, 1, "")

// providerNames asks the cluster. A shell has no use for an error, so that
// there are just no names when it can't.
func providerNames(cmd *cobra.Command) []string {
	if fromEnvironment(cmd) != nil { // a completion runs no PersistentPreRunE
		return nil
	}
	s, err := connect(cmd)
	if err != nil {
		return nil
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
	defer cancel()
	page, err := s.ProvidersPage(client.WithConsistency(ctx, wire.Stale), client.ProviderFilter{}, completionsMax, "")
	if err != nil {
		return nil
	}
	names := make([]string, len(page.Providers))
	for i, p := range page.Providers {
		names[i] = p.Name
	}
	return names
}
