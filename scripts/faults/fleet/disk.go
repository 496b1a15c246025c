package fleet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// plainDisk is directories beside each other.
type plainDisk struct{ base string }

func (d plainDisk) can() error {
	return &Unable{Disk, "the nodes have no file systems of their own"}
}
func (d plainDisk) dir(node int) string {
	return filepath.Join(d.base, fmt.Sprintf("n%d", node+1), "data")
}
func (d plainDisk) powerCut(int) error { return d.can() }
func (d plainDisk) revive(int) error   { return nil }
func (d plainDisk) fill(int) error     { return d.can() }
func (d plainDisk) free(int) error     { return d.can() }
func (d plainDisk) hang(int) error     { return d.can() }
func (d plainDisk) goOn(int) error     { return nil }
func (d plainDisk) readOnly(int) error { return d.can() }
func (d plainDisk) repair(int) error   { return d.can() }
func (d plainDisk) close() error       { return nil }

// diskBytes is the size of a node's file system. It is sparse.
const diskBytes = 768 << 20

// loops is an ext4 in a file for each node.
type loops struct {
	base   string
	nodes  int
	frozen map[int]*hung
}

// DisksUnable says why nodes can't have file systems of their own here; empty
// if they can.
func DisksUnable() string {
	if os.Geteuid() != 0 {
		return "loop-mounted file systems need root"
	}
	for _, need := range []struct{ program, of string }{{"mkfs.ext4", "e2fsprogs"}, {"fsck.ext4", "e2fsprogs"}, {"fsfreeze", "util-linux"}} {
		if _, err := exec.LookPath(need.program); err != nil {
			return fmt.Sprintf("loop-mounted file systems need the program %s (Debian's package %s)", need.program, need.of)
		}
	}
	return ""
}

func openLoops(base string, nodes int) (*loops, error) {
	l := &loops{base, nodes, map[int]*hung{}}
	if unable := DisksUnable(); unable != "" {
		return nil, &Unable{Disk, unable}
	}
	for i := range nodes {
		if err := l.make(i); err != nil {
			return nil, errors.Join(err, l.close())
		}
	}
	return l, nil
}

func (l *loops) image(node int) string { return filepath.Join(l.base, fmt.Sprintf("n%d.ext4", node+1)) }
func (l *loops) mount(node int) string { return filepath.Join(l.base, fmt.Sprintf("n%d", node+1)) }
func (l *loops) stuff(node int) string { return filepath.Join(l.mount(node), "stuff") }

func (l *loops) make(node int) error {
	if err := os.MkdirAll(l.mount(node), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(l.image(node), nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(l.image(node), diskBytes); err != nil {
		return err
	}
	if err := run("", "mkfs.ext4", "-q", "-F", "-m", "0", l.image(node)); err != nil {
		return err
	}
	return l.revive(node)
}

func (l *loops) can() error          { return nil }
func (l *loops) dir(node int) string { return filepath.Join(l.mount(node), "data") }

// shutdownRequest is EXT4_IOC_SHUTDOWN, and noLogFlush the flag that keeps the
// journal from being written first: what was not synced is gone, as when the
// power fails.
const (
	shutdownRequest = 0x8004587d
	noLogFlush      = 2
)

func (l *loops) powerCut(node int) error {
	f, err := os.Open(l.mount(node))
	if err != nil {
		return err
	}
	flag := uint32(noLogFlush)
	_, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), shutdownRequest, uintptr(unsafe.Pointer(&flag))) //nolint:gosec // how ioctl takes it
	if errno != 0 {
		err = fmt.Errorf("shut down the file system %s: %w", l.mount(node), errno)
	}
	return errors.Join(err, f.Close())
}

// reviveWait bounds the wait for everybody to let go of a disk.
const reviveWait = 10 * time.Second

// revive mounts the disk anew, which replays its journal. While anybody on the
// machine still holds the old mount, the new one is the same dead file system:
// then it is tried again.
func (l *loops) revive(node int) error {
	deadline := time.Now().Add(reviveWait)
	for {
		if l.mounted(node) {
			if err := run("", "umount", l.mount(node)); err != nil {
				return err
			}
		}
		if err := run("", "mount", "-o", "loop,errors=remount-ro", l.image(node), l.mount(node)); err != nil {
			return err
		}
		_, err := os.ReadDir(l.mount(node))
		if err == nil {
			err = l.writable(node)
		}
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(reviveWait / 100)
	}
}

// writable writes to the disk, durably.
func (l *loops) writable(node int) error {
	f, err := os.Create(filepath.Join(l.mount(node), "probe"))
	if err != nil {
		return err
	}
	_, err = f.WriteString("probe")
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}

func (l *loops) mounted(node int) bool {
	b, err := os.ReadFile("/proc/self/mounts")
	return err == nil && strings.Contains(string(b), " "+l.mount(node)+" ")
}

func (l *loops) fill(node int) error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(l.mount(node), &s); err != nil {
		return err
	}
	f, err := os.OpenFile(l.stuff(node), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// As much as there is; what the node takes meanwhile is less to take.
	size := int64(s.Bavail) * s.Bsize //nolint:gosec // far below 2^63
	for size > 0 {
		err = syscall.Fallocate(int(f.Fd()), 0, 0, size)
		if !errors.Is(err, syscall.ENOSPC) {
			break
		}
		size -= s.Bsize
	}
	return errors.Join(err, f.Close())
}

func (l *loops) free(node int) error { return os.Remove(l.stuff(node)) }

func (l *loops) close() error {
	var failed error
	for i := range l.nodes {
		failed = errors.Join(failed, l.goOn(i))
		if l.mounted(i) {
			failed = errors.Join(failed, run("", "umount", l.mount(i)))
		}
		if err := os.Remove(l.image(i)); err != nil && !errors.Is(err, os.ErrNotExist) {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}
