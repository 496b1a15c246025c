package logstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// lockTimeout is how long Open waits for another process to let go of the
	// file.
	lockTimeout = time.Second
	fileMode    = 0o600
)

// Open opens the store at path, and creates it if there is none: with
// EngineBolt a file of mode 0600, with EngineWAL a directory of mode 0700. The
// directory above must exist. It returns an *OpenError (the cause ErrLocked if
// the store is in use) or a *CorruptError; both name the path.
func Open(path string, opts Options) (*Store, error) {
	opts, err := opts.check()
	if err != nil {
		return nil, &OpenError{Path: path, Err: err}
	}
	// The disk may hang here as well, before there is a Store to watch it.
	watch := &watchdog{path: path, timeout: opts.StallTimeout, failure: opts.OnFailure}
	f := watch.begin(OpOpen)
	inner, err := openInner(path, opts.Engine)
	watch.end(f)
	if err != nil {
		return nil, openFailure(path, err)
	}
	if opts.Wrap != nil {
		inner = opts.Wrap(inner)
	}
	s, err := New(path, inner, opts)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return s, nil
}

// openInner opens what keeps the bytes.
func openInner(path string, engine Engine) (Inner, error) {
	if engine == EngineWAL {
		return openWAL(path, walSegmentBytes)
	}
	// Not the call itself: a nil *BoltStore would not be a nil Inner.
	bolt, err := openFile(path)
	if err != nil {
		return nil, err
	}
	return bolt, nil
}

func openFile(path string) (*raftboltdb.BoltStore, error) {
	info, err := os.Stat(path)
	created := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !created:
		return nil, err
	case err == nil && !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file")
	case err == nil && info.Mode().Perm()&0o077 != 0:
		if err := os.Chmod(path, fileMode); err != nil {
			return nil, err
		}
	}
	if !created && info.Size() > 0 {
		if err := inspect(path, boltBuckets); err != nil {
			return nil, err
		}
	}
	var inner *raftboltdb.BoltStore
	err = guard(func() (err error) {
		inner, err = raftboltdb.New(raftboltdb.Options{
			Path: path,
			BoltOptions: &bbolt.Options{
				Timeout:        lockTimeout,
				NoFreelistSync: true,
				FreelistType:   bbolt.FreelistMapType,
			},
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	if created {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(err, inner.Close())
		}
	}
	return inner, nil
}

// syncDir makes a new file's name durable: the library syncs the file only.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// openFailure gives an error of opening its type.
func openFailure(path string, err error) error {
	var corrupt *CorruptError
	var open *OpenError
	var panicked *panicError
	switch {
	case errors.As(err, &corrupt), errors.As(err, &open):
		return err
	case errors.As(err, &panicked), errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum),
		errors.Is(err, bolterrors.ErrVersionMismatch):
		return &CorruptError{Path: path, Reason: "the file is not readable as a database", Err: err}
	case errors.Is(err, bolterrors.ErrTimeout):
		return &OpenError{Path: path, Err: ErrLocked}
	}
	return &OpenError{Path: path, Err: err}
}
