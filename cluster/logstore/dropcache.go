package logstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// DropCache has the next reads of stores come from the disk. After a flush has
// failed, the kernel may hold pages that are marked as written and are not, and
// a process that reads them back would count on what a power cut takes away.
// The stores must be closed. A path that does not exist is skipped.
func DropCache(paths ...string) error {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case !e.Type().IsRegular():
				return nil
			}
			f, err := os.Open(name) //nolint:gosec // the directory is this process's own, and nothing of the file is used
			if err != nil {
				return err
			}
			return errors.Join(dropPages(f), f.Close())
		})
		if err != nil {
			return err
		}
	}
	return nil
}
