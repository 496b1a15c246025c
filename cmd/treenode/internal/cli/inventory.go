package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const inventorySyntax = "Each inventory is CLASS=TOTAL, followed by any of reserved=N, min=N, max=N, step=N and ratio=N after\n" +
	"commas; what is left out has its default: reserved 0, min 1, max 2147483647, step 1, ratio 1."

func newInventory() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "inventory",
		Short:   "List and change what providers have",
		Long:    "List and change the inventories of providers.\n\n" + inventorySyntax,
		Example: "  treenode inventory list node1\n  treenode inventory put node1 VCPU=8,reserved=1,ratio=16 MEMORY_MB=16384",
	}, inventoryListing(), inventoryChange(true), inventoryChange(false), inventoryRemove()))
}

func inventoryListing() *cobra.Command {
	return &cobra.Command{
		Use:               "list PROVIDER",
		Short:             "List the inventories of a provider",
		Example:           "  treenode inventory list node1",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			p, err := s.Provider(ctx, args[0])
			if err != nil {
				return err
			}
			shown := struct {
				Generation  uint64                         `json:"generation"`
				Inventories map[string]wire.InventoryUsage `json:"inventories"`
			}{p.Generation, p.Inventories}
			return s.show(shown, func(out io.Writer) error { return printInventories(out, p.Inventories) })
		}),
	}
}

func printInventories(out io.Writer, inventories map[string]wire.InventoryUsage) error {
	var rows [][]string
	for _, class := range slices.Sorted(maps.Keys(inventories)) {
		i := inventories[class]
		rows = append(rows, []string{
			class, number(i.Used), number(i.Capacity), number(i.Total), number(i.Reserved), ratio(i.AllocationRatio),
			number(i.MinUnit), number(i.MaxUnit), number(i.StepSize),
		})
	}
	return printTable(out, []string{"class", "used", "capacity", "total", "reserved", "ratio", "min", "max", "step"}, rows)
}

func inventoryChange(all bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "put PROVIDER CLASS=TOTAL[,KEY=VALUE]...",
		Short:   "Add or update inventories, and leave the others",
		Long:    "Add or update inventories of a provider, and leave the others.\n\n" + inventorySyntax,
		Example: "  treenode inventory put node1 VCPU=8,reserved=1,ratio=16 MEMORY_MB=16384",
	}
	if all {
		cmd.Use = "set PROVIDER CLASS=TOTAL[,KEY=VALUE]..."
		cmd.Short = "Replace all inventories of a provider"
		cmd.Long = "Replace all inventories of a provider. One that is in use can't go.\n\n" + inventorySyntax
		cmd.Example = "  treenode inventory set node1 VCPU=8,reserved=1,ratio=16 MEMORY_MB=16384"
	}
	var generation uint64
	cmd.Args = cobra.MinimumNArgs(2)
	cmd.ValidArgsFunction = oneProvider
	cmd.RunE = talk(func(ctx context.Context, s *session, args []string) error {
		inventories, err := parseInventories(args[1:])
		if err != nil {
			return err
		}
		change := s.PutInventories
		if all {
			change = s.SetInventories
		}
		return s.done(change(ctx, args[0], inventories, ifGeneration(cmd, generation)...))
	})
	generationFlag(cmd, &generation)
	return mutation(cmd)
}

func inventoryRemove() *cobra.Command {
	var generation uint64
	var all bool
	cmd := &cobra.Command{
		Use:               "remove PROVIDER CLASS...",
		Short:             "Remove inventories that are not in use",
		Example:           "  treenode inventory remove node1 PGPU\n  treenode inventory remove node1 --all",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: oneProvider,
	}
	cmd.RunE = talk(func(ctx context.Context, s *session, args []string) error {
		if all == (len(args) > 1) {
			return usage("either classes or --all are needed")
		}
		if all {
			return s.done(s.RemoveAllInventories(ctx, args[0], ifGeneration(cmd, generation)...))
		}
		return s.done(s.RemoveInventories(ctx, args[0], args[1:], ifGeneration(cmd, generation)...))
	})
	cmd.Flags().BoolVar(&all, "all", false, "remove all inventories")
	generationFlag(cmd, &generation)
	return mutation(cmd)
}

func generationFlag(cmd *cobra.Command, generation *uint64) {
	cmd.Flags().Uint64Var(generation, "if-generation", 0, "only if the provider has this generation")
}

func ifGeneration(cmd *cobra.Command, generation uint64) []client.WriteOption {
	if !cmd.Flags().Changed("if-generation") {
		return nil
	}
	return []client.WriteOption{client.IfGeneration(generation)}
}

// parseInventories reads CLASS=TOTAL[,KEY=VALUE]... arguments.
func parseInventories(args []string) (map[string]wire.Inventory, error) {
	inventories := make(map[string]wire.Inventory, len(args))
	for _, arg := range args {
		class, i, err := parseInventory(arg)
		if err != nil {
			return nil, err
		}
		if _, twice := inventories[class]; twice {
			return nil, usage("%s: %s is given twice", arg, class)
		}
		inventories[class] = i
	}
	return inventories, nil
}

func parseInventory(arg string) (string, wire.Inventory, error) {
	var i wire.Inventory
	fields := map[string]*int64{
		"reserved": &i.Reserved, "min": &i.MinUnit, "max": &i.MaxUnit, "step": &i.StepSize,
		"min_unit": &i.MinUnit, "max_unit": &i.MaxUnit, "step_size": &i.StepSize,
	}
	class, given := "", map[any]bool{}
	for at, part := range strings.Split(arg, ",") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || key == "" {
			return "", i, usage("%q: %q is not of the form KEY=VALUE", arg, part)
		}
		var into any
		switch {
		case at == 0:
			class, into = key, &i.Total
		case key == "ratio", key == "allocation_ratio":
			into = &i.AllocationRatio
		case fields[key] != nil:
			into = fields[key]
		default:
			return "", i, usage("%q: %q is not one of reserved, min, max, step, ratio", arg, key)
		}
		if given[into] {
			return "", i, usage("%q: %s is given twice", arg, key)
		}
		given[into] = true
		var err error
		switch into := into.(type) {
		case *float64:
			*into, err = strconv.ParseFloat(value, 64)
		case *int64:
			*into, err = strconv.ParseInt(value, 10, 64)
		}
		if err != nil {
			return "", i, usage("%q: %s: %q is not a number", arg, key, value)
		}
	}
	return class, i, nil
}
