package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Machine is what figures depend on.
type Machine struct {
	Cores             int     `json:"cores"`
	CPU               string  `json:"cpu"`
	Kernel            string  `json:"kernel"`
	MemoryBytes       int64   `json:"memory_bytes"`
	FdatasyncMillis   float64 `json:"fdatasync_millis"` // median of appends of 4 KiB
	FdatasyncMeasured string  `json:"fdatasync_measured_in"`
	Go                string  `json:"go"`
	Treenode          string  `json:"treenode"`
}

// ReadMachine reads the facts, and measures the disk of a directory.
func ReadMachine(dir, version string) (Machine, error) {
	flush, err := fdatasync(dir)
	return Machine{
		Cores: runtime.NumCPU(), CPU: field("/proc/cpuinfo", "model name"), Kernel: firstLine("/proc/sys/kernel/osrelease"),
		MemoryBytes: memory(), FdatasyncMillis: millis(flush), FdatasyncMeasured: dir, Go: runtime.Version(), Treenode: version,
	}, err
}

// field is the value of the first line "name : value" of a file, or "unknown".
func field(path, name string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if key, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func firstLine(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func memory() int64 {
	var kib int64
	if n, _ := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &kib); n != 1 {
		return 0
	}
	return kib << 10
}

// Limits of the measurement of the disk.
const (
	flushes     = 200
	flushBudget = 3 * time.Second
)

// fdatasync is the median time of appending and flushing 4 KiB.
func fdatasync(dir string) (median time.Duration, err error) {
	f, err := os.Create(filepath.Join(dir, "fdatasync-probe"))
	if err != nil {
		return 0, fmt.Errorf("measure the disk: %w", err)
	}
	defer func() {
		_ = f.Close()
		if removed := os.Remove(f.Name()); err == nil {
			err = removed
		}
	}()
	var took []time.Duration
	block := make([]byte, 4096)
	for end := time.Now().Add(flushBudget); len(took) < flushes && (len(took) == 0 || time.Now().Before(end)); {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, err
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("measure the disk: fdatasync: %w", err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
