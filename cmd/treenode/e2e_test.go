package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/cli"
	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/wire"
)

// These tests run the real program: the test binary starts itself as treenode.
const asTreenode = "TEST_BINARY_IS_TREENODE"

func TestMain(m *testing.M) {
	if os.Getenv(asTreenode) != "" {
		os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// patience bounds waits for conditions; nothing is judged by time below it.
const patience = 180 * time.Second

func self(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// run runs treenode to its end and returns what it wrote and its exit code.
func run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self(t), args...)
	cmd.Env = append(os.Environ(), asTreenode+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("treenode %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func startCluster(t *testing.T, nodes int) (*local.Cluster, *client.Client) {
	t.Helper()
	cluster, err := local.New(local.Options{Binary: self(t), Env: []string{asTreenode + "=1"}, Dir: t.TempDir(), Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := cluster.Stop(ctx); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, n := range cluster.Nodes {
				b, _ := os.ReadFile(n.LogPath())
				t.Logf("%s:\n%s", n.LogPath(), b[max(0, len(b)-8000):])
			}
		}
	})
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, cluster)
	c, err := client.New(cluster.Endpoints())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return cluster, c
}

func ready(t *testing.T, cluster *local.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := cluster.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// leader is the node that leads, asked of any.
func leader(t *testing.T, cluster *local.Cluster, c *client.Client) *local.Node {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		s, err := c.Cluster(ctx)
		if err == nil {
			if n := cluster.Node(s.LeaderID); n != nil && n.Running() {
				return n
			}
		}
		if ctx.Err() != nil {
			t.Fatalf("no leader: %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// claims is what the load has been told.
type claims struct {
	mu           sync.Mutex
	acknowledged map[string]wire.ConsumerClaim
	count        atomic.Int64
	kinds        map[wire.Kind]int
}

// load claims, through every node, until the context ends.
func load(ctx context.Context, t *testing.T, c *client.Client, seed uint64, hosts int, told *claims) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, seed))
	for ctx.Err() == nil {
		claim := wire.ConsumerClaim{UUID: uuid.NewString(), Project: "p", User: "u", Type: "INSTANCE",
			Allocations: []wire.Allocation{
				{Provider: fmt.Sprintf("host%d", random.IntN(hosts)), Resources: map[string]int64{"VCPU": 1, "MEMORY_MB": 64}},
			}}
		_, err := c.Claim(context.Background(), claim)
		told.mu.Lock()
		if err == nil {
			told.acknowledged[claim.UUID] = claim
			told.count.Add(1)
		} else {
			told.kinds[client.KindOf(err)]++
			if client.CodeOf(err) != wire.CodeCapacityExceeded && client.IsRejected(err) {
				t.Errorf("a claim was refused: %v", err)
			}
		}
		told.mu.Unlock()
	}
}

// digestsAgree compares all nodes at one index and returns the digest.
func digestsAgree(t *testing.T, cluster *local.Cluster, c *client.Client) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	first, err := c.Digest(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range cluster.Nodes {
		at := client.WithMinIndex(client.WithConsistency(client.WithEndpoint(ctx, n.API), wire.Session), first.Index)
		d, err := c.Digest(at)
		if err != nil {
			t.Fatalf("%s: %v", n.ID, err)
		}
		if d.Index != first.Index || d.Digest != first.Digest {
			t.Errorf("%s has %s at index %d, another node %s at %d", n.ID, d.Digest, d.Index, first.Digest, first.Index)
		}
	}
	return first.Digest
}

// The promise, shown on real processes: the leader is killed with -9 again and
// again in the middle of claims, and every acknowledged claim is there, whole,
// on every node.
func TestLeaderKilledUnderLoad(t *testing.T) {
	const hosts, workers, kills = 8, 8, 3
	cluster, c := startCluster(t, 3)
	var providers []wire.PopulateProvider
	for i := range hosts {
		providers = append(providers, wire.PopulateProvider{
			UUID: uuid.NewString(), Name: fmt.Sprintf("host%d", i),
			Inventories: map[string]wire.Inventory{"VCPU": {Total: 100_000, AllocationRatio: 1.5}, "MEMORY_MB": {Total: 1 << 20}},
		})
	}
	if _, err := c.Populate(t.Context(), providers...); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	told := &claims{acknowledged: map[string]wire.ConsumerClaim{}, kinds: map[wire.Kind]int{}}
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { load(ctx, t, c, seed+uint64(i), hosts, told) })
	}
	more := func(n int64) {
		t.Helper()
		want := told.count.Load() + n
		for deadline := time.Now().Add(patience); told.count.Load() < want; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d claims were acknowledged, %d were expected by now", told.count.Load(), want)
			}
		}
	}
	more(100)
	for range kills {
		victim := leader(t, cluster, c)
		if err := victim.Kill(); err != nil {
			t.Fatal(err)
		}
		more(100) // the others go on
		if err := victim.Start(); err != nil {
			t.Fatal(err)
		}
		ready(t, cluster)
		more(100)
	}
	stop()
	wg.Wait()
	t.Logf("%d claims acknowledged over %d kills of the leader; errors by kind: %v", told.count.Load(), kills, told.kinds)
	digestsAgree(t, cluster, c)
	for _, n := range cluster.Nodes {
		verifyClaims(t, client.WithEndpoint(context.Background(), n.API), c, hosts, told.acknowledged)
	}

	// All at once: nothing that was acknowledged lives in memory only.
	before := digestsAgree(t, cluster, c)
	for _, n := range cluster.Nodes {
		if err := n.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, cluster)
	if after := digestsAgree(t, cluster, c); after != before {
		t.Errorf("the digest was %s before all nodes were killed, now it is %s", before, after)
	}
}

