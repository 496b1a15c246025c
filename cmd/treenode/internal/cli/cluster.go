package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/transport/wire"
)

func newCluster() *cobra.Command {
	return clientFlags(noun(&cobra.Command{
		Use:     "cluster",
		Short:   "Look at the cluster and change its members",
		Example: "  treenode cluster status\n  treenode cluster members\n  treenode cluster digest",
	}, clusterStatus(), clusterMembers(), clusterAdd(), clusterRemove(), clusterTransfer(), clusterToken(), clusterDigest(), clusterLogLevel()))
}

func clusterStatus() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "Show what the node asked knows of the cluster",
		Example: "  treenode cluster status\n  treenode cluster status --endpoint 10.0.0.2:8778 -o json",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			c, err := s.Cluster(ctx)
			if err != nil {
				return err
			}
			return s.show(c, func(out io.Writer) error {
				pairs := [][]string{
					{"cluster", c.ClusterID}, {"node", c.NodeID}, {"state", c.State}, {"leader", dash(c.LeaderID)}, {"leader's api", dash(c.LeaderAPI)},
					{"term", number(c.Term)}, {"commit", number(c.Commit)}, {"applied", number(c.Applied)},
				}
				if c.Trouble != "" {
					pairs = append(pairs, []string{"trouble", c.Trouble}, []string{"failures in a row", number(uint64(max(0, c.Failures)))})
				}
				if e := c.Encryption; e != nil {
					pairs = append(pairs, []string{"encrypts with", dash(e.Active)}, []string{"keys in use", dash(strings.Join(e.InUse, ", "))})
					if e.Plain {
						pairs = append(pairs, []string{"", "some of what it has is not encrypted yet"})
					}
				}
				return printPairs(out, pairs)
			})
		}),
	}
}

func clusterMembers() *cobra.Command {
	return &cobra.Command{
		Use:     "members",
		Short:   "List the members and how they are",
		Example: "  treenode cluster members",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			c, err := s.Members(ctx)
			if err != nil {
				return err
			}
			return s.show(c, func(out io.Writer) error {
				var rows [][]string
				for _, m := range c.Members {
					role, health := m.Role, "healthy"
					if m.Leader {
						role = "leader"
					}
					if !m.Healthy {
						health = "no answer"
						if m.Error != "" {
							health += ": " + m.Error
						}
					}
					rows = append(rows, []string{m.ID, role, number(m.Applied), dash(m.API), m.Peer, m.RaftID, dash(m.Version), health})
				}
				return printTable(out, []string{"id", "role", "applied", "api", "peer", "raft id", "version", "health"}, rows)
			})
		}),
	}
}

func clusterAdd() *cobra.Command {
	var m wire.AddMember
	cmd := &cobra.Command{
		Use:   "add RAFT-ID PEER",
		Short: "Take a node into the cluster",
		Long: "Take a node into the cluster, first without a vote, and with one once it has caught up. RAFT-ID is the\n" +
			"node id and the instance of its data directory (node@instance), PEER is host:port of its peer port.\n" +
			"Nodes started with --join do this by themselves.",
		Example: "  treenode cluster add n4@0190d5b0 10.0.0.4:8779\n  treenode cluster add n4@0190d5b0 10.0.0.4:8779 --nonvoter",
		Args:    cobra.ExactArgs(2),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			m.RaftID, m.Peer = args[0], args[1]
			return s.administered(s.AddMember(ctx, m), "added %s", args[0])
		}),
	}
	cmd.Flags().BoolVar(&m.NonVoter, "nonvoter", false, "never give it a vote")
	return cmd
}

func clusterRemove() *cobra.Command {
	return &cobra.Command{
		Use:     "remove ID",
		Short:   "Remove a node, by its node id or Raft id",
		Example: "  treenode cluster remove n3",
		Args:    cobra.ExactArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			return s.administered(s.RemoveMember(ctx, args[0]), "removed %s", args[0])
		}),
	}
}

func clusterTransfer() *cobra.Command {
	return &cobra.Command{
		Use:     "transfer [ID]",
		Short:   "Hand leadership to a member, or to the one that is furthest",
		Example: "  treenode cluster transfer\n  treenode cluster transfer n2",
		Args:    cobra.MaximumNArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			to := ""
			if len(args) == 1 {
				to = args[0]
			}
			return s.administered(s.TransferLeadership(ctx, to), "handed leadership over")
		}),
	}
}

// administered prints what a change of the cluster did.
func (s *session) administered(err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	text := fmt.Sprintf(format, args...)
	return s.show(struct {
		Done string `json:"done"`
	}{text}, func(out io.Writer) error { return printNames(out, []string{text}) })
}
