package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cmd/treenode/internal/agent"
	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/cmd/treenode/internal/host"
	"github.com/treenode/treenode/transport/wire"
)

const (
	leastInterval = time.Second
	// agentRetry is the longest pause after a failure.
	agentRetry = 10 * time.Second
)

type agentOptions struct {
	host.Options
	root     string
	interval time.Duration
	once     bool
	dryRun   bool
}

func newAgent() *cobra.Command {
	var o agentOptions
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Publish this host's hardware as a tree, and keep it up to date",
		Long: "Read this host's CPUs, memory, NUMA nodes, devices and disks, compare them with what the cluster has under\n" +
			"the host, and send what changed as one transaction. Then do so again after each interval, until SIGTERM.\n\n" +
			"What operators own stays: allocation ratios once an inventory is there, aggregates, providers hung below\n" +
			"the host, classes other than those of hardware, and traits other than HW_ARCH_*, HW_CPU_*, HW_NUMA_ROOT,\n" +
			"HW_NIC_SRIOV, HW_NIC_OFFLOAD_RDMA, STORAGE_DISK_SSD, STORAGE_DISK_HDD and CUSTOM_PCI_<vendor>_<device>.\n" +
			"What is gone from the host is removed, unless it is in use.",
		Example: "  treenode agent --endpoint 10.0.0.1:8778,10.0.0.2:8778\n  treenode agent --once --parent rack1\n" +
			"  treenode agent --dry-run",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.interval < leastInterval {
				return usage("interval: %v is less than %v", o.interval, leastInterval)
			}
			s, err := connect(cmd)
			if err != nil {
				return err
			}
			defer s.Close()
			if o.dryRun {
				return s.wouldPublish(o)
			}
			return s.publish(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.once, "once", false, "publish once and exit")
	f.DurationVar(&o.interval, "interval", time.Minute, "how often to look")
	f.StringVar(&o.HostName, "host-name", "", "name of the host's provider (default: the host's name)")
	f.StringVar(&o.Parent, "parent", "", "provider that the host hangs below (default: where it is; a root if it is new)")
	f.StringVar(&o.Identity, "identity", "", "what tells this host from all others (default: the machine-id)")
	f.StringVar(&o.root, "root", "/", "directory in which to find /proc, /sys and /etc")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be published, and send nothing")
	return clientFlags(cmd)
}

// publish publishes once or until the context ends.
func (s *session) publish(ctx context.Context, o agentOptions) error {
	said := ""
	for {
		report, err := s.publishOnce(ctx, o)
		if ctx.Err() != nil {
			return nil // told to stop; what was under way happened whole or not at all
		}
		var option *host.OptionError
		if errors.As(err, &option) {
			return usage("%w", err)
		}
		if err != nil {
			err = s.explain(err)
		}
		if o.once && err != nil {
			return err
		}
		pause := o.interval
		if err != nil {
			pause = min(pause, agentRetry)
			fmt.Fprintln(s.cmd.ErrOrStderr(), "treenode:", err)
			said = ""
		} else if text := report.String(); text != said {
			if err := s.tell(report); err != nil {
				return err
			}
			said = text
		}
		if o.once {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
	}
}

func (s *session) publishOnce(ctx context.Context, o agentOptions) (agent.Report, error) {
	m, err := host.Read(host.Root(o.root))
	if err != nil {
		return agent.Report{}, err
	}
	return agent.Publish(ctx, s.Client, m, o.Options)
}

// tell prints a report: a line of text, or of JSON.
func (s *session) tell(r agent.Report) error {
	for _, note := range r.Notes {
		fmt.Fprintln(s.cmd.ErrOrStderr(), "note:", draw.Printable(note))
	}
	out := s.cmd.OutOrStdout()
	if s.format == "table" {
		_, err := fmt.Fprintln(out, draw.Printable(r.String()))
		return err
	}
	shown := struct {
		Host      string   `json:"host"`
		UUID      string   `json:"uuid"`
		Created   int      `json:"created"`
		Changed   int      `json:"changed"`
		Removed   int      `json:"removed"`
		Index     uint64   `json:"index,omitempty"`
		RequestID string   `json:"request_id,omitempty"`
		Notes     []string `json:"notes,omitempty"`
	}{r.Host, r.UUID, r.Created, r.Changed, r.Removed, r.Index, r.RequestID, r.Notes}
	return s.show(shown, nil)
}

// wouldPublish prints the host's tree and asks nobody.
func (s *session) wouldPublish(o agentOptions) error {
	m, err := host.Read(host.Root(o.root))
	if err != nil {
		return err
	}
	for _, note := range m.Notes {
		fmt.Fprintln(s.cmd.ErrOrStderr(), "note:", draw.Printable(note))
	}
	list, err := m.Providers(o.Options)
	if err != nil {
		return usage("%w", err)
	}
	if s.format != "table" {
		return s.show(wire.Populate{Providers: list}, nil)
	}
	providers := make([]wire.Provider, len(list))
	for i, p := range list {
		providers[i] = wire.Provider{UUID: p.UUID, Name: p.Name, Parent: p.Parent, Traits: p.Traits, Inventories: map[string]wire.InventoryUsage{}}
		for class, inventory := range p.Inventories {
			inventory.AllocationRatio = 1
			providers[i].Inventories[class] = wire.InventoryUsage{Inventory: inventory, Capacity: inventory.Total - inventory.Reserved}
		}
	}
	out := s.cmd.OutOrStdout()
	return draw.Tree(out, providers, draw.Options{Traits: true, Colour: colourful(out)})
}
