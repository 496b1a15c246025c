package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, below := range cmd.Commands() {
		walk(below, visit)
	}
}

// Every command says what it does and how, every flag what it is for.
func TestHelp(t *testing.T) {
	seen := 0
	walk(newRoot(), func(cmd *cobra.Command) {
		if name := cmd.Name(); name == "help" || name == "completion" || cmd.Parent() != nil && cmd.Parent().Name() == "completion" {
			return // cobra's own
		}
		seen++
		path := cmd.CommandPath()
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: short text %q", path, cmd.Short)
		}
		if !strings.Contains(cmd.Example, "treenode ") {
			t.Errorf("%s has no example", path)
		}
		// The lines of an example that start a command are of this one.
		for line := range strings.Lines(cmd.Example) {
			words := strings.TrimSpace(line)
			if strings.HasPrefix(words, "treenode ") && !strings.HasPrefix(words, path) {
				t.Errorf("%s: the example %q is another command's", path, words)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s is not documented", path, f.Name)
			}
		})
	})
	if seen < 40 {
		t.Errorf("%d commands seen: something is missing", seen)
	}
}

// Examples that hold no pipe and no file are taken by the parser: their flags
// exist and the number of arguments fits.
func TestExamplesParse(t *testing.T) {
	walk(newRoot(), func(cmd *cobra.Command) {
		for line := range strings.Lines(strings.ReplaceAll(cmd.Example, "\\\n", "")) {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "treenode" || strings.ContainsAny(line, "|") {
				continue
			}
			found, rest, err := newRoot().Find(words[1:])
			if err != nil {
				t.Errorf("%q: %v", line, err)
				continue
			}
			if err := found.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
			} else if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%q: %v", line, err)
			}
		}
	})
}

// Flags that choose among words say so to the shell.
func TestCompletion(t *testing.T) {
	n := furnished(t)
	t.Setenv("TREENODE_ENDPOINT", n.URL)
	for _, c := range []struct {
		line string
		want []string
	}{
		{"tree --output ", []string{"table", "json", "yaml"}},
		{"provider list --consistency ", []string{"linearizable", "session", "stale"}},
		{"provider show ", []string{"node1", "node1_NUMA0"}},
		{"provider show node1_", []string{"node1_NUMA0"}},
		{"provider show node1 ", nil},
		{"provider move node1 ", []string{"node1", "node1_NUMA0"}},
		{"claim new node1_", []string{"node1_NUMA0:"}},
		{"claim set " + consumer + " node1_", []string{"node1_NUMA0:"}},
		{"claim set ", nil},
	} {
		words := strings.Split(c.line, " ")
		out, _, code := run(t, "", append([]string{"__complete"}, words...)...)
		var got []string
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); line != "" && line[0] != ':' {
				got = append(got, line)
			}
		}
		if code != exitOK || strings.Join(got, " ") != strings.Join(c.want, " ") {
			t.Errorf("%q: exit code %d, %q, want %q", c.line, code, got, c.want)
		}
	}
	// No cluster, no names, and no words about it.
	t.Setenv("TREENODE_ENDPOINT", "127.0.0.1:1")
	out, _, code := run(t, "", "__complete", "provider", "show", "")
	if code != exitOK || !strings.HasPrefix(out, ":") {
		t.Errorf("without a cluster: exit code %d: %q", code, out)
	}
}

func TestEnvironment(t *testing.T) {
	n := furnished(t)
	works := func(want bool, args ...string) {
		t.Helper()
		if _, errs, code := run(t, "", append(args, "tree")...); (code == exitOK) != want {
			t.Errorf("exit code %d: %s", code, errs)
		}
	}
	t.Setenv("TREENODE_TIMEOUT", "300ms")
	t.Setenv("TREENODE_ENDPOINTS", "127.0.0.1:1, "+n.URL)
	works(true)
	t.Setenv("TREENODE_ENDPOINT", "127.0.0.1:1") // wins over ENDPOINTS
	works(false)
	if out, errs, code := run(t, "", "tree", "--endpoint", n.URL); code != exitOK { // wins over both
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	t.Setenv("TREENODE_ENDPOINT", n.URL)
	works(true)
	t.Setenv("TREENODE_OUTPUT", "json")
	if out, _, _ := run(t, "", "tree"); !strings.HasPrefix(out, "{") {
		t.Errorf("TREENODE_OUTPUT is not heeded:\n%s", out)
	}
	t.Setenv("TREENODE_CONSISTENCY", "lax")
	works(false)
	t.Setenv("TREENODE_CONSISTENCY", "stale")
	works(true)
	t.Setenv("TREENODE_TIMEOUT", "soon")
	works(false)
}
