package fleet

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// hung is a program that holds a file system frozen until its input ends. That
// is also when the driver dies: nobody could kill a process that waits for a
// frozen disk.
type hung struct {
	cmd   *exec.Cmd
	input io.Closer
}

const freezeScript = `fsfreeze --freeze "$0" || exit; echo frozen; cat >/dev/null; fsfreeze --unfreeze "$0"`

func (l *loops) hang(node int) error {
	cmd := exec.Command("sh", "-c", freezeScript, l.mount(node)) //nolint:gosec // this package's own
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	input, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if _, err := bufio.NewReader(output).ReadString('\n'); err != nil {
		return errors.Join(fmt.Errorf("freeze %s: %w", l.mount(node), err), input.Close(), cmd.Wait(), errors.New(complaint.String()))
	}
	l.frozen[node] = &hung{cmd, input}
	return nil
}

func (l *loops) goOn(node int) error {
	h := l.frozen[node]
	if h == nil {
		return nil
	}
	delete(l.frozen, node)
	return errors.Join(h.input.Close(), h.cmd.Wait())
}

// readOnly tells ext4 that it has met an error, to which it was mounted to take
// no more writes.
func (l *loops) readOnly(node int) error {
	device, err := l.device(node)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error"), []byte("injected"), 0)
}

// device is what the disk of a node is mounted from.
func (l *loops) device(node int) (string, error) {
	b, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(b)) {
		if device, rest, _ := strings.Cut(line, " "); strings.HasPrefix(rest, l.mount(node)+" ") {
			return device, nil
		}
	}
	return "", fmt.Errorf("%s is not mounted", l.mount(node))
}

// fsckRepaired is the exit code of a check that has repaired all it found.
const fsckRepaired = 1

func (l *loops) repair(node int) error {
	if err := l.unmount(node); err != nil {
		return err
	}
	err := run("", "fsck.ext4", "-p", l.image(node))
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != fsckRepaired) {
		return err
	}
	return l.revive(node)
}

// unmount waits for the loop device as well: a check of the image beside it would
// see another state.
func (l *loops) unmount(node int) error {
	device, err := l.device(node)
	if err != nil {
		return err
	}
	if err := run("", "umount", l.mount(node)); err != nil {
		return err
	}
	deadline := time.Now().Add(reviveWait)
	for {
		b, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(device), "loop/backing_file"))
		if err != nil || strings.TrimSpace(string(b)) != l.image(node) {
			return nil //nolint:nilerr // there is no such file where nothing is attached
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s still has %s", device, l.image(node))
		}
		time.Sleep(reviveWait / 1000)
	}
}
