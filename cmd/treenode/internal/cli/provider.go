package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

func newProvider() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:   "provider",
		Short: "List, show and change resource providers",
		Long:  "List, show and change resource providers. Wherever a PROVIDER is asked for, its UUID or its name serves.",
		Example: "  treenode provider list --class PGPU\n  treenode provider create rack1\n" +
			"  treenode provider move node1 rack1",
	}, providerListing(), providerShow(), providerCreate(), providerRename(), providerMove(), providerRemove(), providerPopulate()))
}

func providerListing() *cobra.Command {
	var filter client.ProviderFilter
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List providers, all or some",
		Example: "  treenode provider list\n  treenode provider list --roots\n  treenode provider list --class VCPU --trait HW_CPU_X86_AVX512F",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			list, err := s.providers(ctx, filter)
			if err != nil {
				return err
			}
			return s.show(providerList{list}, func(out io.Writer) error {
				rows := make([][]string, len(list))
				for i, p := range list {
					classes := slices.Sorted(maps.Keys(p.Inventories))
					rows[i] = []string{p.Name, p.UUID, dash(p.Parent), number(p.Generation), dash(strings.Join(classes, " "))}
				}
				return printTable(out, []string{"name", "uuid", "parent", "generation", "inventories"}, rows)
			})
		}),
	}
	f := cmd.Flags()
	f.StringVar(&filter.Name, "name", "", "the one with that name")
	f.BoolVar(&filter.Root, "roots", false, "roots only")
	f.StringVar(&filter.InTree, "in-tree", "", "those of the tree that this provider is in")
	f.StringSliceVar(&filter.Traits, "trait", nil, "those with all of these traits")
	f.StringVar(&filter.ResourceClass, "class", "", "those with an inventory or device of the class")
	f.StringVar(&filter.MemberOf, "member-of", "", "those in the aggregate")
	return cmd
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func providerShow() *cobra.Command {
	return &cobra.Command{
		Use:               "show PROVIDER",
		Short:             "Show everything about a provider",
		Example:           "  treenode provider show node1\n  treenode provider show node1 -o yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			p, err := s.Provider(ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(p, func(out io.Writer) error { return printProvider(out, p) })
		}),
	}
}

func printProvider(out io.Writer, p wire.Provider) error {
	rows := [][]string{
		{"name", p.Name}, {"uuid", p.UUID}, {"parent", dash(p.Parent)}, {"root", p.Root}, {"generation", number(p.Generation)},
		{"created", p.CreatedAt.Format(time.RFC3339)}, {"updated", p.UpdatedAt.Format(time.RFC3339)},
	}
	for _, trait := range p.Traits {
		rows = append(rows, []string{"trait", trait})
	}
	for _, aggregate := range p.Aggregates {
		rows = append(rows, []string{"aggregate", aggregate})
	}
	for _, class := range slices.Sorted(maps.Keys(p.Resources)) {
		for _, d := range p.Resources[class] {
			rows = append(rows, []string{"device", deviceText(class, d)})
		}
	}
	if err := printPairs(out, rows); err != nil || len(p.Inventories) == 0 {
		return err
	}
	if _, err := io.WriteString(out, "\n"); err != nil {
		return err
	}
	return printInventories(out, p.Inventories)
}

func providerCreate() *cobra.Command {
	var p wire.CreateProvider
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a provider, a root or below a parent",
		Example: "  treenode provider create rack1\n  treenode provider create node1 --parent rack1\n" +
			"  treenode provider create node2 --uuid 6f9619ff-8b86-4011-b42d-00c04fc964ff",
		Args: cobra.ExactArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			p.Name = args[0]
			return s.done(s.CreateProvider(ctx, p))
		}),
	}
	cmd.Flags().StringVar(&p.UUID, "uuid", "", "UUID of the provider (default: a new one)")
	cmd.Flags().StringVar(&p.Parent, "parent", "", "UUID or name of the parent (default: a root)")
	return mutation(cmd)
}

func providerRename() *cobra.Command {
	return mutation(&cobra.Command{
		Use:               "rename PROVIDER NAME",
		Short:             "Give a provider another name",
		Example:           "  treenode provider rename node1 node1-old",
		Args:              cobra.ExactArgs(2),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			return s.done(s.RenameProvider(ctx, args[0], args[1]))
		}),
	})
}

func providerMove() *cobra.Command {
	var root bool
	cmd := &cobra.Command{
		Use:               "move PROVIDER [PARENT]",
		Short:             "Hang a provider and all below it under another parent",
		Example:           "  treenode provider move node1 rack2\n  treenode provider move node1 --to-root",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: completeProviders(0, 2, ""),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			if root == (len(args) == 2) {
				return usage("either a PARENT or --to-root is needed")
			}
			parent := ""
			if !root {
				if parent = args[1]; parent == "" {
					return usage("PARENT is empty; say --to-root to make a root")
				}
			}
			return s.done(s.MoveProvider(ctx, args[0], parent))
		}),
	}
	cmd.Flags().BoolVar(&root, "to-root", false, "make it a root")
	return mutation(cmd)
}

func providerRemove() *cobra.Command {
	var subtree bool
	cmd := &cobra.Command{
		Use:               "remove PROVIDER",
		Short:             "Remove a provider that nothing is claimed of",
		Example:           "  treenode provider remove node1_disk_sda\n  treenode provider remove node1 --subtree",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			if subtree {
				return s.done(s.RemoveSubtree(ctx, args[0]))
			}
			return s.done(s.RemoveProvider(ctx, args[0]))
		}),
	}
	cmd.Flags().BoolVar(&subtree, "subtree", false, "and all that hangs below it")
	return mutation(cmd)
}

func providerPopulate() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "populate -f FILE",
		Short: "Add or replace the providers of a file, in one step",
		Long: "Add or replace the providers of a YAML or JSON file, all or none. Parts (inventories, traits, aggregates,\n" +
			"resources) that the file does not have stay as they are. Providers below one of the file that are not in\n" +
			"the file themselves are removed.\n\n" +
			"  providers:\n  - name: node1\n    traits: [HW_CPU_X86_AVX2]\n  - name: node1_NUMA0\n    parent: node1\n" +
			"    inventories:\n      VCPU: {total: 8, allocation_ratio: 4}",
		Example: "  treenode provider populate -f node1.yaml\n  cat node1.json | treenode provider populate -f -",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			var body wire.Populate
			if err := readFile(s.cmd, path, &body); err != nil {
				return err
			}
			if len(body.Providers) == 0 {
				return usage("%s: providers: at least one is needed", path)
			}
			return s.done(s.Populate(ctx, body.Providers...))
		}),
	}
	fileFlag(cmd, &path)
	return mutation(cmd)
}
