package candidates

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts in testdata answer into them")

// TestScripts plays the scripts in testdata. A line "provider" adds one: its
// inventories as CLASS=total and, after a comma each, used=, reserved=, min=,
// max=, step=; then parent=, traits=, aggregates=. A block "ask" holds a
// request, one part a line, and after "----" the answer.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			old, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			played := play(t, string(old))
			if *rewrite {
				if err := os.WriteFile(path, []byte(played), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if played != string(old) {
				t.Errorf("%s should read (run with -rewrite):\n%s", path, played)
			}
		})
	}
}

// play returns the script with the answers there are.
func play(t *testing.T, script string) string {
	var w world
	var out strings.Builder
	lines := strings.Split(strings.TrimRight(script, "\n"), "\n")
	for len(lines) > 0 {
		line := lines[0]
		lines = lines[1:]
		out.WriteString(line + "\n")
		switch fields := strings.Fields(line); {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case fields[0] == "provider":
			w = append(w, parseThing(t, fields[1:]))
		case fields[0] == "ask":
			end := slices.Index(lines, "----")
			if end < 0 {
				t.Fatal("ask without ----")
			}
			for _, l := range lines[:end+1] {
				out.WriteString(l + "\n")
			}
			out.WriteString(answer(t, w, lines[:end]))
			lines = lines[end+1:]
			for len(lines) > 0 && lines[0] != "" {
				lines = lines[1:]
			}
		default:
			t.Fatalf("line %q", line)
		}
	}
	return out.String()
}

func parseThing(t *testing.T, fields []string) *thing {
	p := &thing{name: fields[0]}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "parent":
			p.parent = value
		case "traits":
			p.traits = strings.Split(value, ",")
		case "aggregates":
			for _, a := range strings.Split(value, ",") {
				p.aggregates = append(p.aggregates, int(integer(t, a)))
			}
		default:
			p.inventories = append(p.inventories, parseStock(t, key, value))
		}
	}
	return p
}

func parseStock(t *testing.T, class, text string) stock {
	s := stock{class: class}
	for i, part := range strings.Split(text, ",") {
		key, value, named := strings.Cut(part, "=")
		switch {
		case i == 0:
			s.total = integer(t, part)
		case named && key == "used":
			s.used = integer(t, value)
		case named && key == "reserved":
			s.reserved = integer(t, value)
		case named && key == "min":
			s.least = integer(t, value)
		case named && key == "max":
			s.most = integer(t, value)
		case named && key == "step":
			s.step = integer(t, value)
		default:
			t.Fatalf("inventory %q", text)
		}
	}
	return s
}

func integer(t *testing.T, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// told keeps what it is told, as text.
type told struct{ lines []string }

func (o *told) Rejected(r Rejection) {
	o.lines = append(o.lines, strings.TrimSpace(fmt.Sprintf("%q %s: %v %s", r.Suffix, r.Provider.Name(), r.Stage, r.Detail)))
}

func answer(t *testing.T, w world, lines []string) string {
	r := &Request{Nested: true}
	var observer Observer
	why := &told{}
	for _, line := range lines {
		fields := strings.Fields(line)
		switch args := fields[1:]; fields[0] {
		case "group":
			r.Groups = append(r.Groups, parseGroup(t, w, args))
		case "isolate":
			r.Policy = Isolate
		case "flat":
			r.Nested = false
		case "breadth_first":
			r.Order = BreadthFirst
		case "limit":
			r.Limit = int(integer(t, args[0]))
		case "same_subtree":
			r.SameSubtree = append(r.SameSubtree, args)
		case "root_required":
			r.RootRequired = args
		case "root_forbidden":
			r.RootForbidden = args
		case "why":
			observer = why
		default:
			t.Fatalf("request line %q", line)
		}
	}
	f, err := New(w.state(t), r, observer)
	if err != nil {
		return err.Error() + "\n"
	}
	about := Summary{Nested: r.Nested}
	var out strings.Builder
	for c := range f.All() {
		out.WriteString(c.text() + "\n")
		about.Add(&c)
	}
	if out.Len() == 0 {
		out.WriteString("none\n")
	}
	var names []string
	for _, p := range about.Providers() {
		names = append(names, p.Name())
	}
	if names != nil {
		out.WriteString("summaries: " + strings.Join(names, " ") + "\n")
	}
	for _, l := range why.lines {
		out.WriteString("rejected: " + l + "\n")
	}
	return out.String()
}

func parseGroup(t *testing.T, w world, args []string) Group {
	var g Group
	if args[0] != "-" {
		g.Suffix = args[0]
	}
	aggregates := func(text string) []tree.UUID {
		var all []tree.UUID
		for _, a := range strings.Split(text, "|") {
			all = append(all, num(1000+int(integer(t, a))))
		}
		return all
	}
	for _, arg := range args[1:] {
		key, value, ok := strings.Cut(arg, "=")
		switch {
		case !ok:
			class, amount, _ := strings.Cut(arg, ":")
			g.Resources = append(g.Resources, Resource{class, integer(t, amount)})
		case key == "required":
			g.Required = append(g.Required, strings.Split(value, "|"))
		case key == "forbidden":
			g.Forbidden = append(g.Forbidden, value)
		case key == "member_of":
			g.MemberOf = append(g.MemberOf, aggregates(value))
		case key == "not_member":
			g.NotMember = append(g.NotMember, aggregates(value)...)
		case key == "in_tree":
			g.InTree = w.uuid(value)
		default:
			t.Fatalf("group part %q", arg)
		}
	}
	return g
}
