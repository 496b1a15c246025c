package main

import (
	"bytes"
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
	campaignFailed    = 1
	campaignUndecided = 3
)

// failpoints is the tag that all programs are built with: faults inside of the
// program need it, and to others it makes no difference.
const failpoints = "failpoints"

// harnessPatience is how long the campaign may take to end its nodes when it is
// interrupted.
const harnessPatience = 15 * time.Second

// outcome is what came of one run of the campaign.
type outcome struct {
	// passed and failed are neither set where the run says nothing: text then
	// has why. For one that failed it has the finding.
	passed, failed bool
	text           string
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
	if _, err := goCommand(ctx, c.root, "build", "-tags", failpoints, "-o", plain, "./cmd/treenode"); err != nil {
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
	if _, err := goCommand(ctx, c.root, "build", "-tags", failpoints, "-overlay", overlay, "-o", binary, "./cmd/treenode"); err != nil {
		return "", 0, nil, fmt.Errorf("the mutated program does not compile: %w", err)
	}
	for _, fault := range m.faults {
		for i := range uint64(c.runs) { //nolint:gosec // not negative
			seed := c.seed + i
			with, err := c.run(ctx, binary, fault, seed)
			if err != nil {
				return "", 0, tried, err
			}
			what := fmt.Sprintf("campaign, %s, seed %d: ", fault, seed)
			switch {
			case with.passed:
				tried = append(tried, what+"noticed nothing")
				continue
			case !with.failed:
				tried = append(tried, what+"says nothing: "+with.text)
				continue
			}
			without, err := c.run(ctx, c.plain, fault, seed)
			if err != nil {
				return "", 0, tried, err
			}
			if without.passed {
				return fault + ": " + with.text, seed, tried, nil
			}
			tried = append(tried, fmt.Sprintf("%sdoes not count (%s), for without the mutation it did not pass: %s", what, with.text, without.text))
		}
	}
	return "", 0, tried, nil
}

// run makes one run of the campaign.
func (c *campaign) run(ctx context.Context, program, fault string, seed uint64) (outcome, error) {
	out, err := os.MkdirTemp(c.dir, "campaign-*")
	if err != nil {
		return outcome{}, err
	}
	defer os.RemoveAll(out) //nolint:errcheck // in the temporary directory
	//nolint:gosec // built above
	h := exec.CommandContext(ctx, c.harness, "-treenode", program, "-treenode-failpoints", program, "-runs", "1", "-seed", strconv.FormatUint(seed, 10),
		"-nodes", strconv.Itoa(c.nodes), "-faults", fault, "-duration", c.duration.String(), "-out", out, "-o", "json")
	h.Dir = filepath.Join(c.root, "scripts", "faults")
	// It has nodes to end.
	h.Cancel, h.WaitDelay = func() error { return h.Process.Signal(syscall.SIGTERM) }, harnessPatience
	var complaint strings.Builder
	h.Stderr = &complaint
	report, err := h.Output()
	if ctx.Err() != nil {
		return outcome{}, ctx.Err()
	}
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return outcome{}, err
	}
	switch h.ProcessState.ExitCode() {
	case 0:
		return outcome{passed: true}, nil
	case campaignFailed:
		// The run comes first, then what all runs came to.
		var r struct {
			Findings []struct{ Rule, Text string } `json:"findings"`
		}
		if err := json.NewDecoder(bytes.NewReader(report)).Decode(&r); err != nil || len(r.Findings) == 0 {
			return outcome{}, fmt.Errorf("the campaign's report can't be read: %w", errors.Join(err, errNoFinding))
		}
		text, _, _ := strings.Cut(r.Findings[0].Text, "\n")
		return outcome{failed: true, text: r.Findings[0].Rule + ": " + strings.TrimSuffix(text, ":")}, nil
	case campaignUndecided:
		return outcome{text: "the run was invalid or undecided"}, nil
	}
	return outcome{text: lastLine(complaint.String())}, nil
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
