package cli

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cluster/atrest"
	"github.com/treenode/treenode/cluster/logstore"
)

// exitDamaged is inspect's: something in a directory can't be read.
const exitDamaged = 3

var (
	errParted       = errors.New("the directories differ")
	errContradicted = errors.New("the directory contradicts itself")
	errViolated     = errors.New("the state breaks an invariant")
	errDamaged      = errors.New("the directory is damaged")
)

func newInspect() *cobra.Command {
	var entries, keyFile string
	cmd := &cobra.Command{
		Use:   "inspect DIR|ARCHIVE [DIR2]",
		Short: "Look into the data directory of a stopped node, or an archive, or compare two",
		Long: "Show what a data directory holds: members, term and vote, the log's range, snapshots and whether their\n" +
			"sums fit, checkpoints, and the counts and the digest of the state after the last entry. Raft does not\n" +
			"write down how far the log is committed: what comes after \"committed at least\" may not be.\n\n" +
			"With two directories, find the first index at which they part: an entry that differs, or the first state\n" +
			"that differs although the entries are the same.\n\n" +
			"Of an archive (see \"treenode backup\"; - is standard input), show what it says and what it holds: all sums are\n" +
			"checked, every invariant of the state, and that it is the state that the archive says it is.\n\n" +
			"The nodes must not run. Nothing in a directory is changed: the log is read from a copy, which needs its\n" +
			"size in the directory for temporary files ($TMPDIR). One that is encrypted needs its node's keys; those of two\n" +
			"nodes may be in one file.\n\n" +
			"Exit codes: 0 whole, or both the same; 1 they differ, or a directory contradicts itself or its\n" +
			"state breaks an invariant; 2 wrong usage, also for a directory in use; 3 damaged.",
		Example: "  treenode inspect /var/lib/treenode\n" +
			"  treenode inspect /var/lib/treenode -o json\n" +
			"  treenode inspect /var/lib/treenode --entries 100:120\n" +
			"  treenode inspect n1/data n2/data      # where do they part?\n" +
			"  treenode inspect monday.archive",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			format, err := oneOf(cmd, "output", formats)
			if err != nil {
				return err
			}
			s := &session{cmd: cmd, format: format, quiet: func() {}}
			if args[0] == standardStream || isFile(args[0]) {
				if entries != "" || len(args) == 2 {
					return usage("%s is not a directory: an archive is inspected alone, and has no entries", args[0])
				}
				return s.inspectArchive(args[0])
			}
			keys, err := keysAt(keyFile)
			if err != nil {
				return err
			}
			switch {
			case entries != "" && len(args) == 2:
				return usage("entries: of one directory at a time")
			case entries != "":
				return inspecting(args[0], keys, func(d *cluster.Directory) error { return s.listEntries(d, entries) })
			case len(args) == 2:
				return inspecting(args[0], keys, func(a *cluster.Directory) error {
					return inspecting(args[1], keys, func(b *cluster.Directory) error { return s.compareDirectories(a, b) })
				})
			}
			return inspecting(args[0], keys, s.inspect)
		},
	}
	f := cmd.Flags()
	addKeyFile(f, &keyFile)
	f.StringVar(&entries, "entries", "", "list the log's entries FROM:TO, both included; either may be left out")
	f.StringP("output", "o", formats[0], strings.Join(formats, ", "))
	completeFlag(cmd, "output", formats...)
	strictArgs(cmd)
	return cmd
}

// inspecting opens a directory for f and gives errors their exit codes.
func inspecting(path string, keys *atrest.Keys, f func(*cluster.Directory) error) error {
	d, err := cluster.OpenDirectory(path, keys)
	if errors.Is(err, logstore.ErrLocked) {
		return usage("%s is in use: stop the node first", path)
	}
	if err == nil {
		err = f(d)
		err = errors.Join(err, d.Close())
	}
	return offlineError(err)
}

func (s *session) inspect(d *cluster.Directory) error {
	r := d.Report()
	if err := s.show(r, func(out io.Writer) error { return printDirectory(out, r) }); err != nil {
		return err
	}
	return verdictOn(r)
}

// verdictOn is the error, and with it the exit code, for what a directory holds.
func verdictOn(r cluster.DirectoryReport) error {
	switch {
	case len(r.Damage) > 0:
		return &codeError{exitDamaged, errDamaged}
	case len(r.Contradictions) > 0:
		return &codeError{exitFailure, errContradicted}
	case r.State != nil && r.State.Violation != "":
		return &codeError{exitFailure, errViolated}
	}
	return nil
}

