package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Config describes a fleet.
type Config struct {
	// Program is the path of treenode.
	Program string
	// Dir is for data and logs. It must exist.
	Dir string
	// Nodes form the cluster; Spare more have addresses and join when started.
	Nodes, Spare int
	// Loopback keeps to plain processes where namespaces would be possible.
	Loopback bool
	// Compose is the path of docker-compose.yml, with the Dockerfile beside it,
	// for nodes in containers; empty for processes.
	Compose string
	// Disks gives every node a file system of its own.
	Disks bool
	// Args are more flags for every node.
	Args []string
}

// stopWait is how long a node that was killed may take to be gone.
const stopWait = 30 * time.Second

// lastWordsBytes is how much of a log LastWords shows.
const lastWordsBytes = 16 << 10

// network gives nodes addresses, and keeps them apart.
type network interface {
	can() error
	// addresses are host:port of the API and the peer port.
	addresses(node int) (api, peer string)
	// wrap makes a command run where the node is.
	wrap(node int, args []string) []string
	// rules replaces what is dropped.
	rules(drops map[[2]int]bool, loss map[int]int) error
	canShape() error
	shape(Wire) error
	traffic() Traffic
	close() error
}

// disks holds the data directories.
type disks interface {
	can() error
	dir(node int) string
	powerCut(node int) error
	// revive makes the disk of a node without process usable after a power cut.
	revive(node int) error
	fill(node int) error
	free(node int) error
	hang(node int) error
	goOn(node int) error
	readOnly(node int) error
	// repair is for a node without process.
	repair(node int) error
	close() error
}

// Started begins the line of a node's log that comes before each start's.
const Started = "--- started"

type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// image is what a node is started from.
type image struct {
	program string
	env     []string // beside the driver's
}

// Processes is a Fleet of processes on this machine.
type Processes struct {
	config Config
	net    network
	disks  disks

	drops   map[[2]int]bool
	loss    map[int]int
	images  []image
	tracers map[int]*exec.Cmd

	mu    sync.Mutex // for what other goroutines may ask
	nodes []*process // nil where none was started
	cut   map[int]bool
}

// Open makes a fleet of nodes that do not run yet.
func Open(c Config) (Fleet, error) {
	if c.Compose != "" {
		return openContainers(c)
	}
	return openProcesses(c)
}

func openProcesses(c Config) (*Processes, error) {
	p := &Processes{
		config: c, drops: map[[2]int]bool{}, loss: map[int]int{},
		nodes: make([]*process, c.Nodes+c.Spare), cut: map[int]bool{},
		tracers: map[int]*exec.Cmd{},
		images:  slices.Repeat([]image{{program: c.Program}}, c.Nodes+c.Spare),
	}
	var err error
	if unable := namespacesUnable(); c.Loopback || unable != "" {
		if c.Loopback {
			unable = "plain processes were asked for"
		}
		p.net, err = openLoopback(len(p.nodes), unable)
	} else {
		p.net, err = openNamespaces(len(p.nodes))
	}
	if err != nil {
		return nil, err
	}
	if c.Disks {
		p.disks, err = openLoops(c.Dir, len(p.nodes))
	} else {
		p.disks = plainDisk{c.Dir}
	}
	if err != nil {
		return nil, errors.Join(err, p.net.close())
	}
	return p, nil
}

// Can implements Fleet.
func (p *Processes) Can(a Ability) error {
	switch a {
	case Network:
		return p.net.can()
	case Wires:
		return p.net.canShape()
	case Disk:
		return p.disks.can()
	case Trace:
		if unable := TraceUnable(); unable != "" {
			return &Unable{Trace, unable}
		}
		return nil
	}
	return &Unable{a, "there is no such ability"}
}

// Len implements Fleet.
func (p *Processes) Len() int { return len(p.nodes) }

// Name implements Fleet.
func (p *Processes) Name(node int) string { return fmt.Sprintf("n%d", node+1) }

