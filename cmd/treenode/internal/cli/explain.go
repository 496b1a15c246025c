package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/draw"
	"github.com/treenode/treenode/transport/wire"
)

// toldError is an error with a text for people in place of its own.
type toldError struct {
	text string
	err  error
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.err }

// explain tells a client's error in full: what it is about, and what to do.
func (s *session) explain(err error) error {
	var failed *client.Error
	if !errors.As(err, &failed) {
		return err
	}
	e := failed.WireError
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Code, draw.Printable(e.Message))
	var conflict *client.ConflictError
	if errors.As(err, &conflict) {
		fmt.Fprintf(&b, ": %s", draw.Printable(strings.TrimPrefix(conflict.Error(), "treenode: conflict: ")))
	}
	line := func(what, value string) {
		if value != "" {
			fmt.Fprintf(&b, "\n  %s: %s", what, draw.Printable(value))
		}
	}
	line("field", e.Field)
	line("provider", e.Provider)
	line("consumer", e.Consumer)
	if conflict == nil {
		for _, c := range e.Conflicts {
			line(fmt.Sprintf("precondition %d", c.Precondition), conflictText(c))
		}
	}
	line("cause", causeOf(failed))
	if failed.Attempts > 1 {
		line("attempts", fmt.Sprintf("%d, the last at %s", failed.Attempts, failed.Endpoint))
	} else {
		line("endpoint", failed.Endpoint)
	}
	line("request id", e.RequestID)
	switch {
	case e.Kind == wire.NotApplied:
		b.WriteString("\nNothing happened; it is safe to try again.")
	case e.Kind == wire.Unknown && e.RequestID != "":
		fmt.Fprintf(&b, "\nIt may have happened or not. To make sure that it happens, and only once, repeat it with its request id:\n  %s",
			s.repeat(e.RequestID))
	case e.Kind == wire.Unknown:
		b.WriteString("\nIt may have happened or not. To find out, ask:\n  treenode cluster members")
	}
	return &toldError{b.String(), err}
}

// causeOf is what is beneath an error besides what the server said.
func causeOf(failed *client.Error) string {
	for _, err := range failed.Unwrap() {
		var said *wire.Error
		if !errors.As(err, &said) {
			return err.Error()
		}
	}
	return ""
}

func conflictText(c wire.Conflict) string {
	var words []string
	if c.Provider != "" {
		words = append(words, "provider "+c.Provider)
	}
	if c.Consumer != "" {
		words = append(words, "consumer "+c.Consumer)
	}
	if c.Want != nil {
		words = append(words, fmt.Sprintf("want %d", *c.Want))
	}
	if c.Have != nil {
		words = append(words, fmt.Sprintf("have %d", *c.Have))
	}
	return strings.Join(words, ", ")
}

// repeat is the command line that repeats this one under a request id.
func (s *session) repeat(id string) string {
	words, args := strings.Fields(s.cmd.CommandPath()), s.cmd.Flags().Args()
	if s.again != nil {
		words, args = s.again, nil
	}
	s.cmd.Flags().Visit(func(f *pflag.Flag) {
		list, isList := f.Value.(pflag.SliceValue)
		switch {
		case f.Name == "request-id":
		case isList:
			words = append(words, "--"+f.Name, strings.Join(list.GetSlice(), ","))
		case f.Value.Type() == "bool":
			words = append(words, "--"+f.Name+"="+f.Value.String())
		default:
			words = append(words, "--"+f.Name, f.Value.String())
		}
	})
	words = append(words, "--request-id", id)
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			words = append(words, "--")
			break
		}
	}
	words = append(words, args...)
	for i, w := range words {
		words[i] = quoted(w)
	}
	return strings.Join(words, " ")
}

// quoted is a word as a POSIX shell reads it.
func quoted(word string) string {
	special := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r))
	}
	if word != "" && !strings.ContainsFunc(word, special) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
