package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cluster"
)

// survivor is what a member has that is left of its cluster.
type survivor struct {
	DataDir   string                    `json:"data_dir"`
	RaftID    string                    `json:"raft_id"`
	ClusterID string                    `json:"cluster_id"`
	Members   []cluster.DirectoryMember `json:"members"`
	Term      uint64                    `json:"term"`
	Last      uint64                    `json:"last"`
	LastTerm  uint64                    `json:"last_term"`
	// Committed is an index that was certainly committed: of the Uncertain entries
	// after it, some may have been acknowledged.
	Committed uint64                  `json:"committed_at_least"`
	Uncertain uint64                  `json:"uncertain"`
	LastTime  time.Time               `json:"last_time"`
	State     *cluster.DirectoryState `json:"state"`
}

// recovery is what a recovery does, or did.
type recovery struct {
	Survivor  survivor         `json:"survivor"`
	Recovered *cluster.Founded `json:"recovered"` // null until data loss is accepted
}

func newRecover() *cobra.Command {
	var n newClusterFlags
	var accept bool
	cmd := &cobra.Command{
		Use:   "recover",
		Short: "Make a new cluster of a member that is left, when the majority is lost for good",
		Long: "When most members are lost for good, the cluster takes no writes any more. This makes a cluster of its own of the\n" +
			"data directory of a member that is left, which must be stopped. Without --accept-data-loss it only shows what the\n" +
			"member has.\n\n" +
			"What was acknowledged by the lost members and had not reached this one is lost. If several members are left, take\n" +
			"the one with the highest last term, and of those the one with the highest last entry, and throw the others'\n" +
			"directories away. Of all entries none is dropped: what follows \"committed at least\" may have been acknowledged.\n\n" +
			"No lost member may be started with its old directory again. The new cluster has another id, and refuses it; but\n" +
			"if a majority of them comes back, they are a cluster too, and clients may find that one.\n\n" +
			"Generations, revisions and log indexes are raised as \"treenode restore\" does it. What was in the directory stays in\n" +
			"it, below replaced-by-INSTANCE. Start the node with the command line that it always had, and the others with empty\n" +
			"directories and --join.\n\n" +
			"Exit codes: 0 done, 1 failed, 2 wrong usage, also without --accept-data-loss, 3 the directory is damaged.",
		Example: "  treenode recover --data-dir /var/lib/treenode                      # what this member has\n" +
			"  treenode recover --data-dir /var/lib/treenode --accept-data-loss   # a new cluster of it",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := offline(cmd)
			if err != nil {
				return err
			}
			if n.dataDir == "" {
				return usage("data-dir: a data directory is needed")
			}
			keys, err := keysAt(n.keyFile)
			if err != nil {
				return err
			}
			return inspecting(n.dataDir, keys, func(d *cluster.Directory) error { return s.recover(d, n, accept) })
		},
	}
	cmd.Flags().BoolVar(&accept, "accept-data-loss", false, "what the lost members acknowledged, and this one does not have, is lost")
	n.add(cmd, "data directory of the member that is left, which is stopped")
	strictArgs(cmd)
	return cmd
}

func (s *session) recover(d *cluster.Directory, n newClusterFlags, accept bool) error {
	r := d.Report()
	if err := verdictOn(r); err != nil {
		return fmt.Errorf("%s: %w; see treenode inspect", n.dataDir, err)
	}
	v, err := d.Last()
	if err != nil {
		return err
	}
	told := recovery{Survivor: survivor{
		DataDir: r.Path, RaftID: r.RaftID, ClusterID: r.ClusterID, Members: r.Members, Term: r.Term, Last: max(r.Last, r.State.Index), LastTerm: r.LastTerm,
		Committed: r.Committed, LastTime: cluster.LastTime(v), State: r.State,
	}}
	told.Survivor.Uncertain = told.Survivor.Last - min(told.Survivor.Last, r.Committed)
	if accept {
		raise, err := n.raise(s.cmd.Flags(), told.Survivor.LastTime)
		if err != nil {
			return err
		}
		how := cluster.Recovery{Advertise: n.advertise, Raise: raise, Now: time.Now()}
		founded, err := writing(s, &how.Progress, func() (cluster.Founded, error) { return d.Recover(how) })
		if err != nil {
			return err
		}
		told.Recovered = &founded
	}
	if err := s.show(told, func(out io.Writer) error { return printRecovery(out, told) }); err != nil {
		return err
	}
	if !accept {
		return usage("nothing was changed: say --accept-data-loss to make a new cluster of this, without what only the lost members have")
	}
	return nil
}

func printRecovery(out io.Writer, r recovery) error {
	m := r.Survivor
	uncertain := "none"
	if m.Uncertain > 0 {
		uncertain = fmt.Sprintf("%d entries, from %d to %d: kept, some may have been acknowledged", m.Uncertain, m.Committed+1, m.Last)
	}
	pairs := [][]string{{"directory", m.DataDir}, {"cluster", m.ClusterID}, {"node", m.RaftID}}
	for i, one := range m.Members {
		role := "voter"
		if !one.Voter {
			role = "nonvoter"
		}
		if one.RaftID == m.RaftID {
			role += ", this one"
		} else {
			role += ", to be given up"
		}
		pairs = append(pairs, []string{once(i, "members", ""), fmt.Sprintf("%s at %s, %s", one.RaftID, one.Peer, role)})
	}
	pairs = append(
		pairs,
		[]string{"last entry", fmt.Sprintf("index %d of term %d, by the log's time %s", m.Last, m.LastTerm, m.LastTime.Format(time.RFC3339))},
		[]string{"committed at least", number(m.Committed)},
		[]string{"after that", uncertain},
		[]string{"state", fmt.Sprintf("%d providers, %d consumers, digest %v", m.State.Providers, m.State.Consumers, m.State.Digest)},
		[]string{"lost", "what others acknowledged and this one has not"},
	)
	if r.Recovered != nil {
		pairs = append(pairs, foundedPairs(*r.Recovered)...)
		pairs = append(pairs, []string{"before", dash(r.Recovered.Replaced)})
		pairs = append(pairs, nextPairs(*r.Recovered)...)
	}
	return printPairs(out, pairs)
}