// Endpoint implements Fleet.
func (p *Processes) Endpoint(node int) string {
	api, _ := p.net.addresses(node)
	return "http://" + api
}

// Peer implements Fleet.
func (p *Processes) Peer(node int) string {
	_, peer := p.net.addresses(node)
	return peer
}

// DataDir implements Fleet.
func (p *Processes) DataDir(node int) string { return p.disks.dir(node) }

func (p *Processes) logFile(node int) string {
	return filepath.Join(p.config.Dir, p.Name(node)+".log")
}

// StartWith implements Fleet.
func (p *Processes) StartWith(node int, program string, env ...string) error {
	if program == "" {
		program = p.config.Program
	}
	p.images[node] = image{program, env}
	return p.Start(node)
}

// Start implements Fleet.
func (p *Processes) Start(node int) error {
	if p.Running(node) {
		return fmt.Errorf("%s runs already", p.Name(node))
	}
	p.mu.Lock()
	wasCut := p.cut[node]
	delete(p.cut, node)
	p.mu.Unlock()
	if wasCut {
		if err := p.disks.revive(node); err != nil {
			return err
		}
	}
	api, peer := p.net.addresses(node)
	var join []string
	for i := range p.nodes {
		join = append(join, p.Peer(i))
	}
	args := []string{
		p.images[node].program, "serve", "--node-id", p.Name(node), "--data-dir", p.DataDir(node), "--insecure-listen",
		"--listen", api, "--peer-listen", peer, "--join", strings.Join(join, ","),
	}
	if node < p.config.Nodes {
		args = append(args, "--bootstrap-expect", fmt.Sprint(p.config.Nodes))
	}
	args = p.net.wrap(node, append(args, p.config.Args...))
	log, err := os.OpenFile(p.logFile(node), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, Started+" %s\n", time.Now().Format(time.RFC3339Nano))
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // the program that was asked for
	cmd.Env = append(os.Environ(), p.images[node].env...)
	cmd.Stdout, cmd.Stderr = log, log
	// A driver that is killed takes its nodes with it, and a ^C is the
	// driver's to handle.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	err = startLocked(cmd)
	if closed := log.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name(node), err)
	}
	started := &process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how it ended is in ProcessState
		close(started.exited)
	}()
	p.mu.Lock()
	p.nodes[node] = started
	p.mu.Unlock()
	return nil
}

func (p *Processes) at(node int) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.nodes[node]
}

// Running implements Fleet.
func (p *Processes) Running(node int) bool {
	at := p.at(node)
	if at == nil {
		return false
	}
	select {
	case <-at.exited:
		return false
	default:
		return true
	}
}

// Exited implements Fleet.
func (p *Processes) Exited(node int) <-chan struct{} {
	if at := p.at(node); at != nil {
		return at.exited
	}
	closed := make(chan struct{})
	close(closed)
	return closed
}

// LastWords implements Fleet.
func (p *Processes) LastWords(node int) string {
	f, err := os.Open(p.logFile(node))
	if err != nil {
		return err.Error()
	}
	defer f.Close() //nolint:errcheck // it was only read
	if size, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, size-lastWordsBytes), io.SeekStart)
	}
	b, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (p *Processes) signal(node int, s syscall.Signal) error {
	if !p.Running(node) {
		return fmt.Errorf("%s does not run", p.Name(node))
	}
	return p.at(node).cmd.Process.Signal(s)
}

// Kill implements Fleet.
func (p *Processes) Kill(nodes ...int) error {
	var failed error
	for _, node := range nodes {
		if err := p.signal(node, syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) && p.Running(node) {
			failed = errors.Join(failed, err)
		}
	}
	for _, node := range nodes {
		select {
		case <-p.Exited(node):
		case <-time.After(stopWait):
			failed = errors.Join(failed, fmt.Errorf("%s is still there %v after SIGKILL", p.Name(node), stopWait))
		}
	}
	return failed
}

