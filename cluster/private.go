package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
)

// What a node keeps is for its own user: directories have mode 0700 and files
// 0600, whatever the umask is. The library that writes snapshots makes them wider.
const (
	privateDir  = 0o700
	privateFile = 0o600
	forOthers   = 0o077
)

// keepPrivate takes away what others may do to a directory and all below it.
func keepPrivate(dir string) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Mode().Perm()&forOthers == 0 {
			return err
		}
		switch {
		case e.IsDir():
			return os.Chmod(path, privateDir) //nolint:gosec // below a directory that is ours
		case e.Type().IsRegular():
			return os.Chmod(path, privateFile) //nolint:gosec // below a directory that is ours
		}
		return nil
	})
}

// warnOfOthers says so where others can get into the data directory. It may be
// somebody's choice, and what is below is the owner's alone: no reason to refuse.
func warnOfOthers(dir string, log hclog.Logger) {
	info, err := os.Stat(dir)
	if err == nil && info.Mode().Perm()&forOthers != 0 {
		log.Warn("others than its owner can get into the data directory", "mode", info.Mode().Perm().String(), "run", "chmod 0700 "+dir)
	}
}

// ownFiles are the files of a node beside its log and its snapshots, which see to
// themselves.
var ownFiles = []string{identityFile, peersFile, startsFile, levelFile, markFile, divergedFile, "crash.log"}

// keepOwnPrivate takes away what others may do to a node's own files. Files of
// somebody else may be beside them.
func keepOwnPrivate(dir string) error {
	for _, name := range ownFiles {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&forOthers != 0 {
			err = os.Chmod(path, privateFile)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
