package migrate

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/treenode/treenode/transport/wire"
)

// LineError says which line of a stream can't be read, and why.
type LineError struct {
	Line int
	Err  error
}

// Error implements error.
func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap is what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// ReadStream reads what WriteStream wrote, to its end. What is not whole, was
// changed, or is of a version that this program does not know is refused with
// a *LineError; other errors are those of the reader.
func ReadStream(from io.Reader) (*Contents, At, error) {
	r := &streamReader{from: bufio.NewReaderSize(from, 1<<20), contents: &Contents{}, seen: map[string]bool{}}
	sum := sha256.New()
	for r.at < partFooter {
		text, err := r.next()
		if err != nil {
			return nil, At{}, err
		}
		if err := r.line(text, hex.EncodeToString(sum.Sum(nil))); err != nil {
			return nil, At{}, &LineError{r.number, err}
		}
		_, _ = sum.Write(text) // a hash does not fail
	}
	switch _, err := r.from.ReadByte(); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return nil, At{}, err
	default:
		return nil, At{}, &LineError{r.number + 1, errors.New("something follows the footer")}
	}
	if err := r.contents.arrange(); err != nil {
		return nil, At{}, &LineError{r.number, err}
	}
	return r.contents, r.state, nil
}

type streamReader struct {
	from     *bufio.Reader
	number   int  // of the line read last
	at       part // of the stream
	state    At
	contents *Contents
	seen     map[string]bool // identities, each with its kind before it
}

// next is the next line with its end. It holds no more than a line may have.
func (r *streamReader) next() ([]byte, error) {
	r.number++
	if r.number > linesMax {
		return nil, &LineError{r.number, fmt.Errorf("there are more than %d lines", linesMax)}
	}
	var text []byte
	for {
		piece, err := r.from.ReadSlice('\n')
		if len(text)+len(piece) > lineBytesMax {
			return nil, &LineError{r.number, fmt.Errorf("it is longer than %d bytes", lineBytesMax)}
		}
		text = append(text, piece...)
		switch {
		case err == nil:
			return text, nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil, &LineError{r.number, errors.New("the stream breaks off: a footer should end it")}
		default:
			return nil, err
		}
	}
}

// line takes one line; sum is the hash of all before it.
func (r *streamReader) line(text []byte, sum string) error {
	var l line
	if r.number == 1 { // of another version, the rest of the line may be anything
		if err := checkFormat(text); err != nil {
			return err
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return fmt.Errorf("not a line of this format: %w", err)
	}
	if rest := bytes.TrimSpace(text[d.InputOffset():]); len(rest) > 0 {
		return errors.New("more than one JSON value")
	}
	p := l.part()
	switch {
	case p == 0:
		return errors.New("it should be exactly one of header, resource_class, trait, provider, consumer, footer")
	case r.at == 0 && p != partHeader:
		return errors.New("the first line should be a header")
	case p < r.at || p == r.at && p == partHeader:
		return errors.New("it is out of order: header, resource classes, traits, providers, consumers, footer")
	}
	r.at = p
	return r.take(l, sum)
}

func checkFormat(text []byte) error {
	var l struct {
		Header *struct {
			Format  string
			Version int
		}
	}
	if err := json.Unmarshal(text, &l); err != nil || l.Header == nil || l.Header.Format != formatName {
		return fmt.Errorf("this is no export of treenode: the first line should be a header of format %q", formatName)
	}
	if l.Header.Version != formatVersion {
		return fmt.Errorf("the export has version %d of its format, this program reads version %d", l.Header.Version, formatVersion)
	}
	return nil
}

func (r *streamReader) take(l line, sum string) error {
	c := r.contents
	switch {
	case l.Header != nil:
		r.state = l.Header.At
		return nil
	case l.ResourceClass != nil:
		c.ResourceClasses = append(c.ResourceClasses, *l.ResourceClass)
		return r.name("resource class", *l.ResourceClass)
	case l.Trait != nil:
		c.Traits = append(c.Traits, *l.Trait)
		return r.name("trait", *l.Trait)
	case l.Provider != nil:
		return r.provider(*l.Provider)
	case l.Consumer != nil:
		return r.consumer(*l.Consumer)
	}
	want := Footer{len(c.ResourceClasses), len(c.Traits), len(c.Providers), len(c.Consumers), sum}
	if have := *l.Footer; have != want {
		if have.SHA256 = want.SHA256; have != want {
			return fmt.Errorf("the footer counts other lines than there are: %s", c.Counts())
		}
		return errors.New("the lines are not those that were written: their SHA-256 is another one than the footer's")
	}
	return nil
}

func (r *streamReader) name(kind, name string) error {
	if !strings.HasPrefix(name, customPrefix) {
		return fmt.Errorf("%s %q does not begin with %s", kind, excerpt(name), customPrefix)
	}
	return r.once(kind, name)
}

func (r *streamReader) once(kind, id string) error {
	if key := kind + " " + id; !r.seen[key] {
		r.seen[key] = true
		return nil
	}
	return fmt.Errorf("%s %s is there twice", kind, id)
}

func (r *streamReader) provider(p Provider) error {
	if err := exactUUID("uuid", p.UUID); err != nil {
		return err
	}
	if err := r.once(kindProvider, p.UUID); err != nil {
		return err
	}
	if p.Parent != "" && !r.seen[kindProvider+" "+p.Parent] {
		return fmt.Errorf("provider %s hangs below %s, which did not come before it", p.UUID, excerpt(p.Parent))
	}
	for _, a := range p.Aggregates {
		if err := exactUUID("aggregates", a); err != nil {
			return err
		}
	}
	for _, set := range [][]string{p.Traits, p.Aggregates} {
		if sorted := slices.Sorted(slices.Values(set)); len(slices.Compact(sorted)) != len(set) {
			return fmt.Errorf("provider %s has a trait or aggregate twice", p.UUID)
		}
	}
	if p.Resources == nil {
		p.Resources = map[string][]wire.Device{}
	}
	r.contents.Providers = append(r.contents.Providers, p)
	return nil
}

func (r *streamReader) consumer(c Consumer) error {
	if err := exactUUID("uuid", c.UUID); err != nil {
		return err
	}
	if err := r.once(kindConsumer, c.UUID); err != nil {
		return err
	}
	if len(c.Allocations) == 0 {
		return fmt.Errorf("consumer %s has no allocations", c.UUID)
	}
	of := map[string]bool{}
	for _, a := range c.Allocations {
		if !r.seen[kindProvider+" "+a.Provider] {
			return fmt.Errorf("consumer %s holds something of provider %s, which is not there", c.UUID, excerpt(a.Provider))
		}
		if of[a.Provider] {
			return fmt.Errorf("consumer %s has two allocations of provider %s", c.UUID, a.Provider)
		}
		of[a.Provider] = true
		for _, class := range slices.Sorted(maps.Keys(a.Resources)) {
			if a.Resources[class] < 1 || a.Resources[class] > amountMax {
				return fmt.Errorf("consumer %s holds %d of %s", c.UUID, a.Resources[class], excerpt(class))
			}
		}
		if len(a.Resources) == 0 {
			return fmt.Errorf("consumer %s has an allocation of nothing", c.UUID)
		}
	}
	r.contents.Consumers = append(r.contents.Consumers, c)
	return nil
}

func exactUUID(field, s string) error {
	u, err := canonical(s)
	if err != nil {
		return fmt.Errorf("%s: %w", field, err)
	}
	if u != s {
		return fmt.Errorf("%s: %q is not in the form %s", field, excerpt(s), u)
	}
	return nil
}
