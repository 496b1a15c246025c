package cli

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const (
	endpointDefault = "127.0.0.1:8778"
	timeoutDefault  = 30 * time.Second
	// endpointsVariable stands in for TREENODE_ENDPOINT, since there may be
	// several.
	endpointsVariable = envPrefix + "ENDPOINTS"
)

var (
	formats       = []string{"table", "json", "yaml"}
	consistencies = []string{string(wire.Linearizable), string(wire.Session), string(wire.Stale)}
)

// clientCommands are the commands that talk to a cluster.
func clientCommands() []*cobra.Command {
	all := []*cobra.Command{
		newTree(), newProvider(), newInventory(), newTrait(), newClass(), newAggregate(), newDevice(),
		newClaim(), newTxn(), newReshape(), newCluster(), newHealth(), newAgent(), newBackup(),
		newDoctor(), newTop(),
		newImport(), newExport(),
	}
	for _, cmd := range all {
		strictArgs(cmd)
	}
	return all
}

// strictArgs makes wrong arguments a matter of usage, with its exit code.
func strictArgs(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usage("%w; see \"%s --help\"", err, cmd.CommandPath())
		}
		return nil
	}
	for _, below := range cmd.Commands() {
		strictArgs(below)
	}
}

// clientFlags gives a command, and those below it, the flags of all that talk
// to a cluster.
func clientFlags(cmd *cobra.Command) *cobra.Command {
	f := cmd.PersistentFlags()
	f.StringSlice("endpoint", []string{endpointDefault}, "host:port or URL of one or more nodes, comma-separated (also $"+endpointsVariable+")")
	f.Duration("timeout", timeoutDefault, "how long to try, all attempts together")
	f.String("consistency", consistencies[0], "what reads show: "+strings.Join(consistencies, ", "))
	f.StringP("output", "o", formats[0], strings.Join(formats, ", "))
	clientTLSFlags(cmd)
	tokenFlags(cmd)
	completeFlag(cmd, "consistency", consistencies...)
	completeFlag(cmd, "output", formats...)
	return cmd
}

// mutation gives a command the flags of those that change something.
func mutation(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("request-id", "", "UUID version 7 that makes the change happen once, however often it is tried (default: a new one)")
	return cmd
}

// noun makes a command that only holds others.
func noun(cmd *cobra.Command, below ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(below...)
	return cmd
}

// session is one run of a command that talks to a cluster.
type session struct {
	*client.Client
	cmd    *cobra.Command
	format string
	quiet  func() // ends the progress line; before anything is printed
	// again, where not nil, stands in for the command and its arguments in
	// the advice after an unknown outcome.
	again []string
}

// talk makes a RunE of a function that talks to a cluster.
func talk(run func(ctx context.Context, s *session, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := connect(cmd)
		if err != nil {
			return err
		}
		defer s.Close()
		ctx, err := withRequestID(cmd)
		if err != nil {
			return err
		}
		s.quiet = progress(cmd.ErrOrStderr(), "waiting for the cluster")
		defer s.quiet()
		return s.explain(run(ctx, s, args))
	}
}

// connect makes a client by the command's flags. It sends nothing.
func connect(cmd *cobra.Command) (*session, error) {
	f := cmd.Flags()
	timeout, err := f.GetDuration("timeout")
	if err != nil {
		return nil, err
	}
	if timeout <= 0 {
		return nil, usage("timeout: %v is not above 0", timeout)
	}
	level, err := oneOf(cmd, "consistency", consistencies)
	if err != nil {
		return nil, err
	}
	format, err := oneOf(cmd, "output", formats)
	if err != nil {
		return nil, err
	}
	endpoints, err := endpointsOf(cmd)
	if err != nil {
		return nil, err
	}
	options := []client.Option{
		client.WithTimeout(timeout), client.WithDefaultConsistency(wire.Consistency(level)), client.WithUserAgent("treenode/" + version),
	}
	secure, err := clientTLS(cmd)
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, client.WithTLS(secure))
	}
	token, err := tokenOptions(cmd)
	if err != nil {
		return nil, err
	}
	c, err := client.New(endpoints, append(options, token...)...)
	if err != nil {
		return nil, usage("endpoint: %w", err)
	}
	return &session{Client: c, cmd: cmd, format: format, quiet: func() {}}, nil
}

func endpointsOf(cmd *cobra.Command) ([]string, error) {
	endpoints, err := cmd.Flags().GetStringSlice("endpoint")
	if err != nil {
		return nil, err
	}
	if several := os.Getenv(endpointsVariable); several != "" && !cmd.Flags().Changed("endpoint") {
		endpoints = strings.Split(several, ",")
	}
	for i, e := range endpoints {
		endpoints[i] = strings.TrimSpace(e)
	}
	endpoints = slices.DeleteFunc(endpoints, func(e string) bool { return e == "" })
	if len(endpoints) == 0 {
		return nil, usage("endpoint: at least one is needed")
	}
	return endpoints, nil
}

func oneOf(cmd *cobra.Command, flag string, values []string) (string, error) {
	value, err := cmd.Flags().GetString(flag)
	if err != nil {
		return "", err
	}
	if !slices.Contains(values, value) {
		return "", usage("%s: %q is not one of %s", flag, value, strings.Join(values, ", "))
	}
	return value, nil
}

func withRequestID(cmd *cobra.Command) (context.Context, error) {
	ctx, f := cmd.Context(), cmd.Flags().Lookup("request-id")
	if f == nil || f.Value.String() == "" {
		return ctx, nil
	}
	id, err := uuid.Parse(f.Value.String())
	if err != nil || id.Version() != 7 {
		return nil, usage("request-id: %q is not a UUID of version 7", f.Value)
	}
	return client.WithRequestID(ctx, id.String()), nil
}
