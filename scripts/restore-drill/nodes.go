package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/transport/wire"
)

const size = 3

// drill is one cluster after the other, at the same addresses.
type drill struct {
	binary, dir string
	began       time.Time
	api, peer   [size]string
	nodes       [size]*exec.Cmd
	logs        [size]*os.File
}

func (d *drill) say(format string, args ...any) {
	fmt.Printf("%5.1f s  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// takePorts finds ports that nobody uses.
func (d *drill) takePorts() error {
	for _, at := range []*[size]string{&d.api, &d.peer} {
		for i := range at {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close() //nolint:errcheck // all are held until each is another one
			at[i] = l.Addr().String()
		}
	}
	return nil
}

func nodeID(i int) string { return fmt.Sprintf("n%d", i+1) }

func (d *drill) data(cluster string, i int) string {
	return filepath.Join(d.dir, cluster, nodeID(i))
}

// start starts a node with the command line that it has in every cluster.
func (d *drill) start(cluster string, i int) error {
	if err := os.MkdirAll(filepath.Join(d.dir, cluster), 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(d.dir, nodeID(i)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(d.binary, "serve", "--node-id", nodeID(i), "--data-dir", d.data(cluster, i), //nolint:gosec // what was built, or named
		"--listen", d.api[i], "--peer-listen", d.peer[i], "--bootstrap-expect", fmt.Sprint(size), "--join", strings.Join(d.peer[:], ","))
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return errors.Join(err, log.Close())
	}
	d.nodes[i], d.logs[i] = cmd, log
	return nil
}

// killAll ends all nodes as a power cut would.
func (d *drill) killAll() {
	for i, cmd := range d.nodes {
		if cmd == nil {
			continue
		}
		_ = cmd.Process.Kill() // it may have ended by itself
		_ = cmd.Wait()         // by the kill
		_ = d.logs[i].Close()
		d.nodes[i] = nil
	}
}

func (d *drill) showLogs() {
	for i := range size {
		b, err := os.ReadFile(filepath.Join(d.dir, nodeID(i)+".log"))
		if err != nil {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		fmt.Fprintf(os.Stderr, "--- the end of %s's log\n%s\n", nodeID(i), strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}

// command runs the program to its end.
func (d *drill) command(ctx context.Context, args ...string) (out, errs string, code int) {
	var o, e bytes.Buffer
	cmd := exec.CommandContext(ctx, d.binary, args...) //nolint:gosec // what was built, or named
	cmd.Stdout, cmd.Stderr = &o, &e
	cmd.Env = append(os.Environ(), "TREENODE_ENDPOINTS="+strings.Join(d.api[:], ","))
	err := cmd.Run()
	if ended := new(exec.ExitError); err != nil && !errors.As(err, &ended) {
		return o.String(), err.Error(), -1
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

// commandJSON runs the program, which must succeed, and reads what it prints.
func (d *drill) commandJSON(ctx context.Context, into any, args ...string) error {
	out, errs, code := d.command(ctx, append(args, "-o", "json")...)
	if code != 0 {
		return fmt.Errorf("treenode %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return json.Unmarshal([]byte(out), into)
}

// awaitVoters waits until all nodes are members with a vote that answer.
func (d *drill) awaitVoters(ctx context.Context, c *client.Client) error {
	for {
		members, err := c.Members(ctx)
		voters := 0
		for _, m := range members.Members {
			if m.Role == "voter" && m.Healthy {
				voters++
			}
		}
		if err == nil && voters == size {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d voters are there: %w", voters, size, errors.Join(err, ctx.Err()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// isConflict reports whether a change was refused for a generation.
func isConflict(err error) bool {
	var e *client.Error
	return errors.As(err, &e) && e.Code == wire.CodeConflict
}