// verifyClaims compares what one node tells of every host with what was
// acknowledged: nothing lost, nothing twice, nothing over capacity.
func verifyClaims(t *testing.T, ctx context.Context, c *client.Client, hosts int, acknowledged map[string]wire.ConsumerClaim) { //nolint:revive // the testing.T first, as everywhere here
	t.Helper()
	found := map[string]int64{}
	for i := range hosts {
		name := fmt.Sprintf("host%d", i)
		p, err := c.Provider(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for consumer, err := range c.Allocations(ctx, name) {
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range consumer.Allocations {
				sum += a.Resources["VCPU"]
				found[consumer.UUID] += a.Resources["VCPU"]
			}
		}
		if inv := p.Inventories["VCPU"]; inv.Used != sum || sum > inv.Capacity {
			t.Errorf("%s counts %d VCPU as used of %d, its consumers hold %d", name, inv.Used, inv.Capacity, sum)
		}
	}
	for id := range acknowledged {
		if found[id] != 1 {
			t.Errorf("consumer %s was told it has 1 VCPU, it has %d", id, found[id])
		}
	}
}

func TestSigtermHandsOverAndExitsClean(t *testing.T) {
	cluster, c := startCluster(t, 3)
	if _, err := c.CreateProvider(t.Context(), wire.CreateProvider{Name: "host"}); err != nil {
		t.Fatal(err)
	}
	old := leader(t, cluster, c)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	code, err := old.Terminate(ctx)
	if err != nil || code != 0 {
		t.Fatalf("exit code %d, %v", code, err)
	}
	if _, err := c.CreateProvider(t.Context(), wire.CreateProvider{Name: "after"}); err != nil {
		t.Errorf("no write after the leader left in good order: %v", err)
	}
	if now := leader(t, cluster, c); now == old {
		t.Error("it still leads")
	}
	if err := old.Start(); err != nil {
		t.Fatal(err)
	}
	ready(t, cluster)
	digestsAgree(t, cluster, c)
}

func TestServeRefuses(t *testing.T) {
	dir := t.TempDir()
	taken := filepath.Join(dir, "n1")
	cluster, _ := startCluster(t, 1)
	file := filepath.Join(dir, "file")
	config := filepath.Join(dir, "config.yaml")
	for path, content := range map[string]string{file: "", config: "node_id: n1\nlisten_on: 1.2.3.4:5\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	free := []string{"--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0"}
	for _, c := range []struct {
		name  string
		args  []string
		words []string
	}{
		{"no directory", nil, []string{"data-dir"}},
		{"a port others reach", []string{"--data-dir", taken, "--listen", "0.0.0.0:0"}, []string{"listen", "0.0.0.0:0", "--insecure-listen"}},
		{"a malformed join", []string{"--data-dir", taken, "--join", "somewhere"}, []string{"join", "somewhere", "host:port"}},
		{"a malformed listen", []string{"--data-dir", taken, "--listen", "nowhere"}, []string{"listen", "nowhere"}},
		{"a malformed node id", append(free, "--data-dir", taken, "--node-id", "a b"), []string{"node id", "a b"}},
		{"expecting others nowhere", append(free, "--data-dir", taken, "--bootstrap-expect", "3"), []string{"bootstrap-expect", "join"}},
		{"a port in use", []string{"--data-dir", taken, "--listen", cluster.Nodes[0].API}, []string{"listen", cluster.Nodes[0].API, "in use"}},
		{"a directory in use", append(free, "--node-id", "n1", "--data-dir", cluster.Nodes[0].Dir), []string{cluster.Nodes[0].Dir, "in use"}},
		{"another node's directory", append(free, "--node-id", "n7", "--data-dir", cluster.Nodes[0].Dir), []string{cluster.Nodes[0].Dir, "n1", "n7"}},
		{"a file as directory", append(free, "--data-dir", file), []string{file}},
		{"an unknown key", []string{"--config", config}, []string{config, "listen_on"}},
		{"no such config", []string{"--config", filepath.Join(dir, "none.yaml")}, []string{"none.yaml"}},
		{"an unknown flag", []string{"--datadir", dir}, []string{"datadir"}},
		{"a float for an int", []string{"--bootstrap-expect", "3.5"}, []string{"bootstrap-expect", "3.5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, errs, code := run(t, append([]string{"serve"}, c.args...)...)
			if code != 2 || out != "" {
				t.Errorf("exit code %d, output %q", code, out)
			}
			last := errs[strings.LastIndex(strings.TrimSpace(errs), "\n")+1:]
			for _, w := range c.words {
				if !strings.Contains(last, w) {
					t.Errorf("%q does not name %q", last, w)
				}
			}
		})
	}
}

// A disk that is full or read-only is told with its directory, and nothing
// that was there is lost.
func TestServeOnBadDisks(t *testing.T) {
	mount := func(t *testing.T, flags uintptr, data string) string {
		t.Helper()
		dir := t.TempDir()
		if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, data); err != nil {
			t.Skipf("a small file system can't be mounted here (it takes root): %v", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		return dir
	}
	args := []string{"serve", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", "--node-id", "n1", "--data-dir"}
	t.Run("read-only", func(t *testing.T) {
		dir := mount(t, syscall.MS_RDONLY, "")
		_, errs, code := run(t, append(args, filepath.Join(dir, "n1"))...)
		if code != 2 || !strings.Contains(errs, dir) || !strings.Contains(errs, "read-only") {
			t.Errorf("exit code %d: %s", code, errs)
		}
	})
	t.Run("full", func(t *testing.T) {
		dir := mount(t, 0, "size=64k")
		if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 60<<10), 0o600); err != nil {
			t.Fatal(err)
		}
		_, errs, code := run(t, append(args, filepath.Join(dir, "n1"))...)
		if code != 2 || !strings.Contains(errs, dir) || !strings.Contains(errs, "no space") {
			t.Errorf("exit code %d: %s", code, errs)
		}
	})
}

func TestDevOnce(t *testing.T) {
	out, errs, code := run(t, "dev", "--once", "--base-port", "0")
	if code != 0 || !strings.Contains(out, "VCPU") || !strings.Contains(out, "MEMORY_MB") {
		t.Errorf("exit code %d\n%s\n%s", code, out, errs)
	}
}
