package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/treenode/treenode/cluster"
	"github.com/treenode/treenode/cmd/treenode/internal/draw"
)

// listEntries prints entries one after the other: a log may be larger than the
// memory. As JSON it is one entry in a line.
func (s *session) listEntries(d *cluster.Directory, wanted string) error {
	from, to, err := parseRange(wanted)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.cmd.OutOrStdout())
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	seen := 0
	err = d.Entries(from, to, func(e cluster.LogEntry) error {
		seen++
		switch s.format {
		case "json":
			return lines.Encode(e)
		case "yaml":
			if _, err := io.WriteString(out, "---\n"); err != nil {
				return err
			}
			return printYAML(out, e)
		}
		var b strings.Builder
		writeEntry(&b, e)
		_, err := io.WriteString(out, b.String())
		return err
	})
	if err == nil && seen == 0 {
		err = usage("entries: the log has none from %s", wanted)
	}
	if flushed := out.Flush(); err == nil {
		err = flushed
	}
	return err
}

// writeEntry is an entry for people: a line for it, and one for each command.
func writeEntry(b *strings.Builder, e cluster.LogEntry) {
	fmt.Fprintf(b, "%d  term %d  %s", e.Index, e.Term, e.Kind)
	if !e.Time.IsZero() {
		fmt.Fprintf(b, "  %s", e.Time.Format(time.RFC3339Nano))
	}
	fmt.Fprintf(b, "  %d bytes", e.Bytes)
	if e.Marked != 0 {
		fmt.Fprintf(b, "  of index %d, digest %v", e.Marked, e.Digest)
	}
	b.WriteString("\n")
	for _, m := range e.Members {
		role := "voter"
		if !m.Voter {
			role = "nonvoter"
		}
		fmt.Fprintf(b, "  %s at %s, %s\n", draw.Printable(m.RaftID), draw.Printable(m.Peer), role)
	}
	for _, c := range e.Commands {
		fmt.Fprintf(b, "  %s:", c.RequestID)
		if c.Preconditions > 0 {
			fmt.Fprintf(b, " if %d preconditions hold,", c.Preconditions)
		}
		fmt.Fprintf(b, " %s", draw.Printable(strings.Join(c.Ops, "; ")))
		if o := c.Origin; o != nil {
			fmt.Fprintf(b, ", by %s", draw.Printable(o.User))
		}
		b.WriteString("\n")
	}
	if e.Unreadable != "" {
		fmt.Fprintf(b, "  CAN'T BE READ: %s\n", e.Unreadable)
	}
}
