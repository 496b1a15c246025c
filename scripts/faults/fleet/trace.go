package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// TraceUnable says why system calls of the nodes can't be made to fail here;
// empty if they can.
func TraceUnable() string {
	if _, err := exec.LookPath("strace"); err != nil {
		return "flushes that fail need the program strace (Debian's package strace)"
	}
	if os.Geteuid() != 0 {
		return "tracing the nodes needs root"
	}
	return ""
}

// traceWait bounds the wait for a tracer to have all threads of a node.
const traceWait = 5 * time.Second

// failSyncs makes every flush of a process, by whichever thread, fail with EIO
// and reach no disk.
func failSyncs(pid int) (*exec.Cmd, error) {
	cmd := exec.Command("strace", "-f", "-qq", "-o", "/dev/null", //nolint:gosec // a number
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO", "-p", fmt.Sprint(pid))
	var complaint strings.Builder
	cmd.Stderr = &complaint
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := startLocked(cmd); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(traceWait); ; time.Sleep(traceWait / 1000) {
		traced, err := allTraced(pid, cmd.Process.Pid)
		if err == nil && traced {
			return cmd, nil
		}
		if time.Now().After(deadline) {
			err = errors.Join(err, stopTracing(cmd))
			return nil, fmt.Errorf("strace does not have process %d: %w: %s", pid, err, complaint.String())
		}
	}
}

// allTraced reports whether a tracer has every thread of a process.
func allTraced(pid, tracer int) (bool, error) {
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return false, err
	}
	for _, t := range threads {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", pid, t.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue // it has ended since
		}
		if err != nil || !strings.Contains(string(b), fmt.Sprintf("\nTracerPid:\t%d\n", tracer)) {
			return false, err
		}
	}
	return true, nil
}

// stopTracing lets a process go on without its tracer.
func stopTracing(cmd *exec.Cmd) error {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = cmd.Wait() // it ends by the signal, or with its process
	return nil
}
