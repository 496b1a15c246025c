package logstore

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// childVar tells this test binary to fill the disk of its working directory.
const childVar = "LOGSTORE_TEST_FULL_DISK"

func TestMain(m *testing.M) {
	if os.Getenv(childVar) != "" {
		os.Exit(fullDisk("raft.db"))
	}
	os.Exit(m.Run())
}

// TestFullDisk runs in a child, because a limit on the size of files, which
// makes the kernel refuse to let them grow, is the process's.
func TestFullDisk(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), childVar+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("all as it should be")) {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func fullDisk(path string) int {
	complain := func(args ...any) int {
		fmt.Fprintln(os.Stdout, "unexpected:", args)
		return 1
	}
	limit := func(size int64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(size), Max: 1 << 40})
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := limit(0); err != nil {
		return complain(err)
	}
	var open *OpenError
	_, err := Open(path, Options{})
	if !errors.As(err, &open) || !strings.Contains(err.Error(), path) {
		return complain(err)
	}
	fmt.Fprintln(os.Stdout, err)

	if err := limit(1 << 40); err != nil {
		return complain(err)
	}
	var told failures
	s, err := Open(path, Options{OnFailure: told.add})
	if err != nil {
		return complain(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return complain(err)
	}
	if err := limit(info.Size()); err != nil {
		return complain(err)
	}
	stored := uint64(0)
	for err == nil {
		l := run(stored+1, 1)
		l[0].Data = make([]byte, 10_000)
		if err = s.StoreLogs(l); err == nil {
			stored++
		}
	}
	var failed *WriteError
	if !errors.As(err, &failed) || len(told.all()) != 1 {
		return complain(err)
	}
	fmt.Fprintln(os.Stdout, err)
	if err := limit(1 << 40); err != nil {
		return complain(err)
	}
	if again := s.StoreLogs(run(stored+1, 1)); again != err { //nolint:errorlint // the very same error is promised
		return complain(again)
	}
	if err := s.Close(); err != nil {
		return complain(err)
	}
	// Nothing that was acknowledged is lost.
	s, err = Open(path, Options{ScrubPerSecond: 1e9})
	if err != nil {
		return complain(err)
	}
	if first, last := s.Range(); last < stored || stored > 0 && first != 1 {
		return complain(errors.New("acknowledged entries are missing"))
	}
	fmt.Fprintln(os.Stdout, "all as it should be")
	return 0
}

// TestNoPermission acts as another user: root may write everywhere. The user
// of the file system is the thread's, so no other test notices.
func TestNoPermission(t *testing.T) {
	dir, err := os.MkdirTemp("", "logstore")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	readOnly := filepath.Join(dir, "read-only")
	if err := errors.Join(os.Mkdir(readOnly, 0o755), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	mustClose(t, mustOpen(t, foreign, Options{}))
	if os.Getuid() != 0 {
		if err := errors.Join(os.Chmod(readOnly, 0o555), os.Chmod(foreign, 0)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{filepath.Join(readOnly, "raft.db"), foreign} {
		err := asNobody(t, func() error { _, err := Open(path, Options{}); return err })
		var open *OpenError
		if !errors.As(err, &open) || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v", err)
		}
	}
}

// asNobody runs f on a thread whose file accesses are those of an unprivileged
// user, if this process is privileged.
func asNobody(t *testing.T, f func() error) error {
	if os.Getuid() != 0 {
		return f()
	}
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
			t.Error(errno)
		}
		result <- f()
	}()
	return <-result
}
