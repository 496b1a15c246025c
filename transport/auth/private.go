package auth

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// ReadPrivate reads a file that holds secrets. It refuses one that others than
// its owner may read or write, that is no plain file, or that is larger than most
// bytes. A file of root's may be readable for its group: so an administrator hands
// it to a service, and Kubernetes a Secret to a pod. The error names the path and
// never quotes the content.
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
	case !private(info):
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

func private(info os.FileInfo) bool {
	mode := info.Mode().Perm()
	owner, known := info.Sys().(*syscall.Stat_t)
	return mode&0o077 == 0 || mode&0o037 == 0 && known && owner.Uid == 0
}
