package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// A program that was built with the tag failpoints reads two files again and
// again: at which point it is to end itself, and how wrong its clock is. See
// packages cluster/failpoint and cluster/clock.
const (
	failpointFile = "failpoint"
	clockFile     = "clock"
)

// environment names a node's files to it.
func (r *run) environment(node int) []string {
	return []string{
		"TREENODE_FAILPOINT_FILE=" + r.instruction(node, failpointFile),
		"TREENODE_CLOCK_FILE=" + r.instruction(node, clockFile),
	}
}

func (r *run) instruction(node int, kind string) string {
	return filepath.Join(r.dir, r.fleet.Name(node)+"."+kind)
}

// instruct changes one of a node's files, all at once.
func (r *run) instruct(node int, kind, text string) error {
	path := r.instruction(node, kind)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// build builds the program from the sources in a directory, as it is shipped:
// without a need for libraries.
func build(ctx context.Context, sources, path, tags string, errs io.Writer) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", tags, "-o", path, "./cmd/treenode") //nolint:gosec // fixed but for the directory
	cmd.Dir, cmd.Stderr = sources, errs
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build treenode: %w", err)
	}
	return nil
}

// buildMissing builds the programs that are needed and were not given, in a
// directory, and notes where they are.
func (o *options) buildMissing(ctx context.Context, dir string, errs io.Writer) error {
	if o.treenode == "" {
		o.treenode = filepath.Join(dir, "treenode")
		if err := build(ctx, o.repository, o.treenode, "", errs); err != nil {
			return err
		}
	}
	inside := len(o.faults) == 0
	for _, name := range o.faults {
		inside = inside || faultNamed(name).inside
	}
	if o.failpoints != "" || !inside || o.list {
		return nil
	}
	o.failpoints = filepath.Join(dir, "treenode-failpoints")
	return build(ctx, o.repository, o.failpoints, "failpoints", errs)
}
