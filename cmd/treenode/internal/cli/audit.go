package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/treenode/treenode/cluster/audit"
)

// auditShown is how many lines "audit show" prints unless told otherwise.
const auditShown = 100

var (
	errBrokenAudit = errors.New("the audit is broken")
	errAuditsPart  = errors.New("the audits differ")
)

func newAudit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Read the audit that a node keeps, and check that nobody changed it",
		Long: "Read the audit that a node keeps with \"serve --audit-dir\": every change, who asked for it, and what\n" +
			"came of it. The node may run meanwhile.",
		Example: "  treenode audit show /var/lib/treenode/audit --since 24h\n" +
			"  treenode audit verify /var/lib/treenode/audit",
	}
	return noun(cmd, newAuditVerify(), newAuditShow())
}

// auditOutput gives a command the flags of all that print.
func auditOutput(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringP("output", "o", formats[0], strings.Join(formats, ", "))
	completeFlag(cmd, "output", formats...)
	return cmd
}

func newAuditVerify() *cobra.Command {
	return auditOutput(&cobra.Command{
		Use:   "verify DIR [DIR2]",
		Short: "Check that no line of an audit was changed, or compare two nodes' audits",
		Long: "Walk the chain of an audit, in which each line has the SHA-256 of the line before, and name the first\n" +
			"line that is not what was written.\n\n" +
			"With two directories, check both, and find the first change of which they tell different things: all\n" +
			"nodes of a cluster write down the same. Who can write the files can write a whole chain anew, so that\n" +
			"only such a comparison shows it, or the sum of its last line that was kept elsewhere.\n\n" +
			"Exit codes: 0 whole, and both the same; 1 they differ; 2 wrong usage; 3 broken.",
		Example: "  treenode audit verify /var/lib/treenode/audit\n" +
			"  treenode audit verify n1/audit n2/audit -o json",
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := quietSession(cmd)
			if err != nil {
				return err
			}
			defer s.quiet()
			return s.verifyAudits(args)
		},
	})
}

// quietSession is a session that talks to nobody.
func quietSession(cmd *cobra.Command) (*session, error) {
	format, err := oneOf(cmd, "output", formats)
	if err != nil {
		return nil, err
	}
	return &session{cmd: cmd, format: format, quiet: progress(cmd.ErrOrStderr(), "reading the audit")}, nil
}

type auditVerdict struct {
	Audits     []audit.Report    `json:"audits"`
	Comparison *audit.Comparison `json:"comparison,omitempty"`
}

func (s *session) verifyAudits(dirs []string) error {
	var v auditVerdict
	broken := false
	for _, dir := range dirs {
		r, err := audit.Verify(dir)
		if errors.Is(err, os.ErrNotExist) {
			return usage("%w", err)
		}
		if err != nil {
			return err
		}
		if r.Lines == 0 && r.Broken == nil {
			return usage("%s: there is no audit", dir)
		}
		broken = broken || r.Broken != nil
		v.Audits = append(v.Audits, r)
	}
	if len(dirs) == 2 && !broken {
		c, err := audit.Compare(v.Audits[0], v.Audits[1])
		if err != nil {
			return usage("%w", err)
		}
		v.Comparison = &c
	}
	if err := s.show(v, func(out io.Writer) error { return printVerdict(out, v) }); err != nil {
		return err
	}
	switch {
	case broken:
		return &codeError{exitDamaged, errBrokenAudit}
	case v.Comparison != nil && v.Comparison.Difference != nil:
		return errAuditsPart
	}
	return nil
}

func printVerdict(out io.Writer, v auditVerdict) error {
	for i := range v.Audits {
		if err := printPairs(out, auditPairs(&v.Audits[i])); err != nil {
			return err
		}
	}
	if v.Comparison == nil {
		return nil
	}
	return printPairs(out, comparisonPairs(v.Comparison))
}

func auditPairs(r *audit.Report) [][]string {
	begins := "from its first line on"
	if r.After != "" {
		begins = fmt.Sprintf("with %s, which continues %s", r.Begins, r.After)
	}
	pairs := [][]string{
		{"audit", r.Dir}, {"node", dash(r.Node)}, {"cluster", dash(r.Cluster)},
		{"lines", fmt.Sprintf("%d in %d files, %d of changes; the chain is there %s", r.Lines, r.Files, r.Changes, begins)},
	}
	if r.First > 0 {
		pairs = append(pairs, []string{"entries", fmt.Sprintf("%d to %d, %s to %s", r.First, r.Last, auditTime(r.From), auditTime(r.To))})
	}
	for i, g := range r.Gaps {
		pairs = append(pairs, []string{once(i, "not applied", "one by one"), fmt.Sprintf("%d to %d, which came as a snapshot", g[0], g[1])})
	}
	if r.Torn > 0 {
		pairs = append(pairs, []string{"torn", fmt.Sprintf("%d lines, by a crash, and written again", r.Torn)})
	}
	if r.Rewound > 0 {
		pairs = append(pairs, []string{"rewound", fmt.Sprintf("%d times: the log went on in another way", r.Rewound)})
	}
	if r.Unfinished {
		pairs = append(pairs, []string{"unfinished", "the last line is being written, or torn"})
	}
	verdict := "every line is what was written after the one before"
	if b := r.Broken; b != nil {
		verdict = fmt.Sprintf("BROKEN at %s, line %d: %s", b.File, b.Line, b.Reason)
	}
	return append(pairs, []string{"last line", dash(r.LastLine)}, []string{"chain", verdict})
}

