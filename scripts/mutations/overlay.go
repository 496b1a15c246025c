package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// mutated is a mutation's overlay: a file that tells the go command what to
// read instead of which source.
func mutated(m mutation, root, dir string) (overlay string, err error) {
	replace := map[string]string{}
	for i, e := range m.edits {
		path := filepath.Join(root, filepath.FromSlash(e.file))
		from := path
		if earlier, ok := replace[path]; ok {
			from = earlier
		}
		content, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		changed, err := e.apply(m.name, string(content))
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, fmt.Sprintf("%s-%d.go", m.name, i))
		if err := os.WriteFile(to, []byte(changed), 0o600); err != nil { //nolint:gosec // in the temporary directory, named by the table
			return "", err
		}
		replace[path] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, m.name+".json")
	return overlay, os.WriteFile(overlay, b, 0o600)
}

// goCommand runs the go command and returns what it prints. The error has what
// it complained about.
func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	c := exec.CommandContext(ctx, "go", args...) //nolint:gosec // arguments of this program's own
	c.Dir = dir
	var complaint strings.Builder
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		return string(out), fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return string(out), nil
}

// repository is the directory of the main module, from wherever in it this
// program is started.
func repository(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, ".", "list", "-m", "-f", "{{.Dir}}", modulePath)
	return strings.TrimSpace(out), err
}

const modulePath = "github.com/treenode/treenode"
