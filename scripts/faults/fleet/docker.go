package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// commandWait bounds what the Docker engine may take for one command.
const commandWait = 60 * time.Second

// ContainersUnable says why there can be no containers here; empty if there can.
func ContainersUnable() string {
	if _, err := exec.LookPath("docker"); err != nil {
		return "containers need the program docker"
	}
	if _, err := docker("info", "--format", "{{.ID}}"); err != nil {
		return fmt.Sprintf("containers need a Docker engine: %v", err)
	}
	if composeProgram() == nil {
		return "containers need docker compose or docker-compose"
	}
	return ""
}

// ContainersNetworkUnable says why containers can't be cut off from each other
// here; empty if they can.
func ContainersNetworkUnable() string {
	if os.Geteuid() != 0 {
		return "packet filters in the containers' network namespaces need root"
	}
	for _, program := range []string{"nft", "nsenter"} {
		if _, err := exec.LookPath(program); err != nil {
			return "packet filters in the containers' network namespaces need the program " + program
		}
	}
	return ""
}

// composeProgram is the plugin where there is one; nil without any.
func composeProgram() []string {
	if _, err := docker("compose", "version"); err == nil {
		return []string{"docker", "compose"}
	}
	if path, err := exec.LookPath("docker-compose"); err == nil {
		return []string{path}
	}
	return nil
}

// compose runs a command of compose, with more variables than the driver's.
func compose(env []string, args ...string) (string, error) {
	program := composeProgram()
	if program == nil {
		return "", errors.New("there is neither docker compose nor docker-compose any more")
	}
	return bounded(env, append(program, args...)...)
}

// docker runs a command of Docker and returns all that it wrote.
func docker(args ...string) (string, error) {
	return bounded(nil, append([]string{"docker"}, args...)...)
}

// bounded runs a command in a process group of its own, so that a ^C is the
// driver's to handle.
func bounded(env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), commandWait)
	defer cancel()
	out, err := command(ctx, env, args...)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = fmt.Errorf("not done in %v", commandWait)
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(out))
	}
	return out, nil
}

func command(ctx context.Context, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // commands of this package
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = append(os.Environ(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second // for what the command has started
	err := cmd.Run()
	return out.String(), err
}

// awaitEnd returns when a container has ended, or the context has. A command that
// fails is tried again: the engine says that a container is gone by an answer.
func awaitEnd(ctx context.Context, id string) {
	for ctx.Err() == nil {
		if _, err := command(ctx, nil, "docker", "wait", id); err == nil {
			return
		}
		if pid, err := pidOf(id); err == nil && pid == 0 {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second): // between two tries
		}
	}
}

// pidOf is the process id of what runs in a container; 0 where nothing does.
func pidOf(id string) (int, error) {
	out, err := docker("inspect", "--format", "{{.State.Pid}}", id)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(out))
}

// containerNet is the network of a compose project, and the ports of loopback
// that the containers publish their APIs on.
type containerNet struct {
	net   string // first three numbers of the addresses
	ports []int
	pid   func(node int) int // of what runs in the container; 0 where nothing does
}

func (n *containerNet) host(node int) string { return hostOf(n.net, node) }

func (n *containerNet) can() error {
	if unable := ContainersNetworkUnable(); unable != "" {
		return &Unable{Network, unable}
	}
	return nil
}

func (n *containerNet) addresses(node int) (api, peer string) {
	return fmt.Sprintf("127.0.0.1:%d", n.ports[node]), fmt.Sprintf("%s:%d", n.host(node), peerPort)
}

// rules writes the table of each node that runs. A container loses its network,
// and the table with it, when it ends.
func (n *containerNet) rules(drops map[[2]int]bool, loss map[int]int) error {
	if err := n.can(); err != nil {
		return err
	}
	for to := range n.ports {
		pid := n.pid(to)
		if pid == 0 {
			continue
		}
		space := fmt.Sprintf("/proc/%d/ns/net", pid)
		err := run(dropTable(n.net, len(n.ports), to, drops, loss), "nsenter", "--net="+space, "nft", "-f", "-")
		if _, gone := os.Stat(space); err != nil && gone == nil {
			return err
		}
	}
	return nil
}

// SweepContainers removes what drivers that are no more have left of containers.
func SweepContainers() error { return sweepContainers(abandoned) }

// sweepContainers removes all that belongs to the projects that are chosen:
// containers, networks, volumes, images.
func sweepContainers(choose func(project string) bool) error {
	var failed error
	for _, kind := range []struct{ list, remove []string }{
		{[]string{"ps", "--all", "--format", "{{.ID}} {{.Label \"" + projectLabel + "\"}}"}, []string{"rm", "--force", "--volumes"}},
		{[]string{"network", "ls", "--format", "{{.ID}} {{.Label \"" + projectLabel + "\"}}"}, []string{"network", "rm"}},
		{[]string{"volume", "ls", "--format", "{{.Name}} {{.Label \"" + projectLabel + "\"}}"}, []string{"volume", "rm"}},
		{[]string{"images", "--format", "{{.Repository}}:{{.Tag}} {{.Repository}}"}, []string{"rmi"}},
	} {
		out, err := docker(kind.list...)
		failed = errors.Join(failed, err)
		for line := range strings.Lines(out) {
			if words := strings.Fields(line); len(words) == 2 && choose(words[1]) {
				_, err := docker(append(kind.remove, words[0])...)
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}
