package draw

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/list"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/treenode/treenode/transport/wire"
)

// Options choose what is drawn and how. The zero value draws names, bars and
// the number of traits, without colour.
type Options struct {
	Traits      bool // list the traits rather than count them
	Aggregates  bool // list the aggregates
	UUIDs       bool
	Generations bool
	Colour      bool // use the terminal's colours
	ASCII       bool // use no character beyond ASCII for branches and bars
}

// glyphs are what branches and bars are made of.
type glyphs struct {
	style       list.Style
	used, spare string
	stem        string // goes on to a provider's first child
}

var unicodeGlyphs = glyphs{
	style: list.Style{
		CharItemSingle: "└──", CharItemTop: "├──", CharItemFirst: "├──", CharItemMiddle: "├──",
		CharItemVertical: "│   ", CharItemBottom: "└──", CharNewline: "\n",
	},
	used: "█", spare: "░", stem: "│   ",
}

var asciiGlyphs = glyphs{
	style: list.Style{
		CharItemSingle: "`--", CharItemTop: "|--", CharItemFirst: "|--", CharItemMiddle: "|--",
		CharItemVertical: "|   ", CharItemBottom: "`--", CharNewline: "\n",
	},
	used: "#", spare: "-", stem: "|   ",
}

// Tree draws the trees that the providers make up. Siblings keep their order.
// A provider whose parent is not among them is drawn as a root. The error is
// the writer's.
func Tree(w io.Writer, providers []wire.Provider, o Options) error {
	d := drawing{Options: o, glyphs: unicodeGlyphs, children: map[string][]*wire.Provider{}, drawn: map[string]bool{}}
	if o.ASCII {
		d.glyphs = asciiGlyphs
	}
	given := make(map[string]bool, len(providers))
	for _, p := range providers {
		given[p.UUID] = true
	}
	var roots []*wire.Provider
	for i := range providers {
		p := &providers[i]
		for class := range p.Inventories {
			d.classWidth = max(d.classWidth, utf8.RuneCountInString(Printable(class)))
		}
		if p.Parent == "" || !given[p.Parent] {
			roots = append(roots, p)
			continue
		}
		d.children[p.Parent] = append(d.children[p.Parent], p)
	}
	// A loop can't come from the store; what comes from elsewhere is drawn all
	// the same, from its first provider on.
	for i := range providers {
		if !d.reached(roots, providers[i].UUID) {
			roots = append(roots, &providers[i])
		}
	}
	for _, root := range roots {
		if d.drawn[root.UUID] {
			continue
		}
		if _, err := io.WriteString(w, d.root(root)); err != nil {
			return err
		}
	}
	return nil
}

type drawing struct {
	Options
	glyphs
	children   map[string][]*wire.Provider
	drawn      map[string]bool
	classWidth int
	fromRoots  map[string]bool
}

// reached reports whether a provider is one of the roots or below one.
func (d *drawing) reached(roots []*wire.Provider, uuid string) bool {
	if d.fromRoots == nil {
		d.fromRoots = map[string]bool{}
	}
	for todo := slices.Clone(roots); len(todo) > 0; {
		p := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if d.fromRoots[p.UUID] {
			continue
		}
		d.fromRoots[p.UUID] = true
		todo = append(todo, d.children[p.UUID]...)
	}
	return d.fromRoots[uuid]
}

// root draws one tree. Its root has no branch; the rest is a list.
func (d *drawing) root(p *wire.Provider) string {
	d.drawn[p.UUID] = true
	l := list.NewWriter()
	l.SetStyle(d.style)
	d.below(l, p)
	drawn := d.provider(p, len(d.children[p.UUID]) > 0) + "\n"
	if l.Length() > 0 {
		drawn += l.Render() + "\n"
	}
	return drawn
}

func (d *drawing) below(l list.Writer, p *wire.Provider) {
	for _, child := range d.children[p.UUID] {
		if d.drawn[child.UUID] {
			continue
		}
		d.drawn[child.UUID] = true
		l.AppendItem(d.provider(child, len(d.children[child.UUID]) > 0))
		l.Indent()
		d.below(l, child)
		l.UnIndent()
	}
}

