//go:build !failpoints

package failpoint_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An ordinary program is not killed, whatever the file says.
func TestInert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "failpoint")
	if err := os.WriteFile(file, []byte("apply-before@3"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), passes+"=5", "TREENODE_FAILPOINT_FILE="+file)
	out, err := cmd.Output()
	if err != nil || !strings.HasSuffix(string(out), "\n5\n") {
		t.Errorf("%v: %s", err, out)
	}
}
