package auth

import (
	"os"
	"path/filepath"
	"testing"
)

// A secret is its owner's; one of root's may be handed to a group, to read.
func TestReadPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	ofRoot := os.Getuid() == 0
	for mode, want := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o440: ofRoot, 0o640: ofRoot, 0o660: false, 0o604: false, 0o644: false, 0o650: false,
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadPrivate(path, 1); (err == nil) != want {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
}
