package local

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

// Node is one node's process, and its place when none runs.
type Node struct {
	ID   string
	API  string // host:port
	Peer string // host:port
	Dir  string // its data directory

	join    string
	options Options

	mu      sync.Mutex
	process *process
}

type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait; set before exited closes
}

// LogPath is where the node's output goes.
func (n *Node) LogPath() string { return n.Dir + ".log" }

// Start starts the node's process. It must not be running.
func (n *Node) Start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.running() {
		return fmt.Errorf("node %s runs already", n.ID)
	}
	log, err := os.OpenFile(n.LogPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	args := append([]string{
		"serve", "--node-id", n.ID, "--data-dir", n.Dir, "--listen", n.API, "--peer-listen", n.Peer,
		"--bootstrap-expect", strconv.Itoa(n.options.Nodes), "--join", n.join,
	}, n.options.Args...)
	if n.options.ArgsOf != nil {
		args = append(args, n.options.ArgsOf(n.ID)...)
	}
	cmd := exec.Command(n.options.Binary, args...) //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), n.options.Env...)
	// The node dies with this process, however that ends, and a Ctrl-C at the
	// terminal is for this process to pass on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var output io.Writer = log
	if n.options.Log != nil {
		output = io.MultiWriter(log, n.prefixed(n.options.Log))
	}
	cmd.Stdout, cmd.Stderr = output, output
	p := &process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Pdeathsig follows the thread that started the process, so that
		// thread stays until the process ends.
		runtime.LockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
		if closed := log.Close(); err == nil && closed != nil {
			p.err = errors.Join(p.err, closed)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("node %s does not start: %w", n.ID, err)
	}
	n.process = p
	return nil
}

// Use has the node started from another program from now on, with these variables
// in place of Options.Env. A process that runs goes on.
func (n *Node) Use(binary string, env ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.options.Binary, n.options.Env = binary, env
}

// prefixed writes whole lines with the node's id before them.
func (n *Node) prefixed(to io.Writer) io.Writer {
	r, w := io.Pipe()
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			fmt.Fprintf(to, "%s  %s\n", n.ID, lines.Text())
		}
		_, _ = io.Copy(io.Discard, r) // an overlong line: keep the process going
	}()
	return w
}

func (n *Node) running() bool {
	if n.process == nil {
		return false
	}
	select {
	case <-n.process.exited:
		return false
	default:
		return true
	}
}

// Running reports whether the node's process is there.
func (n *Node) Running() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.running()
}

// PID is the process id, 0 if the node was never started.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return 0
	}
	return n.process.cmd.Process.Pid
}

// Exited is closed when the process that was started last has ended.
func (n *Node) Exited() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		c := make(chan struct{})
		close(c)
		return c
	}
	return n.process.exited
}

// Exit says how the process ended. Call it after Exited.
func (n *Node) Exit() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return "it was never started"
	}
	return n.process.cmd.ProcessState.String()
}

// Signal sends a signal to the process, if it runs.
func (n *Node) Signal(s os.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.running() {
		return nil
	}
	if err := n.process.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Kill ends the process with SIGKILL and returns once it is gone.
func (n *Node) Kill() error {
	if err := n.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-n.Exited()
	return nil
}

func (n *Node) terminate() error { return n.Signal(syscall.SIGTERM) }

// Terminate ends the process with SIGTERM and returns its exit code.
func (n *Node) Terminate(ctx context.Context) (int, error) {
	if err := n.terminate(); err != nil {
		return 0, err
	}
	if err := n.wait(ctx); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process.cmd.ProcessState.ExitCode(), nil
}

func (n *Node) wait(ctx context.Context) error {
	select {
	case <-n.Exited():
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("node %s did not stop: %w", n.ID, ctx.Err()), n.Kill())
	}
}
