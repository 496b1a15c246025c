package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// testTimeout bounds a test of a mutated program, which may hang.
const testTimeout = 100 * time.Second

// catch runs the test with the mutation. It returns how the test failed, or ""
// where it passed.
func (t target) catch(ctx context.Context, root, overlay, dir string) (string, error) {
	// As the program is, the test has to pass: the go command remembers that.
	if _, err := goCommand(ctx, root, "test", "-run", t.pattern(), t.dir); err != nil {
		return "", fmt.Errorf("%s fails without the mutation, too: %w", t, err)
	}
	binary := filepath.Join(dir, "mutated.test")
	if _, err := goCommand(ctx, root, "test", "-overlay", overlay, "-c", "-o", binary, t.dir); err != nil {
		return "", fmt.Errorf("the mutated program does not compile: %w", err)
	}
	c := exec.CommandContext(ctx, binary, "-test.run", t.pattern(), "-test.v", "-test.timeout", testTimeout.String()) //nolint:gosec // built above
	c.Dir = filepath.Join(root, filepath.FromSlash(t.dir))
	out, err := c.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if !strings.Contains(string(out), "=== RUN   "+t.name+"\n") {
		return "", fmt.Errorf("there is no test %s", t)
	}
	var ended *exec.ExitError
	switch {
	case err == nil:
		return "", nil
	case !errors.As(err, &ended):
		return "", err
	}
	return failure(string(out)), nil
}

func (t target) pattern() string { return "^" + t.name + "$" }

// seedAlone matches a line that ends with a seed.
var seedAlone = regexp.MustCompile(`seed[ =]\d+$`)

// failure is the first line of a failed test's output that says what is wrong;
// lines with the seed alone only tell how to repeat it.
func failure(out string) string {
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "panic: ") || strings.Contains(line, "_test.go:") && !seedAlone.MatchString(line) {
			return line
		}
	}
	return "it failed"
}
