package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/logstore"
	"github.com/treenode/treenode/fsm"
)

// newClusterFlags are those of commands that make a cluster of one node in a data
// directory.
type newClusterFlags struct {
	dataDir, advertise, keyFile string
	generationStep              uint64
}

func (n *newClusterFlags) add(cmd *cobra.Command, dir string) {
	f := cmd.Flags()
	f.StringVar(&n.dataDir, "data-dir", "", dir)
	f.StringVar(&n.advertise, "advertise", "", "host:port at which other nodes reach this one; its first start corrects it (default: "+advertiseDefault(cmd)+")")
	f.Uint64Var(&n.generationStep, "generation-step", 0, fmt.Sprintf("how much to raise generations; indexes and revisions go %d times as far (default: %d, and %d for each second since)",
		cluster.RaiseIndexFactor, cluster.RaiseLeast, cluster.RaisePerSecond))
	addKeyFile(f, &n.keyFile)
	f.StringP("output", "o", formats[0], strings.Join(formats, ", "))
	completeFlag(cmd, "output", formats...)
}

func advertiseDefault(cmd *cobra.Command) string {
	if cmd.Name() == "recover" {
		return "where it was"
	}
	return "127.0.0.1:8779"
}

// raise is how far to raise the numbers of a state that was taken at a time.
func (n *newClusterFlags) raise(f *pflag.FlagSet, taken time.Time) (fsm.Raise, error) {
	switch {
	case !f.Changed("generation-step"):
		return cluster.RaiseSince(taken, time.Now()), nil
	case n.generationStep == 0:
		return fsm.Raise{}, usage("generation-step: 0 would let clients overwrite by what they knew of the old cluster")
	case n.generationStep > 1<<53/cluster.RaiseIndexFactor:
		return fsm.Raise{}, usage("generation-step: %d is too much for numbers in JSON", n.generationStep)
	}
	return cluster.RaiseBy(n.generationStep), nil
}

// restored is what a restore did.
type restored struct {
	Archive archived        `json:"archive"`
	Cluster cluster.Founded `json:"cluster"`
}

func newRestore() *cobra.Command {
	var n newClusterFlags
	var nodeID, raftLog string
	cmd := &cobra.Command{
		Use:   "restore ARCHIVE",
		Short: "Make a new cluster of an archive",
		Long: "Make a data directory of a new cluster, which has one node and begins with the state of an archive (- is standard\n" +
			"input). Start \"treenode serve\" on it with the same --node-id; then start other nodes with empty data directories\n" +
			"and --join, which take over the state. The directory must be missing or empty, and is there whole or not at all.\n" +
			"An archive that is damaged is refused before anything is written.\n\n" +
			"Stop all nodes of the old cluster first, for good: clients must not find both. The new one has another id, so that\n" +
			"their nodes don't mix.\n\n" +
			"Generations, revisions and log indexes are raised, beyond what the old cluster may have come to since: clients that\n" +
			"go by what they knew of it get conflicts and read again. So the digest differs from the archive's. Request ids stay\n" +
			"remembered: a request that the archive has is not executed again, one that was lost is.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, also for a directory that is not empty, 3 the archive is damaged.",
		Example: "  treenode restore monday.archive --node-id n1 --data-dir /var/lib/treenode\n" +
			"  age -d monday.archive.age | treenode restore - --node-id n1 --data-dir /var/lib/treenode",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := offline(cmd)
			if err != nil {
				return err
			}
			if n.dataDir == "" {
				return usage("data-dir: a data directory is needed")
			}
			if nodeID == "" {
				if nodeID, err = defaultNodeID(); err != nil {
					return err
				}
			}
			keys, err := keysAt(n.keyFile)
			if err != nil {
				return err
			}
			c, v, err := s.readArchive(args[0])
			if err != nil {
				return err
			}
			raise, err := n.raise(cmd.Flags(), c.Time)
			if err != nil {
				return err
			}
			r := cluster.Restoration{
				DataDir: n.dataDir, NodeID: nodeID, Advertise: n.advertise, RaftLog: logstore.Engine(raftLog),
				View: v, Term: c.Term, Raise: raise, Keys: keys,
			}
			founded, err := writing(s, &r.Progress, func() (cluster.Founded, error) { return cluster.Restore(r) })
			if err != nil {
				return offlineError(err)
			}
			return s.showRestored(restored{archived{args[0], c}, founded})
		},
	}
	cmd.Flags().StringVar(&nodeID, "node-id", "", "name of the node (default: the host's name)")
	cmd.Flags().StringVar(&raftLog, "raft-log", string(logstore.EngineWAL), "what keeps the log on disk: wal or bolt")
	completeFlag(cmd, "raft-log", string(logstore.EngineWAL), string(logstore.EngineBolt))
	n.add(cmd, "directory to make: missing or empty")
	strictArgs(cmd)
	return cmd
}

// offline is the session of a command that talks to no cluster.
func offline(cmd *cobra.Command) (*session, error) {
	format, err := oneOf(cmd, "output", formats)
	if err != nil {
		return nil, err
	}
	return &session{cmd: cmd, format: format, quiet: func() {}}, nil
}

// writing runs what takes a while with a line of progress.
func writing[T any](s *session, progress *func(int64), do func() (T, error)) (T, error) {
	var bytes atomic.Int64
	*progress = func(n int64) { bytes.Add(n) }
	quiet := progressOf(s.cmd.ErrOrStderr(), func() string { return "writing: " + sizeText(bytes.Load()) })
	defer quiet()
	return do()
}

// offlineError gives an error about a directory its exit code.
func offlineError(err error) error {
	var e *cluster.Error
	var coded *codeError
	switch {
	case errors.As(err, &coded):
	case errors.As(err, &e) && e.Code == cluster.CodeInternal:
		return &codeError{exitDamaged, err}
	case errors.As(err, &e):
		return &codeError{exitUsage, err}
	}
	return err
}

func (s *session) showRestored(r restored) error {
	return s.show(r, func(out io.Writer) error {
		return printPairs(out, append(append([][]string{
			{"archive", fmt.Sprintf("%s, taken %s", r.Archive.File, r.Archive.Time.Format(time.RFC3339))},
			{"", fmt.Sprintf("of cluster %s, index %d, digest %s", dash(r.Archive.ClusterID), r.Archive.Index, r.Archive.Digest)},
		}, foundedPairs(r.Cluster)...), nextPairs(r.Cluster)...))
	})
}

func foundedPairs(f cluster.Founded) [][]string {
	return [][]string{
		{"data directory", f.DataDir},
		{"new cluster", f.ClusterID},
		{"node", f.NodeID + " (" + f.RaftID + "), log " + f.RaftLog},
		{"state", fmt.Sprintf("index %d, revision %d, %d providers, %d consumers", f.Index, f.Revision, f.Providers, f.Consumers)},
		{"", "digest " + f.Digest.String()},
		{"raised", fmt.Sprintf("generations by %d, index and revision by %d", f.RaisedBy.Generations, f.RaisedBy.Index)},
	}
}

func nextPairs(f cluster.Founded) [][]string {
	return [][]string{
		{"next", fmt.Sprintf("treenode serve --node-id %s --data-dir %s, with its other flags", f.NodeID, f.DataDir)},
		{"", "then the other nodes, each with an empty data directory, and --join"},
	}
}
