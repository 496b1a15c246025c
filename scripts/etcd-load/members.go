package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// membersWanted is how many members etcd has, as many as treenode has nodes.
const membersWanted = 3

// Bounds of starting and stopping etcd.
const (
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	pollInterval = 50 * time.Millisecond
	logTailMax   = 600 // bytes of a member's log that an error has
)

// members are the processes of one etcd.
type members struct {
	endpoints []string
	commands  []*exec.Cmd
	logs      []string
	ended     chan string // the name of each that has
}

// startMembers starts etcd on free ports of loopback. What of it runs must be
// stopped, also after an error.
func startMembers(program, dir string) (*members, error) {
	m := &members{ended: make(chan string, membersWanted)}
	ports, err := freePorts(2 * membersWanted)
	if err != nil {
		return m, err
	}
	var cluster []string
	for i := range membersWanted {
		cluster = append(cluster, fmt.Sprintf("m%d=http://127.0.0.1:%d", i, ports[membersWanted+i]))
	}
	for i := range membersWanted {
		name := fmt.Sprintf("m%d", i)
		client, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[i]), fmt.Sprintf("http://127.0.0.1:%d", ports[membersWanted+i])
		logName := filepath.Join(dir, name+".log")
		log, err := os.Create(logName)
		if err != nil {
			return m, err
		}
		//nolint:gosec // the program that was asked for
		cmd := exec.Command(program, "--name", name, "--data-dir", filepath.Join(dir, name),
			"--listen-client-urls", client, "--advertise-client-urls", client,
			"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-state", "new",
			"--logger", "zap", "--log-level", "warn")
		cmd.Env = withoutSettings(os.Environ())
		cmd.Stdout, cmd.Stderr = log, log
		err = errors.Join(cmd.Start(), log.Close())
		if cmd.Process == nil {
			return m, err
		}
		m.endpoints = append(m.endpoints, client)
		m.commands = append(m.commands, cmd)
		m.logs = append(m.logs, logName)
		go func() {
			_ = cmd.Wait() // its state is in cmd
			m.ended <- name
		}()
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// withoutSettings leaves out what etcd would take for flags: its defaults are
// measured. Debian's port to some processors needs the one that stays.
func withoutSettings(environ []string) []string {
	var left []string
	for _, v := range environ {
		if !strings.HasPrefix(v, "ETCD_") || strings.HasPrefix(v, "ETCD_UNSUPPORTED_ARCH=") {
			left = append(left, v)
		}
	}
	return left
}

// freePorts finds ports that nobody listened on a moment ago.
func freePorts(n int) (ports []int, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port) //nolint:errcheck // a TCP listener's address
	}
	return ports, nil
}

// wait calls ready until it is, or a member has ended.
func (m *members) wait(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case name := <-m.ended:
			m.ended <- name // stop counts it
			return fmt.Errorf("member %s has ended: %s", name, m.logTail(name))
		case <-ctx.Done():
			return fmt.Errorf("not ready in %v: %w", startTimeout, err)
		case <-poll.C:
		}
	}
}

// logTail is the end of a member's log.
func (m *members) logTail(name string) string {
	for _, path := range m.logs {
		if filepath.Base(path) != name+".log" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err.Error()
		}
		return strings.TrimSpace(string(b[max(0, len(b)-logTailMax):]))
	}
	return "no log"
}

// stop ends all members and waits until they have.
func (m *members) stop() error {
	for _, cmd := range m.commands {
		_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended is no error
	}
	late := time.After(stopTimeout)
	for left := len(m.commands); left > 0; {
		select {
		case <-m.ended:
			left--
		case <-late:
			for _, cmd := range m.commands {
				_ = cmd.Process.Kill()
			}
			late = nil
		}
	}
	if late == nil {
		return fmt.Errorf("etcd had to be killed: it did not end in %v", stopTimeout)
	}
	return nil
}
