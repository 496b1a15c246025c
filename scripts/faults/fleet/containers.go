package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Containers is a Fleet of containers of the project's docker-compose.yml, with
// their data below the fleet's directory.
type Containers struct {
	config  Config
	project composeProject
	net     *containerNet

	drops map[[2]int]bool
	loss  map[int]int

	ending context.Context // ends the waits for containers
	end    context.CancelFunc
	waits  sync.WaitGroup

	mu    sync.Mutex      // for what other goroutines may ask
	ended []chan struct{} // closed where nothing runs
	pids  []int           // of what runs; 0 where nothing does
}

// openContainers makes the containers of nodes that do not run yet.
func openContainers(c Config) (*Containers, error) {
	if c.Disks {
		return nil, &Unable{Disk, ContainersShareDisk}
	}
	name := uniqueName()
	nodes := c.Nodes + c.Spare
	ports, err := freePorts(nodes)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // nobody else makes namespaces, and of networks the engine makes no two alike
		unlock, err := lockNets()
		if err != nil {
			return nil, err
		}
		defer unlock()
	}
	addresses, err := freeNet(name)
	if err != nil {
		return nil, err
	}
	f := &Containers{
		config: c, drops: map[[2]int]bool{}, loss: map[int]int{}, ended: make([]chan struct{}, nodes), pids: make([]int, nodes),
	}
	f.net = &containerNet{net: addresses, ports: ports, pid: f.pid}
	f.ending, f.end = context.WithCancel(context.Background())
	f.project = composeProject{
		config: c, name: name, net: f.net, images: slices.Repeat([]image{{program: c.Program}}, nodes), dataDir: f.DataDir,
	}
	for i := range nodes {
		f.ended[i] = make(chan struct{})
		close(f.ended[i])
		if err := f.makeDataDir(i); err != nil {
			return nil, err
		}
	}
	if err := f.project.create(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// makeDataDir makes an empty directory that the program in the image may use.
func (f *Containers) makeDataDir(node int) error {
	if err := os.MkdirAll(f.DataDir(node), 0o700); err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return nil // the containers run as the driver's user
	}
	return os.Chown(f.DataDir(node), imageUser, imageUser)
}

// Len implements Fleet.
func (f *Containers) Len() int { return len(f.ended) }

// Name implements Fleet.
func (f *Containers) Name(node int) string { return fmt.Sprintf("n%d", node+1) }

// Endpoint implements Fleet.
func (f *Containers) Endpoint(node int) string {
	api, _ := f.net.addresses(node)
	return "http://" + api
}

// Peer implements Fleet.
func (f *Containers) Peer(node int) string {
	_, peer := f.net.addresses(node)
	return peer
}

// DataDir implements Fleet.
func (f *Containers) DataDir(node int) string {
	return filepath.Join(f.config.Dir, f.Name(node), "data")
}

// StartWith implements Fleet. The container is made anew where that differs
// from what it was made from.
func (f *Containers) StartWith(node int, program string, env ...string) error {
	if program == "" {
		program = f.config.Program
	}
	if f.Running(node) {
		return fmt.Errorf("%s runs already", f.Name(node))
	}
	if was := f.project.images[node]; was.program != program || !slices.Equal(was.env, env) {
		if err := f.keepLog(node); err != nil {
			return err
		}
		f.project.images[node] = image{program, env}
		if err := f.project.create(f.Name(node)); err != nil {
			return err
		}
	}
	return f.Start(node)
}

// Start implements Fleet. What is cut is cut again as soon as the container has
// its network; for that moment it is not.
func (f *Containers) Start(node int) error {
	if f.Running(node) {
		return fmt.Errorf("%s runs already", f.Name(node))
	}
	id := f.project.containers[node]
	if _, err := docker("start", id); err != nil {
		return err
	}
	ended := make(chan struct{})
	f.waits.Go(func() {
		awaitEnd(f.ending, id)
		close(ended)
	})
	pid, err := pidOf(id)
	f.mu.Lock()
	f.ended[node], f.pids[node] = ended, pid
	f.mu.Unlock()
	if err != nil || len(f.drops)+len(f.loss) == 0 {
		return err
	}
	return f.net.rules(f.drops, f.loss)
}

