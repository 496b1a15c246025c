package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Main runs the command line and returns the exit code.
func Main(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(errs, "treenode:", err)
	}
	return exitCode(err)
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "treenode",
		Short: "A replicated store of resource provider trees",
		Long: "treenode keeps trees of resource providers (hosts, NUMA nodes, GPUs, storage pools), what they\n" +
			"have, and what consumers claim of it, on several nodes that agree by Raft.\n\n" +
			"Every flag can also be set as TREENODE_<FLAG>, with underscores for dashes.\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused by the cluster, 4 not applied (try again),\n" +
			"5 outcome unknown (try again with the same --request-id), 70 internal failure.",
		Example: "  treenode dev                     # three nodes on this machine, its own hardware as the tree\n" +
			"  treenode serve --data-dir DIR    # one node\n" +
			"  treenode tree                    # draw what there is",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return fromEnvironment(cmd)
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%w; see \"%s --help\"", err, cmd.CommandPath())
	})
	root.AddCommand(newServe(), newCert(), newDev(), newBench(), newInspect(), newRestore(), newRecover(), newVersion(), newMan())
	root.AddCommand(newAudit(), newToken())
	root.AddCommand(clientCommands()...)
	refuseAsUsage(root)
	return root
}

// refuseAsUsage gives wrong arguments, of every command, the exit code of
// wrong usage.
func refuseAsUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usage("%w; see \"%s --help\"", err, cmd.CommandPath())
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		refuseAsUsage(sub)
	}
}
