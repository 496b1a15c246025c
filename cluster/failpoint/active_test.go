//go:build failpoints

package failpoint_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A program is killed at the armed point, the third time after it was armed.
func TestActive(t *testing.T) {
	for _, late := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "failpoint")
		arm := func() {
			if err := os.WriteFile(file+".new", []byte("apply-before@3"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(file+".new", file); err != nil {
				t.Fatal(err)
			}
		}
		if !late {
			arm()
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), passes+"=10000", "TREENODE_FAILPOINT_FILE="+file)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs strings.Builder
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		passed := 0
		for {
			if _, err := fmt.Fscan(out, &passed); err != nil {
				break
			}
			if late && passed == 10 {
				arm()
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Fatalf("%v: %s", err, &errs)
		}
		if !late && passed != 2 || late && passed < 12 || !strings.Contains(errs.String(), "failpoint: apply-before") {
			t.Errorf("killed after it passed %d times, armed later: %v, and said %q", passed, late, &errs)
		}
	}
}
