package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
)

func newClass() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "class",
		Short:   "List, create and delete resource classes",
		Example: "  treenode class list --custom\n  treenode class create CUSTOM_LICENCE",
	}, classListing(),
		nameChange("create NAME", "Create a custom resource class (CUSTOM_...); one that exists stays as it is", "treenode class create CUSTOM_LICENCE", (*client.Client).CreateResourceClass),
		nameChange("delete NAME", "Delete a custom resource class that nothing uses", "treenode class delete CUSTOM_LICENCE", (*client.Client).RemoveResourceClass)))
}

func classListing() *cobra.Command {
	var custom bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List all resource classes",
		Example: "  treenode class list\n  treenode class list --custom",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			names, err := s.ResourceClasses(ctx)
			return s.names(names, custom, err)
		}),
	}
	customFlag(cmd, &custom)
	return cmd
}