// provider is the text of one provider: a line for itself, one for each
// inventory, trait and aggregate.
func (d *drawing) provider(p *wire.Provider, parent bool) string {
	head := d.paint(Printable(p.Name), text.Bold)
	var notes []string
	if n := len(p.Traits); n > 0 && !d.Traits {
		notes = append(notes, counted(n, "trait"))
	}
	if n := len(p.Aggregates); n > 0 && !d.Aggregates {
		notes = append(notes, counted(n, "aggregate"))
	}
	if d.Generations {
		notes = append(notes, "generation "+strconv.FormatUint(p.Generation, 10))
	}
	if d.UUIDs {
		notes = append(notes, p.UUID)
	}
	if len(notes) > 0 {
		head += "  " + d.paint(strings.Join(notes, ", "), text.Faint)
	}
	indent := "    "
	if parent {
		indent = d.stem
	}
	lines := []string{head}
	for _, class := range slices.Sorted(maps.Keys(p.Inventories)) {
		lines = append(lines, indent+d.inventory(class, p.Inventories[class]))
	}
	if d.Traits {
		for _, trait := range p.Traits {
			lines = append(lines, indent+d.paint("trait "+Printable(trait), text.Faint))
		}
	}
	if d.Aggregates {
		for _, aggregate := range p.Aggregates {
			lines = append(lines, indent+d.paint("aggregate "+Printable(aggregate), text.Faint))
		}
	}
	return strings.Join(lines, "\n")
}

func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return strconv.Itoa(n) + " " + what
}

// inventory is one line: class, bar, used/capacity, and how the capacity comes
// about where it is not the total.
func (d *drawing) inventory(class string, i wire.InventoryUsage) string {
	name := Printable(class)
	name += strings.Repeat(" ", d.classWidth-utf8.RuneCountInString(name))
	line := name + " " + d.bar(i.Used, i.Capacity) + " " + strconv.FormatInt(i.Used, 10) + "/" + strconv.FormatInt(i.Capacity, 10)
	var of []string
	if i.Reserved != 0 {
		of = append(of, strconv.FormatInt(i.Reserved, 10)+" reserved")
	}
	if i.AllocationRatio != 1 {
		of = append(of, "ratio "+strconv.FormatFloat(i.AllocationRatio, 'g', -1, 64))
	}
	if len(of) > 0 {
		line += "  " + d.paint("total "+strconv.FormatInt(i.Total, 10)+", "+strings.Join(of, ", "), text.Faint)
	}
	return line
}

const barCells = 10

// bar is full only when nothing is left, and empty only when nothing is used.
func (d *drawing) bar(used, capacity int64) string {
	cells, colour := barCells, text.FgRed
	if used < capacity {
		share := float64(used) / float64(capacity)
		cells = min(max(int(share*barCells+0.5), 0), barCells-1)
		if used > 0 {
			cells = max(cells, 1)
		}
		switch {
		case share < 0.7:
			colour = text.FgGreen
		case share < 0.9:
			colour = text.FgYellow
		}
	} else if used == 0 {
		cells = 0
	}
	return d.paint(strings.Repeat(d.used, cells), colour) + d.paint(strings.Repeat(d.spare, barCells-cells), text.Faint)
}

func (d *drawing) paint(s string, c text.Color) string {
	if !d.Colour || s == "" {
		return s
	}
	return text.Escape(s, c.EscapeSeq())
}

// Printable returns the text with everything that a terminal might not show as
// a character (control characters, invalid UTF-8, marks that turn the
// direction) written as in a Go string.
func Printable(s string) string {
	if !strings.ContainsFunc(s, unprintable) && utf8.ValidString(s) {
		return s
	}
	quoted := strconv.QuoteToGraphic(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func unprintable(r rune) bool { return !unicode.IsGraphic(r) }
