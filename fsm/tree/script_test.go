package tree

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the scripts in testdata print into them")

// TestScripts runs testdata/*.txt. A script is a list of blocks that an empty
// line ends: commands, a line "----", and what they print. A line with # is a
// comment. The operations of a block are one transaction; an indented line
// belongs to the operation above it. See operation, in script_ops_test.go, for
// the operations. Besides these there are
//
//	tree         draw all providers: name @generation, classes used/capacity,
//	             traits in {}, aggregates in <>, devices in []
//	consumers    list all consumers with their allocations
//	if ...       a precondition of the block's transaction: "if revision 3",
//	             "if host generation 2", "if host absent", "if host below rack",
//	             "if host root", "if vm consumer 1", "if vm no consumer"
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file) //nolint:gosec // a file of the tests
			if err != nil {
				t.Fatal(err)
			}
			r := &script{s: New(), uuids: map[string]UUID{}, names: map[string]string{}}
			got := r.run(string(text))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the tests
					t.Fatal(err)
				}
				return
			}
			if line, a, b := firstDifference(got, string(text)); line > 0 {
				t.Errorf("%s:%d: prints\n\t%s\nwant\n\t%s", file, line, a, b)
			}
		})
	}
}

func firstDifference(got, want string) (line int, a, b string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b = "(the end)", "(the end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return i + 1, a, b
		}
	}
	return 0, "", ""
}

// script is a script while it runs.
type script struct {
	s     *State
	uuids map[string]UUID   // of providers, consumers and aggregates by name
	names map[string]string // and back, by the UUID's text
	fresh int
}

// uuid is the UUID that goes by the name in the script.
func (r *script) uuid(name string) UUID {
	u, ok := r.uuids[name]
	if !ok {
		r.fresh++
		u = num(r.fresh)
		r.uuids[name], r.names[u.String()] = u, name
	}
	return u
}

// run returns the script with what it prints now.
func (r *script) run(text string) string {
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n\n") {
		commands, _, has := strings.Cut(block+"\n", "----\n")
		out.WriteString(commands)
		if has {
			out.WriteString("----\n" + r.block(strings.Split(strings.TrimRight(commands, "\n"), "\n")))
		}
		out.WriteString("\n")
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// block executes the lines of a block.
func (r *script) block(lines []string) string {
	var txn Txn
	var views []func() string // drawn after the transaction
	for i := 0; i < len(lines); {
		line := lines[i]
		i++
		var below []string
		for i < len(lines) && strings.HasPrefix(lines[i], " ") {
			below = append(below, strings.TrimSpace(lines[i]))
			i++
		}
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(line, "#"):
		case words[0] == "tree":
			views = append(views, r.tree)
		case words[0] == "consumers":
			views = append(views, r.consumers)
		case words[0] == "if":
			c, err := r.condition(words[1:])
			if err != nil {
				return fmt.Sprintf("%s: %v\n", line, err)
			}
			txn.Preconditions = append(txn.Preconditions, c)
		default:
			op, err := r.operation(words, below)
			if err != nil {
				return fmt.Sprintf("%s: %v\n", line, err)
			}
			txn.Ops = append(txn.Ops, op)
		}
	}
	out := ""
	if txn.Ops != nil {
		out = r.apply(txn)
	}
	for _, view := range views {
		out += view()
	}
	return out
}

func (r *script) apply(txn Txn) string {
	next, effect, err := r.s.Apply(now, txn, nil)
	if err != nil {
		e := err.(*Error) //nolint:errorlint,errcheck // refusals are never wrapped
		out := r.told("refused: " + e.Error() + "\n")
		if e.Op >= 0 {
			out += fmt.Sprintf("  operation %d, field %s\n", e.Op, e.Field)
		}
		for _, c := range e.Conflicts {
			out += r.told(fmt.Sprintf("  condition %d: %s\n", c.Precondition, c))
		}
		return out
	}
	if err := next.Check(); err != nil {
		return err.Error() + "\n"
	}
	r.s = next
	out := fmt.Sprintf("revision %d", next.Revision())
	for _, g := range append(effect.Providers, effect.Consumers...) {
		out += fmt.Sprintf(" %s@%d", r.told(g.UUID.String()), g.Generation)
	}
	return out + "\n"
}

// told is a text with the script's names in place of UUIDs.
func (r *script) told(text string) string {
	for u, name := range r.names { // no UUID is part of another
		text = strings.ReplaceAll(text, u, name)
	}
	return text
}
