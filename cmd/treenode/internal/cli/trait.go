package cli

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

// nameList is what lists of names are as JSON.
type nameList struct {
	Names []string `json:"names"`
}

func newTrait() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "trait",
		Short:   "List and change traits, and those of providers",
		Example: "  treenode trait list node1\n  treenode trait create CUSTOM_GOLD\n  treenode trait add node1 CUSTOM_GOLD",
	}, traitListing(),
		partChange("trait", "set", "Replace all traits of a provider; without any, it has none then", (*client.Client).SetTraits),
		partChange("trait", "add", "Add traits to a provider", (*client.Client).AddTraits),
		partChange("trait", "remove", "Remove traits from a provider", (*client.Client).RemoveTraits),
		nameChange("create NAME", "Create a custom trait (CUSTOM_...); one that exists stays as it is", "treenode trait create CUSTOM_GOLD", (*client.Client).CreateTrait),
		nameChange("delete NAME", "Delete a custom trait that no provider has", "treenode trait delete CUSTOM_GOLD", (*client.Client).RemoveTrait)))
}

func traitListing() *cobra.Command {
	var custom bool
	cmd := &cobra.Command{
		Use:               "list [PROVIDER]",
		Short:             "List all traits that there are, or those of a provider",
		Example:           "  treenode trait list --custom\n  treenode trait list node1",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			if len(args) == 0 {
				names, err := s.Traits(ctx)
				return s.names(names, custom, err)
			}
			p, err := s.Provider(ctx, args[0])
			return s.names(p.Traits, custom, err)
		}),
	}
	customFlag(cmd, &custom)
	return cmd
}

func customFlag(cmd *cobra.Command, custom *bool) {
	cmd.Flags().BoolVar(custom, "custom", false, "custom names only")
}

func (s *session) names(names []string, custom bool, err error) error {
	if err != nil {
		return err
	}
	if custom {
		names = slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, "CUSTOM_") })
	}
	if names == nil {
		names = []string{}
	}
	return s.show(nameList{names}, func(out io.Writer) error { return printNames(out, names) })
}

// partChange makes a command that sets, adds or removes traits or aggregates.
func partChange(what, verb, short string, change func(*client.Client, context.Context, string, []string, ...client.WriteOption) (wire.Result, error)) *cobra.Command {
	example, least := "CUSTOM_GOLD COMPUTE_NODE", 2
	if what == "aggregate" {
		example = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
	}
	use := verb + " PROVIDER " + strings.ToUpper(what) + "..."
	if verb == "set" {
		least, use = 1, verb+" PROVIDER ["+strings.ToUpper(what)+"...]"
	}
	var generation uint64
	cmd := &cobra.Command{
		Use:               use,
		Short:             short,
		Example:           "  treenode " + what + " " + verb + " node1 " + example,
		Args:              cobra.MinimumNArgs(least),
		ValidArgsFunction: oneProvider,
	}
	cmd.RunE = talk(func(ctx context.Context, s *session, args []string) error {
		return s.done(change(s.Client, ctx, args[0], args[1:], ifGeneration(cmd, generation)...))
	})
	generationFlag(cmd, &generation)
	return mutation(cmd)
}

// nameChange makes a command that creates or deletes a trait or class.
func nameChange(use, short, example string, change func(*client.Client, context.Context, string) (wire.Result, error)) *cobra.Command {
	return mutation(&cobra.Command{
		Use:     use,
		Short:   short,
		Example: "  " + example,
		Args:    cobra.ExactArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			return s.done(change(s.Client, ctx, args[0]))
		}),
	})
}