func comparisonPairs(c *audit.Comparison) [][]string {
	if c.From > c.To {
		return [][]string{{"both", "have no entry in common"}}
	}
	pairs := [][]string{{"both", fmt.Sprintf("entries %d to %d, %d lines the same", c.From, c.To, c.Lines)}}
	if d := c.Difference; d != nil {
		pairs = append(pairs,
			[]string{"THEY DIFFER", fmt.Sprintf("at index %d, command %d", d.Index, d.Command)},
			[]string{"the first", auditSays(d.A)}, []string{"the second", auditSays(d.B)})
	}
	return pairs
}

// auditSays is a record in one line.
func auditSays(r *audit.Record) string {
	if r == nil {
		return "has nothing there"
	}
	return strings.Join(auditRow(r), "  ")
}

func auditTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

// auditFilter is what "audit show" looks for.
type auditFilter struct {
	since        time.Time
	user, target string
}

func (f *auditFilter) wants(r *audit.Record) bool {
	switch r.Kind {
	case audit.Change, audit.JoinToken:
		if f.user != "" && r.User != f.user {
			return false
		}
	case audit.Members, audit.Gap, audit.Rewound:
		if f.user != "" {
			return false
		}
	case audit.Begin, audit.Through, audit.Torn:
		return false // of the chain, and of no interest to people
	}
	if !f.since.IsZero() && r.Time.Before(f.since) {
		return false
	}
	return f.target == "" || isAbout(r.Targets, f.target)
}

// isAbout reports whether one of the targets is named, with its kind or without.
func isAbout(targets []string, wanted string) bool {
	for _, t := range targets {
		if _, name, _ := strings.Cut(t, ":"); t == wanted || name == wanted {
			return true
		}
	}
	return false
}

func newAuditShow() *cobra.Command {
	var f auditFilter
	var since string
	var last int
	cmd := auditOutput(&cobra.Command{
		Use:   "show DIR",
		Short: "List what an audit says: who changed what, when, and what came of it",
		Long: "List what an audit says, the newest last. The chain is checked up to the lines that are shown.\n\n" +
			"Exit codes: 0 done; 2 wrong usage; 3 the chain is broken, and what is shown is what comes before.",
		Example: "  treenode audit show /var/lib/treenode/audit\n" +
			"  treenode audit show /var/lib/treenode/audit --since 24h --user 5f0c2a\n" +
			"  treenode audit show /var/lib/treenode/audit --target provider:compute1 --last 0 -o json",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := quietSession(cmd)
			if err != nil {
				return err
			}
			defer s.quiet()
			if f.since, err = parseSince(since, time.Now()); err != nil {
				return err
			}
			if last < 0 {
				return usage("last: %d; it must not be negative", last)
			}
			return s.showAudit(args[0], &f, last)
		},
	})
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", "only what is younger: a time (RFC 3339) or how long ago (24h)")
	flags.StringVar(&f.user, "user", "", "only what this user's id asked for")
	flags.StringVar(&f.target, "target", "", "only what is about this, by name or UUID, also as kind:name (provider:compute1)")
	flags.IntVar(&last, "last", auditShown, "only the last so many lines; 0 for all")
	return cmd
}

// parseSince reads a time or how long ago it is.
func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, usage("since: %q is neither a time such as 2026-01-31T12:00:00Z nor how long ago, such as 24h", text)
	}
	return now.Add(-ago), nil
}

func (s *session) showAudit(dir string, f *auditFilter, last int) error {
	records := []audit.Record{}
	var failed error
	for l, err := range audit.Lines(dir) {
		if err != nil {
			failed = err
			break
		}
		if !f.wants(&l.Record) {
			continue
		}
		if records = append(records, l.Record); last > 0 && len(records) >= 2*last {
			records = append(records[:0], records[len(records)-last:]...)
		}
	}
	if errors.Is(failed, os.ErrNotExist) {
		return usage("%w", failed)
	}
	if last > 0 {
		records = records[max(0, len(records)-last):]
	}
	err := s.show(records, func(out io.Writer) error {
		rows := make([][]string, len(records))
		for i := range records {
			rows[i] = auditRow(&records[i])
		}
		return printTable(out, []string{"INDEX", "TIME", "USER", "PROJECT", "OPERATION", "TARGETS", "OUTCOME", "REQUEST"}, rows)
	})
	var broken *audit.BrokenError
	if errors.As(failed, &broken) {
		failed = &codeError{exitDamaged, fmt.Errorf("%w: %w", errBrokenAudit, failed)}
	}
	return errors.Join(err, failed)
}

func auditRow(r *audit.Record) []string {
	project, operation, outcome := r.Project, strings.Join(r.Ops, ", "), r.Outcome
	targets := strings.Join(r.Targets, " ")
	if r.System {
		project = "system"
	}
	if r.More > 0 {
		targets += fmt.Sprintf(" and %d more", r.More)
	}
	if r.Replayed {
		outcome += fmt.Sprintf(" before, at %d", r.First)
	}
	switch {
	case r.Gap != nil:
		operation = fmt.Sprintf("gap: %d to %d came as a snapshot", r.Gap[0], r.Gap[1])
	case r.Kind != audit.Change:
		operation = string(r.Kind)
	}
	return []string{number(r.Index), auditTime(r.Time), dash(r.User), dash(project), operation, dash(targets), dash(outcome), dash(r.APIRequest)}
}
