package logstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMode(t *testing.T) {
	path := dbPath(t)
	for _, mode := range []fs.FileMode{0, 0o666, 0o640} {
		if mode != 0 {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		mustClose(t, mustOpen(t, path, Options{}))
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != 0o600 {
			t.Errorf("mode %v became %v", mode, info.Mode())
		}
	}
}

// TestLocked: the lock belongs to the open file, so a second Store in this
// process meets what another process would.
func TestLocked(t *testing.T) {
	path := dbPath(t)
	s := mustOpen(t, path, Options{})
	mustStore(t, s, run(1, 1)...)
	start := time.Now()
	_, err := Open(path, Options{})
	took := time.Since(start)
	var open *OpenError
	if !errors.As(err, &open) || !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	if took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
	mustStore(t, s, run(2, 1)...)
	mustClose(t, s)
	mustClose(t, mustOpen(t, path, Options{}))
}

func TestCannotOpen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no directory":          filepath.Join(dir, "none", "raft.db"),
		"a directory":           dir,
		"a device":              "/dev/null",
		"a file as a directory": filepath.Join(file, "raft.db"),
	} {
		var open *OpenError
		if _, err := Open(path, Options{}); !errors.As(err, &open) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		} else {
			t.Logf("%s: %v", name, err)
		}
	}
}

// TestEmptyFile: what is left by a process that ended right after it created
// the file.
func TestEmptyFile(t *testing.T) {
	path := dbPath(t)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, path, Options{})
	mustStore(t, s, run(1, 1)...)
}