// Stop implements Fleet.
func (p *Processes) Stop(ctx context.Context, node int) error {
	if err := p.signal(node, syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Exited(node):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not stop: %w", p.Name(node), ctx.Err())
	}
}

// Pause implements Fleet.
func (p *Processes) Pause(node int) error { return p.signal(node, syscall.SIGSTOP) }

// Resume implements Fleet.
func (p *Processes) Resume(node int) error { return p.signal(node, syscall.SIGCONT) }

// Wipe implements Fleet.
func (p *Processes) Wipe(node int) error {
	if p.Running(node) {
		return fmt.Errorf("%s runs", p.Name(node))
	}
	return os.RemoveAll(p.DataDir(node))
}

// Cut implements Fleet.
func (p *Processes) Cut(from, to int) error {
	p.drops[[2]int{from, to}] = true
	return p.net.rules(p.drops, p.loss)
}

// Lose implements Fleet.
func (p *Processes) Lose(node, percent int) error {
	p.loss[node] = percent
	return p.net.rules(p.drops, p.loss)
}

// Shape implements Fleet.
func (p *Processes) Shape(w Wire) error {
	if err := w.check(len(p.nodes)); err != nil {
		return err
	}
	return p.net.shape(w)
}

// Traffic implements Fleet.
func (p *Processes) Traffic() Traffic { return p.net.traffic() }

// Join implements Fleet.
func (p *Processes) Join() error {
	clear(p.drops)
	clear(p.loss)
	return errors.Join(p.net.rules(p.drops, p.loss), p.net.shape(Wire{}))
}

// PowerCut implements Fleet.
func (p *Processes) PowerCut(nodes ...int) error {
	for _, node := range nodes {
		if err := p.disks.powerCut(node); err != nil {
			return err
		}
		p.mu.Lock()
		p.cut[node] = true
		p.mu.Unlock()
	}
	// One that noticed may have stopped by itself.
	return p.Kill(slices.DeleteFunc(slices.Clone(nodes), func(n int) bool { return !p.Running(n) })...)
}

// Fill implements Fleet.
func (p *Processes) Fill(node int) error { return p.disks.fill(node) }

// Free implements Fleet.
func (p *Processes) Free(node int) error { return p.disks.free(node) }

// Hang implements Fleet.
func (p *Processes) Hang(node int) error { return p.disks.hang(node) }

// GoOn implements Fleet.
func (p *Processes) GoOn(node int) error { return p.disks.goOn(node) }

// ReadOnly implements Fleet.
func (p *Processes) ReadOnly(node int) error { return p.disks.readOnly(node) }

// Repair implements Fleet.
func (p *Processes) Repair(node int) error {
	if p.Running(node) {
		return fmt.Errorf("%s runs", p.Name(node))
	}
	return p.disks.repair(node)
}

// FailSyncs implements Fleet.
func (p *Processes) FailSyncs(node int) error {
	if err := p.Can(Trace); err != nil {
		return err
	}
	if !p.Running(node) {
		return fmt.Errorf("%s does not run", p.Name(node))
	}
	tracer, err := failSyncs(p.at(node).cmd.Process.Pid)
	if err != nil {
		return err
	}
	p.tracers[node] = tracer
	return nil
}

// Sync implements Fleet.
func (p *Processes) Sync(node int) error {
	tracer := p.tracers[node]
	if tracer == nil {
		return nil
	}
	delete(p.tracers, node)
	return stopTracing(tracer)
}

// Close implements Fleet.
func (p *Processes) Close() error {
	var running []int
	var failed error
	for i := range p.nodes {
		failed = errors.Join(failed, p.Sync(i), p.GoOn(i))
		if p.Running(i) {
			running = append(running, i)
		}
	}
	return errors.Join(failed, p.Kill(running...), p.disks.close(), p.net.close())
}
