package logstore

import (
	"errors"
	"os"
	"path/filepath"

	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/types"
)

// privateFiles are the library's files, which nobody but their owner may read.
type privateFiles struct{ *walfs.FS }

// Create implements types.VFS.
func (p privateFiles) Create(dir, name string, size uint64) (types.WritableFile, error) {
	f, err := p.FS.Create(dir, name, size)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(filepath.Join(dir, name), fileMode); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// keepPrivate takes away what others may do to the files of a directory.
func keepPrivate(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		info, err := f.Info()
		switch {
		case errors.Is(err, os.ErrNotExist): // the library removed it
		case err != nil:
			return err
		case info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0:
			if err := os.Chmod(filepath.Join(dir, f.Name()), fileMode); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
