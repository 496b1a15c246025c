package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"go.yaml.in/yaml/v3"
	"golang.org/x/term"

	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/transport/wire"
)

// show prints a value: as JSON or YAML for programs, else as people draws it.
func (s *session) show(value any, people func(out io.Writer) error) error {
	s.quiet()
	out := s.cmd.OutOrStdout()
	switch s.format {
	case "json":
		return printJSON(out, value)
	case "yaml":
		return printYAML(out, value)
	default:
		return people(out)
	}
}

func printJSON(out io.Writer, value any) error {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// printYAML prints what printJSON prints, in the same order.
func printYAML(out io.Writer, value any) error {
	var b bytes.Buffer
	if err := printJSON(&b, value); err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(b.Bytes(), &doc); err != nil { // JSON is YAML
		return err
	}
	block(&doc)
	e := yaml.NewEncoder(out)
	e.SetIndent(2)
	if err := e.Encode(&doc); err != nil {
		return err
	}
	return e.Close()
}

// block takes the style of JSON from a document.
func block(n *yaml.Node) {
	n.Style = 0
	for _, below := range n.Content {
		block(below)
	}
}

// printTable prints rows below a head, in columns.
func printTable(out io.Writer, head []string, rows [][]string) error {
	t := columns(rows)
	t.AppendHeader(row(head))
	_, err := io.WriteString(out, t.Render()+"\n")
	return err
}

// printPairs prints what something has, a name and a value in a line.
func printPairs(out io.Writer, pairs [][]string) error {
	_, err := io.WriteString(out, columns(pairs).Render()+"\n")
	return err
}

func columns(rows [][]string) table.Writer {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	for _, r := range rows {
		t.AppendRow(row(r))
	}
	return t
}

func row(cells []string) table.Row {
	r := make(table.Row, len(cells))
	for i, c := range cells {
		r[i] = draw.Printable(c)
	}
	return r
}

// printNames prints one name in a line.
func printNames(out io.Writer, names []string) error {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(draw.Printable(name) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// done prints the result of a mutation.
func (s *session) done(result wire.Result, err error) error {
	if err != nil {
		return err
	}
	return s.show(result, func(out io.Writer) error {
		var b strings.Builder
		for _, created := range result.Created {
			b.WriteString("provider " + created + "\n")
		}
		once := ""
		if result.Replayed {
			once = ", had been done before"
		}
		fmt.Fprintf(&b, "done at index %d, revision %d, request id %s%s\n", result.Index, result.Revision, result.RequestID, once)
		_, err := io.WriteString(out, b.String())
		return err
	})
}

// terminal reports whether people watch what is written there.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colourful reports whether colours may be used there.
func colourful(w io.Writer) bool {
	return terminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func number[T int | int64 | uint64](n T) string { return strconv.FormatInt(int64(n), 10) }

func ratio(r float64) string { return strconv.FormatFloat(r, 'g', -1, 64) }
