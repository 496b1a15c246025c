package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/transport/wire"
)

// providerList is what lists of providers are as JSON.
type providerList struct {
	Providers []wire.Provider `json:"providers"`
}

func newTree() *cobra.Command {
	var o draw.Options
	var whole bool
	cmd := &cobra.Command{
		Use:   "tree [PROVIDER]",
		Short: "Draw the trees and what of them is in use",
		Long: "Draw all trees, or a provider and what hangs below it. For each inventory there is a bar, and the amount\n" +
			"claimed of the capacity: (total - reserved) * allocation ratio.",
		Example: "  treenode tree\n  treenode tree node1 --traits\n  treenode tree node1_NUMA0 --whole    # the tree that it is in\n" +
			"  treenode tree -o json",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			list, err := s.treeOf(ctx, args, whole)
			if err != nil {
				return err
			}
			return s.show(providerList{list}, func(out io.Writer) error {
				o.Colour = colourful(out)
				return draw.Tree(out, list, o)
			})
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&whole, "whole", false, "draw the whole tree that PROVIDER is in")
	f.BoolVar(&o.Traits, "traits", false, "list the traits")
	f.BoolVar(&o.Aggregates, "aggregates", false, "list the aggregates")
	f.BoolVar(&o.UUIDs, "uuids", false, "show the UUIDs")
	f.BoolVar(&o.Generations, "generations", false, "show the generations")
	f.BoolVar(&o.ASCII, "ascii", false, "draw with ASCII only")
	return clientFlags(cmd)
}

func (s *session) treeOf(ctx context.Context, args []string, whole bool) ([]wire.Provider, error) {
	if len(args) == 0 {
		if whole {
			return nil, usage("whole: a PROVIDER is needed")
		}
		return s.providers(ctx, client.ProviderFilter{})
	}
	ask := s.Subtree
	if whole {
		ask = s.Tree
	}
	answer, err := ask(ctx, args[0])
	return answer.Providers, err
}

// providers is all pages of a list; never nil.
func (s *session) providers(ctx context.Context, filter client.ProviderFilter) ([]wire.Provider, error) {
	list := []wire.Provider{}
	for p, err := range s.Providers(ctx, filter) {
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}
