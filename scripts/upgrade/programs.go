package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// kept is where scripts/fault-campaign keeps programs of earlier commits too.
const kept = "dist/faults"

// programs returns the paths of the previous and of the present program. Both are
// built where they are not there.
func programs(ctx context.Context, o options) (previous, present string, err error) {
	present, err = filepath.Abs(filepath.Join(o.dir, "treenode"))
	if err != nil {
		return "", "", err
	}
	if err := build(ctx, ".", present); err != nil {
		return "", "", err
	}
	if info, err := os.Stat(o.previous); err == nil && info.Mode().IsRegular() {
		previous, err = filepath.Abs(o.previous)
		return previous, present, err
	}
	commit, err := command(ctx, "git", "rev-parse", "--verify", "--short", o.previous+"^{commit}")
	if err != nil {
		return "", "", err
	}
	if previous, err = filepath.Abs(filepath.Join(kept, "treenode-"+commit)); err != nil {
		return "", "", err
	}
	if _, err := os.Stat(previous); !errors.Is(err, fs.ErrNotExist) {
		return previous, present, err
	}
	sources := filepath.Join(o.dir, "previous")
	if err := errors.Join(os.MkdirAll(kept, 0o755), os.MkdirAll(sources, 0o700)); err != nil { //nolint:gosec // programs, for whoever runs the campaign
		return "", "", err
	}
	archive := filepath.Join(o.dir, "previous.tar")
	if _, err := command(ctx, "git", "archive", "-o", archive, commit); err != nil {
		return "", "", err
	}
	if _, err := command(ctx, "tar", "-xf", archive, "-C", sources); err != nil {
		return "", "", err
	}
	if err := build(ctx, sources, previous); err != nil {
		return "", "", err
	}
	return previous, present, errors.Join(os.RemoveAll(sources), os.Remove(archive))
}

// build makes the program of a source tree. Without the path of the tree in it,
// what was compiled for one tree serves for the next.
func build(ctx context.Context, tree, program string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", program, "./cmd/treenode") //nolint:gosec // paths of our own
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", tree, err, out)
	}
	return nil
}

func command(ctx context.Context, name string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // of our own
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), nil
}