func printDirectory(out io.Writer, r cluster.DirectoryReport) error {
	log := "empty"
	if r.Last > 0 {
		log = fmt.Sprintf("entries %d to %d (last of term %d), %s", r.First, r.Last, r.LastTerm, r.RaftLog)
	}
	pairs := [][]string{
		{"directory", r.Path}, {"node", r.NodeID + " (" + r.RaftID + ")"}, {"cluster", dash(r.ClusterID)},
		{"term", number(r.Term)}, {"vote", dash(voteOf(r))}, {"log", log}, {"committed at least", number(r.Committed)},
	}
	if len(r.Keys) > 0 {
		pairs = append(pairs, []string{"encrypted with", keysOf(r)})
	}
	for i, m := range r.Members {
		role := "voter"
		if !m.Voter {
			role = "nonvoter"
		}
		pairs = append(pairs, []string{once(i, "members", "(index %d)", r.MembersIndex), fmt.Sprintf("%s at %s, %s", m.RaftID, m.Peer, role)})
	}
	for i, p := range r.Snapshots {
		what := fmt.Sprintf("%s: index %d, term %d, %d bytes, sums fit, digest %v", p.ID, p.Index, p.Term, p.Bytes, p.Digest)
		if p.Error != "" {
			what = fmt.Sprintf("%s: index %d: NOT WHOLE: %s", p.ID, p.Index, p.Error)
		}
		pairs = append(pairs, []string{once(i, "snapshots", ""), what})
	}
	if n := len(r.Checkpoints); n > 0 {
		c := r.Checkpoints[n-1]
		fits := "not compared"
		if c.Own != (cluster.Digest{}) {
			fits = "the entries lead to " + c.Own.String()
			if c.Own == c.Digest {
				fits = "the entries lead there"
			}
		}
		pairs = append(pairs, []string{"checkpoints", fmt.Sprintf("%d, the newest at %d: index %d has digest %v; %s", n, c.Index, c.Marked, c.Digest, fits)})
	}
	if st := r.State; st != nil {
		note := ""
		if st.Index > r.Committed {
			note = fmt.Sprintf(" (entries from %d on may not be committed)", r.Committed+1)
		}
		pairs = append(pairs,
			[]string{"state", fmt.Sprintf("index %d, revision %d%s", st.Index, st.Revision, note)},
			[]string{"", "digest " + st.Digest.String()},
			[]string{"", fmt.Sprintf("%d providers (%d roots), %d inventories, %d devices", st.Providers, st.Roots, st.Inventories, st.Devices)},
			[]string{"", fmt.Sprintf("%d consumers, %d allocations, %d resource classes, %d traits", st.Consumers, st.Allocations, st.ResourceClasses, st.Traits)})
		if st.Violation != "" {
			pairs = append(pairs, []string{"", "BROKEN: " + st.Violation})
		}
	}
	if r.Diverged != nil {
		pairs = append(pairs, []string{"halted", r.Diverged.Error()})
	}
	for i, text := range r.Contradictions {
		pairs = append(pairs, []string{once(i, "contradictions", ""), text})
	}
	for i, text := range r.Damage {
		pairs = append(pairs, []string{once(i, "damage", ""), text})
	}
	return printPairs(out, pairs)
}

// keysOf names the keys that a directory needs.
func keysOf(r cluster.DirectoryReport) string {
	var names []string
	for _, k := range r.Keys {
		names = append(names, fmt.Sprintf("%s (%s)", k.Name, k.Fingerprint))
	}
	if r.Plain {
		names = append(names, "in part not encrypted")
	}
	return strings.Join(names, ", ")
}

// once is a name before the first of several lines.
func once(i int, name, format string, args ...any) string {
	switch {
	case i > 0:
		return ""
	case format == "":
		return name
	}
	return name + " " + fmt.Sprintf(format, args...)
}

func voteOf(r cluster.DirectoryReport) string {
	if r.Vote == "" {
		return ""
	}
	return fmt.Sprintf("%s in term %d", r.Vote, r.VoteTerm)
}

func (s *session) compareDirectories(a, b *cluster.Directory) error {
	c, err := cluster.CompareDirectories(a, b)
	if err != nil {
		return err
	}
	if err := s.show(c, func(out io.Writer) error { return printComparison(out, c) }); err != nil {
		return err
	}
	if !c.Same {
		return &codeError{exitFailure, errParted}
	}
	return nil
}

func printComparison(out io.Writer, c cluster.Comparison) error {
	var b strings.Builder
	for _, side := range c.Sides {
		fmt.Fprintf(&b, "%s: node %s, entries %d to %d\n", side.Path, side.NodeID, side.First, side.Last)
	}
	if c.EntriesTo > 0 {
		fmt.Fprintf(&b, "both logs have entries %d to %d\n", c.EntriesFrom, c.EntriesTo)
	}
	switch c.Part {
	case "":
		b.WriteString("they do not differ\n")
		if c.Digest != (cluster.Digest{}) {
			fmt.Fprintf(&b, "the states at index %d have digest %v\n", c.StatesTo, c.Digest)
		}
	case cluster.PartCluster:
		b.WriteString("they are of different clusters\n")
	case cluster.PartEntry:
		fmt.Fprintf(&b, "they part at index %d: the entries differ\n", c.Index)
	case cluster.PartState:
		fmt.Fprintf(&b, "they part at index %d: the states after it differ\n", c.Index)
	}
	if c.Index > 0 {
		for _, side := range c.Sides {
			fmt.Fprintf(&b, "\n%s:\n", side.Path)
			if side.Entry != nil {
				writeEntry(&b, *side.Entry)
			} else {
				fmt.Fprintf(&b, "%d is not in the log\n", c.Index)
			}
			if side.Digest != (cluster.Digest{}) {
				fmt.Fprintf(&b, "  digest %v\n", side.Digest)
			}
		}
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\nnote: %s\n", note)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// parseRange reads FROM:TO; both ends are included, and may be left out.
func parseRange(s string) (from, to uint64, err error) {
	first, last, found := strings.Cut(s, ":")
	if !found {
		last = first
	}
	from, to = 1, math.MaxInt64
	if first != "" {
		from, err = strconv.ParseUint(first, 10, 63)
	}
	if err == nil && last != "" {
		to, err = strconv.ParseUint(last, 10, 63)
	}
	if err != nil || from > to {
		return 0, 0, usage("entries: %q is not FROM:TO, two indexes of which the first is not the greater", s)
	}
	return from, to, nil
}
