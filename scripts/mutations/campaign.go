package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// campaign runs scripts/faults.
type campaign struct {
	options
	root string
	dir  string // of the programs
	// harness and plain are the campaign's program and the one without
	// a mutation, built when the first campaign needs them.
	harness, plain string
}

// Exit codes of the campaign.
const (
	campaignFailed = 1
	campaignUnable = 4
)

// harnessPatience is how long the campaign may take to end its nodes when it is
// interrupted.
const harnessPatience = 15 * time.Second

// seen is what a campaign noticed.
type seen struct {
	Seed    uint64
	Finding string
}

// build builds what all mutations share, once.
func (c *campaign) build(ctx context.Context) error {
	if c.harness != "" {
		return nil
	}
	harness, plain := filepath.Join(c.dir, "faults"), filepath.Join(c.dir, "plain")
	if _, err := goCommand(ctx, filepath.Join(c.root, "scripts", "faults"), "build", "-o", harness, "."); err != nil {
		return err
	}
	if _, err := goCommand(ctx, c.root, "build", "-o", plain, "./cmd/treenode"); err != nil {
		return err
	}
	c.harness, c.plain = harness, plain
	return nil
}

// catch runs the campaign with the mutated program, one fault after the other,
// until it notices something that it does not with the program as it is.
func (c *campaign) catch(ctx context.Context, m mutation, overlay string) (how string, seed uint64, tried []string, err error) {
	if err := c.build(ctx); err != nil {
		return "", 0, nil, err
	}
	binary := filepath.Join(c.dir, "mutated")
	if _, err := goCommand(ctx, c.root, "build", "-overlay", overlay, "-o", binary, "./cmd/treenode"); err != nil {
		return "", 0, nil, fmt.Errorf("the mutated program does not compile: %w", err)
	}
	for _, fault := range m.faults {
		for i := range uint64(c.runs) { //nolint:gosec // not negative
			found, unable, err := c.run(ctx, binary, fault, c.seed+i)
			switch {
			case err != nil:
				return "", 0, tried, err
			case found == nil && unable != "":
				tried = append(tried, fmt.Sprintf("campaign, %s: can't be run: %s", fault, unable))
			case found == nil:
				tried = append(tried, fmt.Sprintf("campaign, %s, seed %d: noticed nothing", fault, c.seed+i))
			default:
				control, unable, err := c.run(ctx, c.plain, fault, found.Seed)
				if err != nil {
					return "", 0, tried, err
				}
				if control == nil && unable == "" {
					return fault + ": " + found.Finding, found.Seed, tried, nil
				}
				tried = append(tried, fmt.Sprintf("campaign, %s, seed %d: does not count, for without the mutation: %s", fault, found.Seed, reason(control, unable)))
			}
			if unable != "" && found == nil {
				break
			}
		}
	}
	return "", 0, tried, nil
}

func reason(s *seen, unable string) string {
	if s != nil {
		return s.Finding
	}
	return unable
}

// run makes one run of the campaign. It returns what was noticed, or why the
// run could not be made.
func (c *campaign) run(ctx context.Context, program, fault string, seed uint64) (*seen, string, error) {
	out, err := os.MkdirTemp(c.dir, "campaign-*")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(out) //nolint:errcheck // in the temporary directory
	//nolint:gosec // built above
	h := exec.CommandContext(ctx, c.harness, "-treenode", program, "-runs", "1", "-seed", strconv.FormatUint(seed, 10),
		"-nodes", strconv.Itoa(c.nodes), "-faults", fault, "-duration", c.duration.String(), "-out", out, "-o", "json")
	h.Dir = filepath.Join(c.root, "scripts", "faults")
	// It has nodes to end.
	h.Cancel, h.WaitDelay = func() error { return h.Process.Signal(syscall.SIGTERM) }, harnessPatience
	var complaint strings.Builder
	h.Stderr = &complaint
	report, err := h.Output()
	if ctx.Err() != nil {
		return nil, "", ctx.Err()
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return nil, "", err
	}
	switch h.ProcessState.ExitCode() {
	case campaignFailed:
		var r struct {
			Findings []struct{ Rule, Text string } `json:"findings"`
		}
		if err := json.Unmarshal(report, &r); err != nil || len(r.Findings) == 0 {
			return nil, "", fmt.Errorf("the campaign's report can't be read: %w", errors.Join(err, errNoFinding))
		}
		text, _, _ := strings.Cut(r.Findings[0].Text, "\n")
		return &seen{seed, r.Findings[0].Rule + ": " + strings.TrimSuffix(text, ":")}, "", nil
	case campaignUnable:
		return nil, lastLine(complaint.String()), nil
	}
	return nil, "", nil
}

var errNoFinding = errors.New("it has no finding")

// lastLine is the last line that does not tell how to repeat the run.
func lastLine(text string) string {
	last := ""
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, " ") {
			last = strings.TrimSpace(line)
		}
	}
	return last
}
