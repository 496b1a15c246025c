package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/local"
)

// workload is what the flags chose.
type workload struct {
	binary    string
	nodes     int
	duration  time.Duration
	kills     int
	providers int
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func run() error {
	var w workload
	flag.IntVar(&w.nodes, "nodes", 3, "number of nodes")
	flag.DurationVar(&w.duration, "duration", 5*time.Second, "how long each step of claims runs")
	flag.IntVar(&w.kills, "kills", 20, "how many times failover kills the leader")
	flag.IntVar(&w.providers, "providers", 100_000, "how many providers scale and large have")
	flag.Parse()
	steps := map[string]func(context.Context, workload) error{"claims": claims, "failover": failover, "scale": scale, "large": large}
	names := flag.Args()
	if len(names) == 0 {
		names = []string{"claims", "failover", "scale"}
	}
	for _, name := range names {
		if steps[name] == nil {
			return fmt.Errorf("no workload %q: claims, failover, scale or large", name)
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	dir, err := os.MkdirTemp("", "treenode-measure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	w.binary = filepath.Join(dir, "treenode")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", w.binary, "./cmd/treenode").CombinedOutput(); err != nil { //nolint:gosec // a path of our own
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	fmt.Printf("machine: %d cores, %s, %s\n", runtime.NumCPU(), cpuModel(), runtime.Version())
	for _, name := range names {
		if err := steps[name](ctx, w); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func cpuModel() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(b)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, "\t :"))
		}
	}
	return runtime.GOARCH
}

// start starts a cluster and returns it with a client for it.
func (w workload) start(ctx context.Context) (*local.Cluster, *client.Client, func(), error) {
	dir, err := os.MkdirTemp("", "treenode-measure-")
	if err != nil {
		return nil, nil, nil, err
	}
	cluster, err := local.New(local.Options{Binary: w.binary, Dir: dir, Nodes: w.nodes})
	if err != nil {
		return nil, nil, nil, err
	}
	stop := func() {
		end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := cluster.Stop(end); err != nil {
			fmt.Fprintln(os.Stderr, "stop:", err)
		}
		_ = os.RemoveAll(dir)
	}
	if err := cluster.Start(); err != nil {
		stop()
		return nil, nil, nil, err
	}
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := cluster.WaitReady(ready); err != nil {
		stop()
		return nil, nil, nil, err
	}
	c, err := client.New(cluster.Endpoints())
	if err != nil {
		stop()
		return nil, nil, nil, err
	}
	return cluster, c, func() { c.Close(); stop() }, nil
}

// residentKB is a process's resident memory.
func residentKB(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(b) {
		var kb int64
		if n, _ := fmt.Sscanf(string(line), "VmRSS: %d kB", &kb); n == 1 {
			return kb
		}
	}
	return 0
}
