package server

import (
	"os"
	"os/exec"
	"testing"
)

// A process that panics leaves its cause to the next one.
func TestCrashIsKept(t *testing.T) {
	if dir := os.Getenv("TREENODE_TEST_CRASH"); dir != "" {
		if err := keepCrash(dir); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { panic("injected by the test") }()
		<-done
	}
	dir := t.TempDir()
	if got := crashOf(dir); got != "" {
		t.Errorf("nothing crashed, but %q", got)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestCrashIsKept$")
	cmd.Env = append(os.Environ(), "TREENODE_TEST_CRASH="+dir)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("it did not crash: %s", out)
	}
	if got := crashOf(dir); got != "panic: injected by the test" {
		t.Errorf("the cause is %q", got)
	}
	if err := keepCrash(dir); err != nil {
		t.Fatal(err)
	}
	if got := crashOf(dir); got != "" {
		t.Errorf("the next start keeps %q", got)
	}
}
