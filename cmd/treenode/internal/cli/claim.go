package cli

import (
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/treenode/treenode/transport/wire"
)

const claimSyntax = "Each claim is PROVIDER:CLASS=AMOUNT, with more CLASS=AMOUNT after commas."

// consumerList is what lists of consumers are as JSON.
type consumerList struct {
	Consumers []wire.Consumer `json:"consumers"`
}

func newClaim() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:   "claim",
		Short: "Claim resources for consumers, show and release them",
		Long:  "Claim resources for consumers, show and release them. A CONSUMER is a UUID.\n\n" + claimSyntax,
		Example: "  treenode claim new node1_NUMA0:VCPU=2,MEMORY_MB=4096 node1_disk_sda:DISK_GB=20\n" +
			"  treenode claim list node1_NUMA0\n  treenode claim release 6f9619ff-8b86-4011-b42d-00c04fc964ff",
	}, claimNew(), claimSet(), claimShow(), claimListing(), claimRelease()))
}

// ownerFlags are whom a consumer belongs to.
func ownerFlags(cmd *cobra.Command, claim *wire.ConsumerClaim) {
	f := cmd.Flags()
	f.StringVar(&claim.Project, "project", "", "project of the consumer (default: as it is; unknown for a new one)")
	f.StringVar(&claim.User, "user", "", "user of the consumer (default: as it is; unknown for a new one)")
	f.StringVar(&claim.Type, "type", "", "type of the consumer (default: as it is; INSTANCE for a new one)")
}

func claimNew() *cobra.Command {
	var claim wire.ConsumerClaim
	cmd := &cobra.Command{
		Use:               "new PROVIDER:CLASS=AMOUNT[,CLASS=AMOUNT]...",
		Short:             "Claim resources for a new consumer",
		Long:              "Claim resources for a new consumer, and print the UUID made for it.\n\n" + claimSyntax,
		Example:           "  treenode claim new node1_NUMA0:VCPU=2,MEMORY_MB=4096 --project web",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeProviders(0, 0, ":"),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			id, err := uuid.NewRandom()
			if err != nil {
				return err
			}
			claim.UUID = id.String()
			// A repetition must name the same consumer.
			s.again = append([]string{"treenode", "claim", "set", claim.UUID}, args...)
			return s.claim(ctx, claim, args)
		}),
	}
	ownerFlags(cmd, &claim)
	return mutation(cmd)
}

func claimSet() *cobra.Command {
	var claim wire.ConsumerClaim
	cmd := &cobra.Command{
		Use:   "set CONSUMER PROVIDER:CLASS=AMOUNT[,CLASS=AMOUNT]...",
		Short: "Replace all that a consumer claims",
		Long:  "Replace all that a consumer claims, in one step. The consumer need not exist before.\n\n" + claimSyntax,
		Example: "  treenode claim set 6f9619ff-8b86-4011-b42d-00c04fc964ff node1_NUMA0:VCPU=4,MEMORY_MB=8192 \\\n" +
			"    node1_disk_sda:DISK_GB=20",
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: completeProviders(1, 0, ":"),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			claim.UUID = args[0]
			return s.claim(ctx, claim, args[1:])
		}),
	}
	ownerFlags(cmd, &claim)
	return mutation(cmd)
}

func (s *session) claim(ctx context.Context, claim wire.ConsumerClaim, args []string) error {
	for _, arg := range args {
		a, err := parseAllocation(arg)
		if err != nil {
			return err
		}
		claim.Allocations = append(claim.Allocations, a)
	}
	result, err := s.Claim(ctx, claim)
	if err != nil {
		return err
	}
	shown := struct {
		Consumer string `json:"consumer"`
		wire.Result
	}{claim.UUID, result}
	if s.format != "table" {
		return s.show(shown, nil)
	}
	s.quiet()
	if err := printNames(s.cmd.OutOrStdout(), []string{"consumer " + claim.UUID}); err != nil {
		return err
	}
	return s.done(result, nil)
}

// parseAllocation reads PROVIDER:CLASS=AMOUNT[,CLASS=AMOUNT]... A provider's
// name may hold colons, a class can't.
func parseAllocation(arg string) (wire.Allocation, error) {
	at := strings.LastIndexByte(arg, ':')
	if at <= 0 {
		return wire.Allocation{}, usage("%q is not of the form PROVIDER:CLASS=AMOUNT", arg)
	}
	a := wire.Allocation{Provider: arg[:at], Resources: map[string]int64{}}
	for part := range strings.SplitSeq(arg[at+1:], ",") {
		class, text, ok := strings.Cut(part, "=")
		amount, err := strconv.ParseInt(text, 10, 64)
		if !ok || class == "" || err != nil {
			return wire.Allocation{}, usage("%q: %q is not of the form CLASS=AMOUNT", arg, part)
		}
		if _, twice := a.Resources[class]; twice {
			return wire.Allocation{}, usage("%q: %s is given twice", arg, class)
		}
		a.Resources[class] = amount
	}
	return a, nil
}

func allocationText(a wire.Allocation) string {
	var parts []string
	for _, class := range slices.Sorted(maps.Keys(a.Resources)) {
		parts = append(parts, class+"="+number(a.Resources[class]))
	}
	return strings.Join(parts, ",")
}

func claimShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show CONSUMER",
		Short:   "Show what a consumer claims",
		Example: "  treenode claim show 6f9619ff-8b86-4011-b42d-00c04fc964ff",
		Args:    cobra.ExactArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			c, err := s.Consumer(ctx, args[0])
			if err != nil {
				return err
			}
			return s.show(c, func(out io.Writer) error {
				rows := [][]string{
					{"consumer", c.UUID}, {"project", c.Project}, {"user", c.User}, {"type", c.Type}, {"generation", number(c.Generation)},
					{"created", c.CreatedAt.Format(time.RFC3339)}, {"updated", c.UpdatedAt.Format(time.RFC3339)},
				}
				for _, a := range c.Allocations {
					rows = append(rows, []string{"claim", a.Provider + ":" + allocationText(a)})
				}
				return printPairs(out, rows)
			})
		}),
	}
}

func claimListing() *cobra.Command {
	return &cobra.Command{
		Use:               "list PROVIDER",
		Short:             "List who claims what of a provider",
		Example:           "  treenode claim list node1_NUMA0",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: oneProvider,
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			list := []wire.Consumer{}
			for c, err := range s.Allocations(ctx, args[0]) {
				if err != nil {
					return err
				}
				list = append(list, c)
			}
			return s.show(consumerList{list}, func(out io.Writer) error {
				var rows [][]string
				for _, c := range list {
					for _, a := range c.Allocations {
						rows = append(rows, []string{c.UUID, c.Project, c.User, c.Type, allocationText(a)})
					}
				}
				return printTable(out, []string{"consumer", "project", "user", "type", "claims"}, rows)
			})
		}),
	}
}

func claimRelease() *cobra.Command {
	return mutation(&cobra.Command{
		Use:     "release CONSUMER...",
		Short:   "Release all that consumers claim, of all of them or none",
		Example: "  treenode claim release 6f9619ff-8b86-4011-b42d-00c04fc964ff",
		Args:    cobra.MinimumNArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			return s.done(s.Release(ctx, args...))
		}),
	})
}
