package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

var nameForm = regexp.MustCompile(`^audit-([0-9]{6,12})\.jsonl$`)

func nameOf(number int) string { return fmt.Sprintf("audit-%06d.jsonl", number) }

// numbersIn are the numbers of the files in a directory, rising.
func numbersIn(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, e := range entries {
		if m := nameForm.FindStringSubmatch(e.Name()); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || nameOf(n) != e.Name() {
				return nil, fmt.Errorf("%s is no name of a file of an audit", e.Name())
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// DamageError is an audit that can't be gone on with.
type DamageError struct {
	Path   string
	Reason string
	Err    error
}

// Error implements error.
func (e *DamageError) Error() string {
	s := "audit: " + e.Path + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *DamageError) Unwrap() error { return e.Err }

// tail is the end of a chain.
type tail struct {
	number int // of its last file, 0 for none
	size   int64
	head   Record // that file's first line
	last   link
	// at is up to where the audit is, and told what the last line says of that: less,
	// if it does not say that it is the last one of its entry.
	at, told position
	torn     int64 // bytes after the last whole line
}

// readTail reads where a chain ends, of which only the first and the last line
// of the last file are looked at.
func readTail(dir string) (t tail, err error) {
	numbers, err := numbersIn(dir)
	if err != nil {
		return tail{}, err
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		path := filepath.Join(dir, nameOf(numbers[i]))
		found, err := readFileTail(path)
		if err != nil {
			return tail{}, err
		}
		found.number = numbers[i]
		if found.size > 0 {
			found.torn += t.torn
			return found, nil
		}
		// A crash came before its first line was whole: it is begun again.
		t.torn += found.torn
		if err := os.Remove(path); err != nil {
			return tail{}, err
		}
	}
	return tail{torn: t.torn}, nil
}

func readFileTail(path string) (tail, error) {
	f, err := os.Open(path)
	if err != nil {
		return tail{}, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return tail{}, err
	}
	return parseTail(path, f, info.Size())
}

func parseTail(path string, f io.ReaderAt, size int64) (t tail, err error) {
	head := make([]byte, min(size, lineMax))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return tail{}, err
	}
	first, _, found := bytes.Cut(head, []byte("\n"))
	if !found {
		return tail{torn: size}, nil
	}
	if t.head, _, _, err = parseLine(first); err == nil && t.head.Kind != Begin {
		err = errForm
	}
	if err != nil {
		return tail{}, &DamageError{Path: path, Reason: "its first line can't be read", Err: err}
	}
	if t.head.Format != format {
		return tail{}, &DamageError{Path: path, Reason: fmt.Sprintf("its format is %d, this program knows %d", t.head.Format, format)}
	}
	// Twice a line, and one that is torn: two ends of lines are in it.
	end := make([]byte, min(size, 3*lineMax))
	if _, err := f.ReadAt(end, size-int64(len(end))); err != nil && !errors.Is(err, io.EOF) {
		return tail{}, err
	}
	whole := bytes.LastIndexByte(end, '\n') + 1
	if whole == 0 {
		return tail{}, &DamageError{Path: path, Reason: "its end is no line"}
	}
	t.torn = int64(len(end) - whole)
	t.size = size - t.torn
	last := end[bytes.LastIndexByte(end[:whole-1], '\n')+1 : whole-1]
	r, _, _, err := parseLine(last)
	if err != nil {
		return tail{}, &DamageError{
			Path: path, Err: err,
			Reason: "its last line can't be read; see treenode audit verify, and move the directory away to begin a new audit",
		}
	}
	t.last, t.told = sumOf(last), r.position()
	t.at = t.told
	return t, nil
}