// Running implements Fleet.
func (f *Containers) Running(node int) bool {
	select {
	case <-f.Exited(node):
		return false
	default:
		return true
	}
}

// Exited implements Fleet.
func (f *Containers) Exited(node int) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended[node]
}

// pid is the process id of a node, as the machine counts; 0 where none runs,
// since another process may have it then.
func (f *Containers) pid(node int) int {
	if !f.Running(node) {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pids[node]
}

// LastWords implements Fleet.
func (f *Containers) LastWords(node int) string {
	said, err := docker("logs", "--tail", "100", f.project.containers[node])
	if err != nil {
		return err.Error()
	}
	return said[max(0, len(said)-lastWordsBytes):]
}

// keepLog adds what a container has written to the node's log.
func (f *Containers) keepLog(node int) error {
	said, err := docker("logs", "--timestamps", f.project.containers[node])
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(f.config.Dir, f.Name(node)+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = log.WriteString(said)
	return errors.Join(err, log.Close())
}

// signal sends a signal to the node's container.
func (f *Containers) signal(node int, name string) error {
	if !f.Running(node) {
		return fmt.Errorf("%s does not run", f.Name(node))
	}
	_, err := docker("kill", "--signal", name, f.project.containers[node])
	return err
}

// Kill implements Fleet. The engine is asked for all at once, so that no
// container outlives another for long.
func (f *Containers) Kill(nodes ...int) error {
	failed := make([]error, len(nodes))
	var wait sync.WaitGroup
	for i, node := range nodes {
		wait.Go(func() {
			err := f.signal(node, "KILL")
			select {
			case <-f.Exited(node):
			case <-time.After(stopWait):
				failed[i] = errors.Join(err, fmt.Errorf("%s is still there %v after SIGKILL", f.Name(node), stopWait))
			}
		})
	}
	wait.Wait()
	return errors.Join(failed...)
}

// Stop implements Fleet.
func (f *Containers) Stop(ctx context.Context, node int) error {
	if err := f.signal(node, "TERM"); err != nil {
		return err
	}
	select {
	case <-f.Exited(node):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s does not stop: %w", f.Name(node), ctx.Err())
	}
}

// Pause implements Fleet, by the freezer: no process in the container is told.
func (f *Containers) Pause(node int) error {
	_, err := docker("pause", f.project.containers[node])
	return err
}

// Resume implements Fleet.
func (f *Containers) Resume(node int) error {
	_, err := docker("unpause", f.project.containers[node])
	return err
}

// Wipe implements Fleet.
func (f *Containers) Wipe(node int) error {
	if f.Running(node) {
		return fmt.Errorf("%s runs", f.Name(node))
	}
	if err := os.RemoveAll(f.DataDir(node)); err != nil {
		return err
	}
	return f.makeDataDir(node)
}

// Cut implements Fleet.
func (f *Containers) Cut(from, to int) error {
	f.drops[[2]int{from, to}] = true
	return f.net.rules(f.drops, f.loss)
}

// Lose implements Fleet.
func (f *Containers) Lose(node, percent int) error {
	f.loss[node] = percent
	return f.net.rules(f.drops, f.loss)
}

// Join implements Fleet.
func (f *Containers) Join() error {
	clear(f.drops)
	clear(f.loss)
	return f.net.rules(f.drops, f.loss)
}

// Close implements Fleet.
func (f *Containers) Close() error {
	var failed error
	for i := range f.project.containers {
		if f.Running(i) {
			failed = errors.Join(failed, f.Kill(i))
		}
		failed = errors.Join(failed, f.keepLog(i))
	}
	failed = errors.Join(failed, sweepContainers(func(name string) bool { return name == f.project.name }))
	f.end()
	f.waits.Wait()
	return failed
}
