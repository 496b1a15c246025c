package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
)

func newAggregate() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "aggregate",
		Short:   "List and change the aggregates that providers are in",
		Long:    "List and change the aggregates that providers are in. An aggregate is a UUID, and exists by being used.",
		Example: "  treenode aggregate list node1\n  treenode aggregate add node1 6f9619ff-8b86-4011-b42d-00c04fc964ff",
	}, &cobra.Command{
		Use:               "list PROVIDER",
		Short:             "List the aggregates that a provider is in",
		Example:           "  treenode aggregate list node1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			p, err := s.Provider(ctx, args[0])
			return s.names(p.Aggregates, false, err)
		}),
	},
		partChange("aggregate", "set", "Replace all aggregates of a provider; without any, it is in none then", (*client.Client).SetAggregates),
		partChange("aggregate", "add", "Put a provider into aggregates", (*client.Client).AddAggregates),
		partChange("aggregate", "remove", "Take a provider out of aggregates", (*client.Client).RemoveAggregates)))
}
