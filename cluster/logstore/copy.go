package logstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/raft-wal/metadb"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/treenode/treenode/cluster/atrest"
)

// Copy is a store opened on a copy of its files, for reading a log that must
// not change: opening one repairs what a crash left unfinished. Close removes
// the copy.
type Copy struct {
	*Store
	dir string
}

// OpenCopy copies the store at path to the directory for temporary files and
// opens the copy. No other process may have the store open; one that wants to
// waits meanwhile. Errors are those of Open, and name the original. Keys may be
// nil.
func OpenCopy(path string, engine Engine, keys *atrest.Keys) (_ *Copy, err error) {
	dir, err := os.MkdirTemp("", "treenode-log-")
	if err != nil {
		return nil, &OpenError{Path: path, Err: err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	to := filepath.Join(dir, filepath.Base(path))
	if err := copyLocked(path, to, engine); err != nil {
		return nil, openFailure(path, err)
	}
	inner, err := openInner(to, engine)
	if err != nil {
		return nil, named(openFailure(path, err), to, path)
	}
	s, err := New(path, inner, Options{Engine: engine, Keys: atrest.NewRing(keys)})
	if err != nil {
		return nil, errors.Join(named(err, to, path), inner.Close())
	}
	return &Copy{s, dir}, nil
}

// Close closes the store and removes the copy.
func (c *Copy) Close() error { return errors.Join(c.Store.Close(), os.RemoveAll(c.dir)) }

// copyLocked copies a store with the shared lock of its database held: whoever
// has it open for writing has that to itself.
func copyLocked(path, to string, engine Engine) error {
	database := path
	if engine == EngineWAL {
		database = filepath.Join(path, metadb.FileName)
	}
	if _, err := os.Stat(database); err != nil {
		return err
	}
	var db *bbolt.DB
	err := guard(func() (err error) {
		db, err = bbolt.Open(database, fileMode, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout})
		return err
	})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return err
	case err == nil:
		defer db.Close() //nolint:errcheck // opened for reading only
	default: // too damaged for anybody to have it open; opening the copy says how
	}
	if engine != EngineWAL {
		return copyFile(path, to)
	}
	if err := os.Mkdir(to, dirMode); err != nil {
		return err
	}
	files, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Type().IsRegular() {
			continue
		}
		if err := copyFile(filepath.Join(path, f.Name()), filepath.Join(to, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // opened for reading only
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// named makes an error about the copy name the original.
func named(err error, copied, path string) error {
	var corrupt *CorruptError
	var open *OpenError
	var file *fs.PathError
	var key *atrest.MissingKeyError
	if errors.As(err, &key) {
		key.Path = strings.Replace(key.Path, copied, path, 1)
	}
	if errors.As(err, &corrupt) {
		corrupt.Path = strings.Replace(corrupt.Path, copied, path, 1)
	}
	if errors.As(err, &open) {
		open.Path = strings.Replace(open.Path, copied, path, 1)
	}
	if errors.As(err, &file) {
		file.Path = strings.Replace(file.Path, copied, path, 1)
	}
	return err
}
