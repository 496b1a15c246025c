package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/treenode/treenode/cmd/treenode/internal/draw"
)

const (
	topEveryLeast = 200 * time.Millisecond
	// keyInterrupt is what a terminal in raw mode sends for Ctrl-C.
	keyInterrupt = 3
)

func newTop() *cobra.Command {
	var every time.Duration
	var once bool
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Watch the cluster live: leader, lag, writes, latency, fullest providers",
		Long: "Show, again and again, who leads, how far each node is, what it answers and how fast, and which providers are\n" +
			"the fullest. Rates and latencies are those of the time between two looks: requests of clients to that node,\n" +
			"this command's own included. Without a terminal, or with --once, it looks twice and prints the second.\n\n" +
			"Of the providers, the first 5,000 are looked at, every ten seconds. q or Ctrl-C ends it.",
		Example: "  treenode top\n  treenode top --every 5s\n  treenode top --once -o json",
		Args:    cobra.NoArgs,
		RunE: talk(func(ctx context.Context, s *session, _ []string) error {
			if every < topEveryLeast {
				return usage("every: %v is below %v", every, topEveryLeast)
			}
			w := &watching{s: s}
			if err := w.look(ctx); err != nil {
				return err
			}
			if !terminal(s.cmd.OutOrStdout()) || once || s.format != formats[0] {
				if err := rest(ctx, every, nil); err != nil {
					return err
				}
				if err := w.look(ctx); err != nil {
					return err
				}
				return s.show(w.seen, func(out io.Writer) error { return w.seen.print(out) })
			}
			return w.watch(ctx, every)
		}),
	}
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "time between two looks")
	cmd.Flags().BoolVar(&once, "once", false, "print one look and end")
	return clientFlags(cmd)
}

// watch draws until a key or the context ends it. The terminal is as before then.
func (w *watching) watch(ctx context.Context, every time.Duration) error {
	w.s.quiet()
	out := w.s.cmd.OutOrStdout()
	keys := make(chan struct{})
	if in, ok := w.s.cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return fmt.Errorf("the terminal: %w", err)
		}
		defer func() { _ = term.Restore(int(in.Fd()), before) }()
		go untilQuit(in, keys)
	}
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l") // the other screen, no cursor
	defer fmt.Fprint(out, "\x1b[?25h\x1b[?1049l")
	trouble := ""
	for {
		var b bytes.Buffer
		if err := w.seen.print(&b); err != nil {
			return err
		}
		if trouble != "" {
			fmt.Fprintf(&b, "\n%s\n", draw.Printable(trouble))
		}
		fmt.Fprint(out, "\x1b[H"+fitted(b.String(), out)+"\x1b[J")
		if err := rest(ctx, every, keys); err != nil {
			return nil //nolint:nilerr // somebody has seen enough
		}
		trouble = ""
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			trouble = err.Error()
		}
	}
}

// untilQuit closes the channel when q or Ctrl-C is pressed. It ends with the
// process: a read of a terminal can't be taken back.
func untilQuit(in io.Reader, quit chan<- struct{}) {
	defer close(quit)
	key := make([]byte, 1)
	for {
		if n, err := in.Read(key); err != nil || n == 1 && (key[0] == 'q' || key[0] == keyInterrupt) {
			return
		}
	}
}

// fitted cuts a text to the terminal, and ends each line as a raw one needs it.
func fitted(text string, out io.Writer) string {
	width, height := 0, 0
	if f, ok := out.(*os.File); ok {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil {
			width, height = w, h
		}
	}
	var b bytes.Buffer
	for i, line := range bytes.Split([]byte(text), []byte("\n")) {
		if height > 0 && i >= height-1 {
			break
		}
		runes := []rune(string(line))
		if width > 0 && len(runes) > width {
			runes = runes[:width]
		}
		b.WriteString(string(runes) + "\x1b[K\r\n")
	}
	return b.String()
}
