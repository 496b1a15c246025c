package host

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Root is the directory that stands for the machine's "/": "/" itself, or one
// below which /proc and /sys of another machine were captured. A plain path,
// since sysfs is a web of symbolic links.
type Root string

// fileBytesMax is the most that is read of one file. The largest, cpuinfo,
// has about 1.5 KiB for each CPU.
const fileBytesMax = 4 << 20

// FileError tells that a file which the tree needs is missing or makes no
// sense. Path is the file's path below the Root.
type FileError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *FileError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap gives the reason; fs.ErrNotExist where the file is missing.
func (e *FileError) Unwrap() error { return e.Err }

// fault puts the file's own path in place of the one that package os names.
func fault(path string, err error) *FileError {
	var named *fs.PathError
	if errors.As(err, &named) {
		err = named.Err
	}
	return &FileError{Path: path, Err: err}
}

// missing reports whether the error is that the file does not exist.
func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func (r Root) at(path string) string { return filepath.Join(string(r), path) }

// read returns what is in a file.
func (r Root) read(path string) ([]byte, *FileError) {
	info, err := os.Stat(r.at(path))
	if err != nil {
		return nil, fault(path, err)
	}
	if !info.Mode().IsRegular() { // to open a pipe would wait for ever
		return nil, fault(path, errors.New("not a regular file"))
	}
	f, err := os.Open(r.at(path))
	if err != nil {
		return nil, fault(path, err)
	}
	data, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fault(path, err)
	}
	if len(data) > fileBytesMax {
		return nil, fault(path, fmt.Errorf("larger than %d bytes", fileBytesMax))
	}
	return data, nil
}

// text returns the file's content without the white space around it.
func (r Root) text(path string) (string, *FileError) {
	data, err := r.read(path)
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(string(data)), nil
}

// number returns the decimal number in a file, which must be in [low, high].
func (r Root) number(path string, low, high int64) (int64, *FileError) {
	text, err := r.text(path)
	if err != nil {
		return 0, err
	}
	n, bad := strconv.ParseInt(text, 10, 64)
	if bad != nil || n < low || n > high {
		return 0, fault(path, fmt.Errorf("%.40q is not a number from %d to %d", text, low, high))
	}
	return n, nil
}

// hex returns the number in a file such as "0x8086", of at most that many bits.
func (r Root) hex(path string, bits int) (uint64, *FileError) {
	text, err := r.text(path)
	if err != nil {
		return 0, err
	}
	digits, prefixed := strings.CutPrefix(text, "0x")
	n, bad := strconv.ParseUint(digits, 16, bits)
	if bad != nil || !prefixed {
		return 0, fault(path, fmt.Errorf("%.40q is not a hexadecimal number of %d bits", text, bits))
	}
	return n, nil
}

// list returns the names in a directory, sorted.
func (r Root) list(path string) ([]string, *FileError) {
	entries, err := os.ReadDir(r.at(path))
	if err != nil {
		return nil, fault(path, err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// exists reports whether there is something at the path.
func (r Root) exists(path string) bool {
	_, err := os.Stat(r.at(path))
	return err == nil
}

// resolve follows every symbolic link and returns the path below the Root.
func (r Root) resolve(path string) (string, *FileError) {
	base, err := filepath.EvalSymlinks(r.at("/"))
	if err != nil {
		return "", fault("/", err)
	}
	full, err := filepath.EvalSymlinks(r.at(path))
	if err != nil {
		return "", fault(path, err)
	}
	below, err := filepath.Rel(base, full)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return "", fault(path, errors.New("the link leads out of the root"))
	}
	return "/" + below, nil
}
