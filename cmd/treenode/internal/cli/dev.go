package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/agent"
	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/cmd/treenode/internal/host"
	"github.com/treenode/treenode/cmd/treenode/local"
)

const (
	devBasePort = 8778
	// devReady bounds the start of all nodes.
	devReady = 60 * time.Second
	// devRestart is how long a node that ended stays away, so that one can
	// watch the others go on without it.
	devRestart = 3 * time.Second
)

type devOptions struct {
	nodes    int
	dir      string
	basePort int
	once     bool
	verbose  bool
}

func newDev() *cobra.Command {
	var o devOptions
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run three nodes on this machine, with its own hardware as the tree",
		Long: "Run a whole cluster on loopback, one process for each node, publish this host's hardware in it, and draw\n" +
			"the tree. A node that ends, say by kill -9, is started again after a few seconds. Ctrl-C stops everything.\n\n" +
			"Without --dir the data is in a temporary directory and goes with the cluster.",
		Example: "  treenode dev\n  treenode dev --once               # draw the tree and exit\n  treenode dev --dir ./data --nodes 5",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.nodes < 1 || o.nodes > 9 {
				return usage("nodes: %d; it must be from 1 to 9", o.nodes)
			}
			return runDev(cmd, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "number of nodes")
	f.StringVar(&o.dir, "dir", "", "directory for the data (default: a temporary one, removed at the end)")
	f.IntVar(&o.basePort, "base-port", devBasePort, "first port; each node takes two; 0 takes free ones")
	f.BoolVar(&o.once, "once", false, "exit after drawing the tree")
	f.BoolVar(&o.verbose, "verbose", false, "show the nodes' logs")
	return cmd
}

func runDev(cmd *cobra.Command, o devOptions) (err error) {
	ctx, out, errs := cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "treenode-dev-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	cluster, err := devCluster(o, cmd.Flags().Changed("base-port"), errs)
	if err != nil {
		return err
	}
	defer func() {
		stop, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		err = errors.Join(err, cluster.Stop(stop))
	}()
	say(errs, "starting %d nodes below %s", o.nodes, o.dir)
	if err := cluster.Start(); err != nil {
		return err
	}
	ready, cancel := context.WithTimeout(ctx, devReady)
	defer cancel()
	if err := cluster.WaitReady(ready); err != nil {
		return err
	}
	c, err := client.New(cluster.Endpoints())
	if err != nil {
		return err
	}
	defer c.Close()
	if err := devPublish(ctx, c, out, errs); err != nil {
		return err
	}
	if o.once {
		return nil
	}
	if err := devGuide(ctx, c, cluster, out); err != nil {
		return err
	}
	watchNodes(ctx, cluster, errs)
	say(errs, "stopping")
	return nil
}

func say(w io.Writer, format string, args ...any) {
	fmt.Fprintf(w, format+"\n", args...)
}

// devCluster lays the cluster out; where the usual ports are taken and nobody
// asked for them, on free ones.
func devCluster(o devOptions, portsAsked bool, errs io.Writer) (*local.Cluster, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return nil, err
	}
	options := local.Options{Binary: binary, Dir: dir, Nodes: o.nodes, BasePort: o.basePort}
	if o.verbose {
		options.Log = errs
	}
	cluster, err := local.New(options)
	if err != nil && o.basePort != 0 && !portsAsked {
		say(errs, "%v; taking free ports", err)
		options.BasePort = 0
		cluster, err = local.New(options)
	}
	return cluster, err
}

// devPublish puts this host into the cluster and draws it.
func devPublish(ctx context.Context, c *client.Client, out, errs io.Writer) error {
	machine, err := host.Read(host.Root("/"))
	if err != nil {
		return err
	}
	for _, note := range machine.Notes {
		say(errs, "host: %s", note)
	}
	report, err := agent.Publish(ctx, c, machine, host.Options{})
	if err != nil {
		return err
	}
	tree, err := c.Tree(ctx, report.Host)
	if err != nil {
		return err
	}
	return draw.Tree(out, tree.Providers, draw.Options{Traits: false})
}

// devGuide prints where the nodes are and what to try.
func devGuide(ctx context.Context, c *client.Client, cluster *local.Cluster, out io.Writer) error {
	status, err := c.Cluster(ctx)
	if err != nil {
		return err
	}
	var b strings.Builder
	leader := cluster.Nodes[0]
	fmt.Fprintf(&b, "\n%-4s %-24s %-8s %s\n", "node", "api", "pid", "")
	for _, n := range cluster.Nodes {
		role := "follower"
		if status.LeaderID == n.ID {
			role, leader = "leader", n
		}
		fmt.Fprintf(&b, "%-4s %-24s %-8d %s\n", n.ID, "http://"+n.API, n.PID(), role)
	}
	endpoints := strings.Join(cluster.Endpoints(), ",")
	fmt.Fprintf(&b, "\nTry, in another terminal:\n\n"+
		"  export TREENODE_ENDPOINTS=%s\n"+
		"  treenode tree\n"+
		"  treenode claim new %s:VCPU=1,MEMORY_MB=512\n"+
		"  kill -9 %d                  # the leader; it comes back after %v\n"+
		"  treenode cluster status\n\n"+
		"Ctrl-C stops everything.\n", endpoints, devHost(ctx, c), leader.PID(), devRestart)
	_, err = io.WriteString(out, b.String())
	return err
}

// devHost is a provider with VCPU to claim from, for the guide.
func devHost(ctx context.Context, c *client.Client) string {
	for p, err := range c.Providers(ctx, client.ProviderFilter{ResourceClass: "VCPU"}) {
		if err == nil {
			return p.Name
		}
		break
	}
	return "PROVIDER"
}

// watchNodes starts nodes that end again, until the context ends.
func watchNodes(ctx context.Context, cluster *local.Cluster, errs io.Writer) {
	ended := make(chan *local.Node)
	watch := func(n *local.Node) {
		select {
		case <-n.Exited():
			select {
			case ended <- n:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}
	for _, n := range cluster.Nodes {
		go watch(n)
	}
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-ended:
			say(errs, "%s has ended (%s); the others go on. Starting it again in %v", n.ID, n.Exit(), devRestart)
			go func() {
				select {
				case <-time.After(devRestart):
				case <-ctx.Done():
					return
				}
				if err := n.Start(); err != nil {
					say(errs, "%v", err)
					return
				}
				if n.WaitReady(ctx) == nil {
					say(errs, "%s is back, pid %d", n.ID, n.PID())
				}
				watch(n)
			}()
		}
	}
}
