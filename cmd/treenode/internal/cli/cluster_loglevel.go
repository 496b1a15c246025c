package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/loglevel"
	"github.com/treenode/treenode/transport/wire"
)

// nodeLevels are the levels of one node.
type nodeLevels struct {
	Endpoint string `json:"endpoint"`
	wire.LogLevels
}

func clusterLogLevel() *cobra.Command {
	var subsystem string
	cmd := &cobra.Command{
		Use:   "log-level [LEVEL]",
		Short: "Show or change how much the nodes log, while they run",
		Long: "Show or change how much each node of --endpoint logs, without a restart. A level is one of trace, debug, info,\n" +
			"warn and error. It lasts until the node's process ends; the next one begins as \"serve --log-level\" says.",
		Example: "  treenode cluster log-level\n  treenode cluster log-level debug --subsystem raft --endpoint 10.0.0.2:8778\n" +
			"  treenode cluster log-level info",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.FixedCompletions(loglevel.Names, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.Flags().StringVar(&subsystem, "subsystem", "", "only this part: raft, transport, snapshot, api, placement, http (default: everything)")
	completeFlag(cmd, "subsystem", "raft", "transport", "snapshot", "api", "placement", "http")
	cmd.RunE = talk(func(ctx context.Context, s *session, args []string) error {
		if len(args) == 1 {
			if _, err := loglevel.Parse(args[0]); err != nil {
				return usage("%w", err)
			}
		}
		endpoints, err := endpointsOf(s.cmd)
		if err != nil {
			return err
		}
		var all []nodeLevels
		for _, e := range endpoints {
			of, err := s.levels(client.WithEndpoint(ctx, e), subsystem, args)
			if err != nil {
				return fmt.Errorf("%s: %w", e, err)
			}
			all = append(all, nodeLevels{e, of})
		}
		return s.show(all, func(out io.Writer) error {
			var rows [][]string
			for _, n := range all {
				rows = append(rows, []string{n.Endpoint, "", n.Level})
				for _, name := range slices.Sorted(maps.Keys(n.Subsystems)) {
					rows = append(rows, []string{n.Endpoint, name, n.Subsystems[name]})
				}
			}
			return printTable(out, []string{"node", "subsystem", "level"}, rows)
		})
	})
	return cmd
}

// levels reads or sets the levels of one node.
func (s *session) levels(ctx context.Context, subsystem string, args []string) (wire.LogLevels, error) {
	if len(args) == 0 {
		return s.LogLevels(ctx)
	}
	return s.SetLogLevel(ctx, wire.SetLogLevel{Subsystem: subsystem, Level: args[0]})
}
