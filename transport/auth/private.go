package auth

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// ReadPrivate reads a file that holds secrets. It refuses one that others than
// its owner may read or write, that is no plain file, or that is larger than most
// bytes. The error names the path and never quotes the content.
func ReadPrivate(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading only
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s holds secrets, and others than its owner may use it (mode %04o): chmod 0600 %s", path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > most {
		return nil, errors.New(path + " is too large")
	}
	return text, nil
}
