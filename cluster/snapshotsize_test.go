package cluster_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
)

// TestSnapshotBySize fills the log with few, large entries.
func TestSnapshotBySize(t *testing.T) {
	n := start(t, 1, nil)[0]
	large := strings.Repeat("n", 400<<10)
	fill := func(entries int) {
		for range entries {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			if r, err := n.Propose(ctx, createRoot(t, large)); err != nil || r.Refused == nil {
				t.Fatalf("a name that is too long: %v, refused: %v", err, r.Refused)
			}
			cancel()
		}
	}
	snapshots := func() []string {
		found, err := filepath.Glob(filepath.Join(n.config.DataDir, "snapshots", "*", "meta.json"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	fill(70) // 28 MB
	if found := snapshots(); len(found) > 0 {
		t.Fatalf("too early: %v", found)
	}
	fill(20)
	await(t, "a snapshot", func(context.Context) error {
		for _, path := range snapshots() {
			if !strings.Contains(path, ".tmp") {
				return nil
			}
		}
		return errors.New("there is none")
	})
}
