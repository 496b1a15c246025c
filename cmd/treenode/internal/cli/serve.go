package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cmd/treenode/internal/loglevel"
	"github.com/treenode/treenode/cmd/treenode/internal/server"
)

// shutdownTimeout bounds a stop by signal.
const shutdownTimeout = 15 * time.Second

// reserveMiBMax bounds --disk-reserve: a pebibyte.
const reserveMiBMax = 1 << 30

func newServe() *cobra.Command {
	var c server.Config
	var p placementFlags
	var a authFlags
	var audited auditFlags
	var t tracingFlags
	var configFile, logLevel, logFormat string
	var reserveMiB uint64
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run one node",
		Long: "Run one node of a cluster. The same command line serves for the first and for every later start.\n\n" +
			"With --data-dir alone the node is a whole cluster. With --bootstrap-expect 3 and --join, three new nodes\n" +
			"find each other and form one; with --join alone the node joins a cluster that exists.\n\n" +
			"A node that fails is started again within the process, after growing pauses; /readyz and \"cluster status\" name\n" +
			"the cause. A data directory that is damaged is set aside (damaged-TIME-N in it) and rebuilt from the other nodes\n" +
			"once a leader confirms that a majority goes on without it. With less than --disk-reserve free a leader hands over.\n\n" +
			"SIGTERM and SIGINT hand leadership over, finish the requests under way, and exit with 0.\n" +
			"SIGHUP reads again what can change meanwhile: the encryption keys.\n\n" +
			"Go's collector is steered so that garbage takes half of what is alive, and 160 MiB at least.\n" +
			"With GOGC or GOMEMLIMIT in the environment it is left to them.",
		Example: "  treenode serve --data-dir /var/lib/treenode\n\n" +
			"  # on each of three machines, with its own node id and address:\n" +
			"  treenode serve --node-id n1 --data-dir /var/lib/treenode --insecure-listen \\\n" +
			"    --listen 10.0.0.1:8778 --peer-listen 10.0.0.1:8779 \\\n" +
			"    --bootstrap-expect 3 --join 10.0.0.1:8779,10.0.0.2:8779,10.0.0.3:8779",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := fromFile(cmd, configFile); err != nil {
				return err
			}
			logger, levels, err := newLogger(cmd, logLevel, logFormat)
			if err != nil {
				return err
			}
			if c.DataDir == "" {
				return usage("data-dir: a data directory is needed")
			}
			if reserveMiB > reserveMiBMax {
				return usage("disk-reserve: %d MiB is over %d", reserveMiB, uint64(reserveMiBMax))
			}
			c.DiskReserve = reserveMiB << 20
			if c.NodeID == "" {
				if c.NodeID, err = defaultNodeID(); err != nil {
					return err
				}
			}
			if c.ScrubInterval <= 0 {
				return usage("scrub-interval: %v is not above 0", c.ScrubInterval)
			}
			if c.ConnectionsPerAddress < 0 {
				return usage("connections-per-address: %d; it must not be negative", c.ConnectionsPerAddress)
			}
			for _, addr := range c.Join {
				if _, _, err := net.SplitHostPort(addr); err != nil {
					return usage("join: %q is not host:port: %w", addr, err)
				}
			}
			if err := p.apply(&c); err != nil {
				return err
			}
			if err := a.apply(&c, logger); err != nil {
				return err
			}
			if err := audited.apply(&c); err != nil {
				return err
			}
			if c.EncryptionKeys, err = keysFromEnvironment(c.EncryptionKeyFile); err != nil {
				return err
			}
			if c.CheckpointInterval <= 0 {
				c.CheckpointInterval = -1
			}
			c.Version, c.Logger = version, logger
			c.LogLevels = levels
			if err := t.apply(&c); err != nil {
				return err
			}
			return runServer(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false // as they belong together
	f.StringVar(&c.NodeID, "node-id", "", "name of this node (default: the host's name)")
	f.StringVar(&c.DataDir, "data-dir", "", "directory for all that this node keeps; made if missing")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:8778", "host:port of the HTTP API")
	f.StringVar(&c.PeerListen, "peer-listen", "127.0.0.1:8779", "host:port for the other nodes")
	f.StringVar(&c.Advertise, "advertise", "", "host:port at which the other nodes reach this one (default: where it listens)")
	f.IntVar(&c.BootstrapExpect, "bootstrap-expect", 0, "number of new nodes that form a cluster together")
	f.StringSliceVar(&c.Join, "join", nil, "host:port of other nodes' peer ports, comma-separated; this node's own may be among them")
	f.BoolVar(&c.NonVoter, "nonvoter", false, "keep a copy and serve reads, but never vote")
	f.StringVar(&c.RaftLog, "raft-log", "", "what keeps the log on disk: wal or bolt (default: what the data directory has; wal in a new one)")
	f.Uint64Var(&reserveMiB, "disk-reserve", 0, "MiB of disk that stay free: with less, the node leads no more (default: a twentieth of the file system, 256 at most)")
	tlsFlags(f, &c)
	f.BoolVar(&c.Insecure, "insecure-listen", false, "listen on other addresses than loopback where TLS or authentication is missing")
	f.DurationVar(&c.RequestTimeout, "request-timeout", cluster.DefaultTiming().Request, "how long a request may take")
	f.IntVar(&c.ConnectionsPerAddress, "connections-per-address", server.ConnectionsPerAddress, "connections to the API from one address, or one IPv6 /64, at a time; loopback has no bound; 0 for none, where all come through a proxy")
	f.DurationVar(&c.CheckpointInterval, "checkpoint-interval", time.Minute, "how often the nodes' states are compared while they change; 0 for never")
	f.IntVar(&c.EntryLevel, "entry-level", 0, "newest level of log entries to use: a lower one than treenode version says keeps the way back to an older version open (default: all)")
	f.DurationVar(&c.ScrubInterval, "scrub-interval", time.Hour, "how long the node rests after it has read all that it has on disk to find damage")
	f.Uint64Var(&c.SnapshotThreshold, "snapshot-threshold", 0, "entries of the log after which a snapshot is written; 32 MiB of log are enough too (default: 16384)")
	a.add(cmd)
	addKeyFile(f, &c.EncryptionKeyFile)
	p.add(f)
	audited.add(f)
	t.add(f)
	f.StringVar(&c.Pprof, "pprof", "", "host:port on loopback for Go's profiles (default: none are served)")
	f.StringVar(&configFile, "config", "", "YAML file with any of these flags as keys (node_id: n1)")
	f.StringVar(&logLevel, "log-level", "info", "trace, debug, info, warn or error")
	f.StringVar(&logFormat, "log-format", "text", "text or json")
	return cmd
}

// runServer serves until the context ends or the node fails.
func runServer(ctx context.Context, c server.Config) error {
	stop := make(chan struct{})
	defer close(stop)
	steerCollector(stop)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	s, err := server.Start(c)
	var refused *cluster.Error
	switch {
	case errors.As(err, &refused) && refused.Code == cluster.CodeHalted:
		return &codeError{exitInternal, err}
	case err != nil:
		return &codeError{exitUsage, err}
	}
	c.Logger.Info("serving", "node", c.NodeID, "api", s.URL(), "data", c.DataDir)
	tellSystemd(c.Logger, daemon.SdNotifyReady)
	for running := true; running; {
		select {
		case <-s.Failed():
			c.Logger.Error("stopping for a failure", "cause", s.Err())
			return &codeError{exitInternal, s.Err()}
		case <-hangup:
			s.Reload()
		case <-ctx.Done():
			running = false
		}
	}
	c.Logger.Info("stopping: handing over and finishing requests")
	tellSystemd(c.Logger, daemon.SdNotifyStopping)
	shutdown, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
	defer cancel()
	if err := s.Shutdown(shutdown); err != nil {
		c.Logger.Warn("the stop was not clean", "error", err)
	}
	c.Logger.Info("stopped")
	return nil
}

// tellSystemd tells the service manager, if one waits for it, how far the node is:
// that its ports are open, not that it has found a leader (/readyz), so that
// "systemctl start" on the first of three machines does not wait for the others.
func tellSystemd(log hclog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

func newLogger(cmd *cobra.Command, level, format string) (hclog.Logger, *loglevel.Levels, error) {
	parsed, err := loglevel.Parse(level)
	if err != nil {
		return nil, nil, usage("log-level: %w", err)
	}
	if format != "text" && format != "json" {
		return nil, nil, usage("log-format: %q is not one of text, json", format)
	}
	logger, levels := loglevel.New(parsed, func(lowest hclog.Level) hclog.Logger {
		return hclog.New(&hclog.LoggerOptions{
			Name: "treenode", Level: lowest, Output: cmd.ErrOrStderr(), JSONFormat: format == "json",
		})
	})
	return logger, levels, nil
}

var notInNodeID = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func defaultNodeID() (string, error) {
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("node-id: the host has no name: %w", err)
	}
	id := strings.Trim(notInNodeID.ReplaceAllString(host, "-"), "-._")
	if id == "" {
		return "", usage("node-id: the host's name %q can't serve as one", host)
	}
	return id[:min(len(id), 64)], nil
}
