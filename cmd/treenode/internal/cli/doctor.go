package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// verdict is how a finding of the doctor is meant.
type verdict string

const (
	fine    verdict = "ok"
	warning verdict = "warn" // works, and will not for ever
	failing verdict = "fail" // does not work, or not safely
)

// finding is what the doctor saw, and what to do about it.
type finding struct {
	Check   string  `json:"check"`
	About   string  `json:"about,omitempty"` // a node, an endpoint, a file
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`
	Fix     string  `json:"fix,omitempty"`
}

// findings are put together by one check after the other.
type findings []finding

func (f *findings) ok(check, about, format string, args ...any) {
	*f = append(*f, finding{check, about, fine, fmt.Sprintf(format, args...), ""})
}

func (f *findings) bad(v verdict, check, about, found, fix string) {
	*f = append(*f, finding{check, about, v, found, fix})
}

func newDoctor() *cobra.Command {
	var dataDir string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look for what is wrong with the cluster or with this machine, and say what to do",
		Long: "Ask the cluster, and each of its nodes, for what commonly goes wrong: nodes that can't be reached, a majority\n" +
			"that hangs by a thread, nodes that lag or differ, clocks that are wrong, versions that are mixed, certificates\n" +
			"that end soon. With --data-dir also look at this machine's directory of a node: its disk's latency, its room,\n" +
			"who may read it, and notes that a node left there. It changes nothing, but writes and removes a file of 4 KiB.\n\n" +
			"Exit codes: 0 nothing fails (there may be warnings), 1 something does.",
		Example: "  treenode doctor --endpoint 10.0.0.1:8778,10.0.0.2:8778,10.0.0.3:8778\n" +
			"  treenode doctor --data-dir /var/lib/treenode\n" +
			"  treenode doctor -o json",
		Args: cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			var f findings
			s.examineCluster(ctx, &f)
			if dataDir != "" {
				examineDirectory(dataDir, &f)
			}
			err := s.show(struct {
				Findings findings `json:"findings"`
			}{f}, func(out io.Writer) error { return f.print(out) })
			failures := 0
			for _, one := range f {
				if one.Verdict == failing {
					failures++
				}
			}
			if failures > 0 {
				err = errors.Join(err, &codeError{exitFailure, fmt.Errorf("%d of %d checks fail", failures, len(f))})
			}
			return err
		}),
	}
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "data directory of the node on this machine; it may run")
	return clientFlags(cmd)
}

// print shows a line for each finding, and what to do below those that are not
// fine.
func (f findings) print(out io.Writer) error {
	var rows [][]string
	for _, one := range f {
		rows = append(rows, []string{string(one.Verdict), one.Check, one.About, one.Found})
		if one.Fix != "" {
			rows = append(rows, []string{"", "", "", "→ " + one.Fix})
		}
	}
	return printTable(out, []string{"", "check", "about", "found"}, rows)
}
