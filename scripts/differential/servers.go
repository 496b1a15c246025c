package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/placement"
	"github.com/treenode/treenode/transport/placement/placementtest"
	"github.com/treenode/treenode/transport/policy"
)

const (
	startPatience = time.Minute
	stopPatience  = 20 * time.Second
	// historiesPerOracle bounds what a reference holds: it gets slow with all
	// that was there before.
	historiesPerOracle = 120
	missingPackages    = 3 // exit code, the script's as well as ours
)

// oracle is a reference service that this program started.
type oracle struct {
	script, url string
	histories   int
	process     *exec.Cmd
}

func (o *oracle) start(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	o.url, o.histories = "http://127.0.0.1:"+port, 0
	o.process = exec.Command(o.script, port) //nolint:gosec // the caller's own program
	o.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	log, err := os.CreateTemp("", "placement-oracle-*.log")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	defer func() { _ = os.Remove(log.Name()) }()
	o.process.Stdout, o.process.Stderr = log, log
	if err := o.process.Start(); err != nil {
		return fmt.Errorf("the reference does not start: %w", err)
	}
	exited := make(chan struct{})
	go func() { defer close(exited); _ = o.process.Wait() }() // the state tells
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if answers(ctx, o.url) {
			return nil
		}
		select {
		case <-exited:
			text, _ := os.ReadFile(log.Name())
			err := fmt.Errorf("the reference ended: %s%s", o.process.ProcessState, tail(text))
			if o.process.ProcessState.ExitCode() == missingPackages {
				return coded{err, missingPackages}
			}
			return err
		case <-ctx.Done():
			o.stop()
			return fmt.Errorf("the reference does not answer: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func tail(text []byte) string {
	const most = 1000
	return "\n" + string(text[max(0, len(text)-most):])
}

func answers(ctx context.Context, url string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/", nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// stop ends the service; its script removes what it left.
func (o *oracle) stop() {
	_ = o.process.Process.Signal(syscall.SIGTERM)
	deadline := time.Now().Add(stopPatience)
	for time.Now().Before(deadline) && o.process.Process.Signal(syscall.Signal(0)) == nil {
		time.Sleep(20 * time.Millisecond)
	}
	_ = o.process.Process.Kill()
}

// startOurs returns the URLs of this service, and how to end it.
func startOurs(ctx context.Context, o options) ([]string, func() error, error) {
	switch {
	case len(o.ours) > 0:
		return o.ours, func() error { return nil }, nil
	case o.cluster > 0:
		return startCluster(ctx, o.cluster)
	}
	handler, err := inProcess()
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(handler)
	return []string{server.URL}, func() error { server.Close(); return nil }, nil
}

// inProcess is this service on a store without Raft.
func inProcess() (http.Handler, error) {
	policy, err := policy.New(policy.Legacy, nil)
	if err != nil {
		return nil, err
	}
	return placement.New(placementtest.NewNode(), placement.Config{Policy: policy})
}

// startCluster builds the program and starts nodes of it.
func startCluster(ctx context.Context, nodes int) ([]string, func() error, error) {
	dir, err := os.MkdirTemp("", "differential-")
	if err != nil {
		return nil, nil, err
	}
	remove := func() error { return os.RemoveAll(dir) }
	binary := filepath.Join(dir, "treenode")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/treenode/treenode/cmd/treenode") //nolint:gosec // fixed words
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("go build: %w", err), remove())
	}
	cluster, err := local.New(local.Options{Binary: binary, Args: []string{"--policy-mode", string(policy.Legacy)}, Dir: dir, Nodes: nodes})
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	stop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
		defer cancel()
		return errors.Join(cluster.Stop(ctx), remove())
	}
	ready, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err = cluster.Start(); err == nil {
		err = cluster.WaitReady(ready)
	}
	if err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	var urls []string
	for _, endpoint := range cluster.Endpoints() {
		urls = append(urls, "http://"+endpoint)
	}
	return urls, stop, nil
}
