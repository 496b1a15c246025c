package audit

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
)

// Line is a line that was read and is whole.
type Line struct {
	File   string
	Number int // in the file, from 1 on
	Record Record
	// Unfinished is how many bytes there are after it that are no line yet: it is the
	// last one.
	Unfinished int

	sum     string // SHA-256
	content []byte // what nodes have alike
}

// BrokenError is the first line of a chain that is not what was written.
type BrokenError struct {
	File   string
	Line   int
	Reason error
}

// Error implements error.
func (e *BrokenError) Error() string {
	return fmt.Sprintf("%s, line %d: %v", e.File, e.Line, e.Reason)
}

// Unwrap returns the reason.
func (e *BrokenError) Unwrap() error { return e.Reason }

var (
	errNoBegin  = errors.New("a file begins with another line")
	errBegins   = errors.New("a beginning is in the middle of a file")
	errFileName = errors.New("it is the beginning of another file")
	errMissing  = errors.New("the file that it continues is missing or another one")
	errCut      = errors.New("the line has no end, and there is a file after this one")
	errLong     = fmt.Errorf("it is longer than %d bytes", lineMax)
	errBack     = errors.New("it goes back in the log, and no line before says why")
)

// walker follows a chain.
type walker struct {
	dir   string
	begun bool
	file  string // before this one
	last  link
	at    position
}

// Lines reads the chain in a directory, the node may run. It ends with an error: a
// *BrokenError, or that of reading.
func Lines(dir string) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		numbers, err := numbersIn(dir)
		if err != nil {
			yield(Line{}, err)
			return
		}
		w := walker{dir: dir}
		for i, n := range numbers {
			on, err := w.readFile(nameOf(n), i == len(numbers)-1, func(l Line) bool { return yield(l, nil) })
			if errors.Is(err, fs.ErrNotExist) && !w.begun {
				continue // a running node has just removed its oldest file
			}
			if err != nil {
				yield(Line{}, err)
			}
			if err != nil || !on {
				return
			}
		}
	}
}

// readFile reads one file. It returns false once enough was read.
func (w *walker) readFile(name string, newest bool, yield func(Line) bool) (bool, error) {
	f, err := os.Open(filepath.Join(w.dir, name))
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	return w.read(name, newest, f, yield)
}

func (w *walker) read(name string, newest bool, from io.Reader, yield func(Line) bool) (bool, error) {
	r := bufio.NewReaderSize(from, lineMax)
	var held *Line // the last one is told with what comes after it
	for number := 1; ; number++ {
		b, err := r.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return false, &BrokenError{name, number, errLong}
		case errors.Is(err, io.EOF) && len(b) > 0 && !newest:
			return false, &BrokenError{name, number, errCut}
		case errors.Is(err, io.EOF):
			if held != nil {
				held.Unfinished = len(b)
				return yield(*held), nil
			}
			return true, nil
		case err != nil:
			return false, err
		}
		line := Line{File: name, Number: number}
		reason := w.follow(&line, bytes.TrimSuffix(b, []byte("\n")))
		if held != nil && !yield(*held) {
			return false, nil
		}
		if reason != nil {
			return false, &BrokenError{name, number, reason}
		}
		held = &line
	}
}

// follow reads the next line and checks that it is the one that was written next.
func (w *walker) follow(l *Line, b []byte) error {
	r, prev, content, err := parseLine(b)
	switch {
	case err != nil:
		return err
	case (l.Number == 1) != (r.Kind == Begin):
		if l.Number == 1 {
			return errNoBegin
		}
		return errBegins
	case r.Kind == Begin && r.File != l.File:
		return errFileName
	case r.Kind == Begin && r.Format != format:
		return fmt.Errorf("its format is %d, this program knows %d", r.Format, format)
	case r.Kind == Begin && w.begun && r.Continues != w.file:
		return errMissing
	case r.Kind == Begin && !w.begun && r.Continues == "" && prev != link{}:
		return errPrev
	case w.begun && prev != w.last:
		return errPrev
	}
	next := r.position()
	if r.Kind == Change && w.begun && (next.index < w.at.index || next.index == w.at.index && (w.at.whole || next.commands <= w.at.commands)) {
		return errBack
	}
	w.begun, w.file, w.last, w.at = true, l.File, sumOf(b), next
	l.sum = hex.EncodeToString(w.last[:])
	l.Record, l.content = r, bytes.Clone(content)
	return nil
}
