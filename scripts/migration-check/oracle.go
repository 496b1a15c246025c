package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"syscall"
	"time"
)

const (
	startPatience   = time.Minute
	missingPackages = 3 // exit code, the script's as well as ours
)

var errMissing = errors.New("the packages of the reference are not installed")

// oracle is the reference service.
type oracle struct {
	url     string
	process *exec.Cmd
	exited  chan struct{}
	output  bytes.Buffer // whole once exited is closed
}

// startOracle starts the reference, or fails with errMissing.
func startOracle(ctx context.Context, script string) (*oracle, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err = errors.Join(err, l.Close()); err != nil {
		return nil, err
	}
	o := &oracle{url: "http://127.0.0.1:" + port, exited: make(chan struct{})}
	o.process = exec.Command(script, port) //nolint:gosec // the repository's own program
	o.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	o.process.Stdout, o.process.Stderr = &o.output, &o.output
	if err := o.process.Start(); err != nil {
		return nil, err
	}
	go func() { defer close(o.exited); _ = o.process.Wait() }() // the state tells
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if _, err := o.request(ctx, http.MethodGet, "1.0", "/", nil); err == nil {
			return o, nil
		}
		select {
		case <-o.exited:
			if o.process.ProcessState.ExitCode() == missingPackages {
				return nil, errMissing
			}
			return nil, fmt.Errorf("the reference ended: %s\n%s", o.process.ProcessState, o.output.Bytes())
		case <-ctx.Done():
			o.stop()
			return nil, fmt.Errorf("the reference does not answer: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the service; its script removes what it left.
func (o *oracle) stop() {
	_ = o.process.Process.Signal(syscall.SIGTERM)
	select {
	case <-o.exited:
	case <-time.After(startPatience):
		_ = o.process.Process.Kill()
	}
}

// request makes a request, which has to succeed.
func (o *oracle) request(ctx context.Context, method, version, path string, body any) ([]byte, error) {
	var b []byte
	if body != nil {
		var err error
		if b, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, o.url+path, bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	r.Close = true // the service closes connections without a word
	r.Header.Set("X-Auth-Token", "admin")
	r.Header.Set("OpenStack-API-Version", "placement "+version)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read to its end
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return text, err
}
