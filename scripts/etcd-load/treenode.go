package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// benchReport is what is read of "treenode bench"'s.
type benchReport struct {
	Machine json.RawMessage `json:"machine"`
	Results []struct {
		Rows []row `json:"rows"`
	} `json:"results"`

	fdatasyncMillis float64
}

// stopWait is how long "treenode bench" has to stop its nodes.
const stopWait = 60 * time.Second

// measureTreenode lets "treenode bench" start nodes, run the rows, and stop
// the nodes.
func measureTreenode(ctx context.Context, o options) (r benchReport, err error) {
	file := filepath.Join(o.Dir, "treenode.json")
	defer func() { _ = os.Remove(file) }()
	args := []string{"bench", "--nodes", fmt.Sprint(membersWanted), "--runs", "1", "--dir", o.Dir, "--save", file,
		"--duration", o.Duration.String(), "--warm-up", o.WarmUp.String(), "--keep"}
	for _, n := range o.Writers {
		args = append(args, "--clients", fmt.Sprint(n), "--row", fmt.Sprintf("claims@%d", n))
	}
	for _, n := range o.Readers {
		args = append(args, "--row", fmt.Sprintf("reads@%d", n))
	}
	if o.LeaderOnly {
		args = append(args, "--leader-only")
	}
	cmd := exec.CommandContext(ctx, o.treenode, args...) //nolint:gosec // the program that was asked for
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWait
	ran := cmd.Run()
	b, err := os.ReadFile(file)
	if err != nil {
		// It tells the rest on stderr.
		return r, fmt.Errorf("bench: %w", errors.Join(ran, err))
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("bench: %w", err)
	}
	var machine struct {
		FdatasyncMillis float64 `json:"fdatasync_millis"`
	}
	if err := json.Unmarshal(r.Machine, &machine); err != nil {
		return r, fmt.Errorf("bench: machine: %w", err)
	}
	r.fdatasyncMillis = machine.FdatasyncMillis
	if len(r.Results) != 1 || len(r.Results[0].Rows) != len(o.Writers)+len(o.Readers) {
		return r, fmt.Errorf("bench: rows are missing in its report: %w", errors.Join(ran, errRows))
	}
	return r, nil
}
