package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func clusterToken() *cobra.Command {
	return noun(&cobra.Command{
		Use:     "token",
		Short:   "Make, list and revoke the tokens with which new nodes join",
		Example: "  treenode cluster token make --node n4\n  treenode cluster token list",
	}, clusterTokenMake(), clusterTokenList(), clusterTokenRevoke())
}

func clusterTokenMake() *cobra.Command {
	var node string
	var life time.Duration
	cmd := &cobra.Command{
		Use:   "make",
		Short: "Make a token that lets one new node join",
		Long: "Make a token and print it: it is told only now, and kept nowhere but as a hash. The new node is started with\n" +
			"--join and --join-token-file. One token lets in one node; --node binds it to a node id.",
		Example: "  treenode cluster token make --node n4 | install -m 0600 /dev/stdin n4.token\n" +
			"  treenode cluster token make --expires 10m -o json",
		Args: cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			made, err := s.MakeJoinToken(ctx, node, life)
			if err != nil {
				return err
			}
			return s.show(made, func(out io.Writer) error {
				fmt.Fprintf(s.cmd.ErrOrStderr(), "join token %s, until %s\n", made.ID, made.Expires.Format(time.RFC3339))
				_, err := fmt.Fprintln(out, made.Token)
				return err
			})
		}),
	}
	cmd.Flags().StringVar(&node, "node", "", "id of the only node that it is for")
	cmd.Flags().DurationVar(&life, "expires", time.Hour, "how long it is good for, from a minute to 30 days")
	return cmd
}

func clusterTokenList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List the tokens, used and expired ones for a week",
		Example: "  treenode cluster token list",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			list, err := s.JoinTokens(ctx)
			if err != nil {
				return err
			}
			return s.show(list, func(out io.Writer) error {
				var rows [][]string
				for _, t := range list.Tokens {
					used := ""
					if t.Used != nil {
						used = t.UsedBy + ", " + t.Used.Format(time.RFC3339)
					}
					rows = append(rows, []string{t.ID, dash(t.Node), dash(t.By), t.Made.Format(time.RFC3339), t.Expires.Format(time.RFC3339), dash(used)})
				}
				return printTable(out, []string{"id", "for node", "made by", "made", "expires", "used by"}, rows)
			})
		}),
	}
}

func clusterTokenRevoke() *cobra.Command {
	return &cobra.Command{
		Use:     "revoke ID",
		Short:   "Revoke a token; a node that has joined with it stays",
		Example: "  treenode cluster token revoke 0123456789abcdef",
		Args:    cobra.ExactArgs(1),
		RunE: talk(func(ctx context.Context, s *session, args []string) error {
			return s.administered(s.RevokeJoinToken(ctx, args[0]), "revoked %s", args[0])
		}),
	}
}
