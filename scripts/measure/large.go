package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/wire"
)

const (
	largeTree    = 10
	largeMarked  = 100 // of so many trees, the root of one has the trait and the aggregate
	largeBatch   = 500 // providers or consumers of one request
	largeClients = 16
	markTrait    = "COMPUTE_TRUSTED_CERTS"
)

// forest is what large makes.
type forest struct {
	c         *client.Client
	aggregate string
	providers []string // UUIDs
}

// grow adds trees of ten until there are n providers.
func (f *forest) grow(ctx context.Context, n int) error {
	for len(f.providers) < n {
		var all []wire.PopulateProvider
		root := ""
		for i := len(f.providers); i < min(n, len(f.providers)+largeBatch); i++ {
			p := wire.PopulateProvider{
				UUID: uuid.NewString(), Name: fmt.Sprintf("compute-%06d.example.org", i/largeTree),
				Inventories: map[string]wire.Inventory{"VGPU": {Total: 1 << 30}}, Traits: []string{"HW_CPU_X86_SGX", "HW_GPU_API_VULKAN"},
			}
			if i%largeTree == 0 {
				root = p.UUID
				p.Inventories = map[string]wire.Inventory{"VCPU": {Total: 1 << 30}, "MEMORY_MB": {Total: 1 << 30}, "DISK_GB": {Total: 1 << 30}}
				p.Traits = []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "COMPUTE_NODE", "HW_ARCH_X86_64"}
				if i/largeTree%largeMarked == 0 {
					p.Traits, p.Aggregates = append(p.Traits, markTrait), []string{f.aggregate}
				}
			} else {
				p.Name, p.Parent = fmt.Sprintf("%s_device_%d", p.Name, i%largeTree), root
			}
			all = append(all, p)
		}
		if _, err := f.c.Populate(ctx, all...); err != nil {
			return err
		}
		for _, p := range all {
			f.providers = append(f.providers, p.UUID)
		}
	}
	return nil
}

// holder is a new consumer of one unit of the i-th provider.
func (f *forest) holder(i int) wire.ConsumerClaim {
	i %= len(f.providers)
	class := "VGPU"
	if i%largeTree == 0 {
		class = "VCPU"
	}
	return wire.ConsumerClaim{
		UUID: uuid.NewString(), Project: fmt.Sprintf("%032x", i%1000), User: fmt.Sprintf("%032x", i%5000), Type: "INSTANCE",
		Allocations: []wire.Allocation{{Provider: f.providers[i], Resources: map[string]int64{class: 1}}},
	}
}

func (f *forest) occupy(ctx context.Context, n int) error {
	for first := 0; first < n; first += largeBatch {
		var all []wire.ConsumerClaim
		for i := first; i < min(n, first+largeBatch); i++ {
			all = append(all, f.holder(i))
		}
		if _, err := f.c.Claim(ctx, all...); err != nil {
			return err
		}
	}
	return nil
}

func (f *forest) claim(ctx context.Context, i int64) error {
	_, err := f.c.Claim(ctx, f.holder(int(i)*7919))
	return err
}

// large measures what the section "One million providers" of
// docs/performance.md reports.
func large(ctx context.Context, w workload) error {
	cluster, c, stop, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	f := &forest{c: c, aggregate: uuid.NewString()}
	for _, n := range []int{1000, w.providers} {
		began := time.Now()
		if err := errors.Join(f.grow(ctx, n), f.occupy(ctx, 2*n)); err != nil {
			return err
		}
		fmt.Printf("\n%d providers in trees of %d, %d consumers: made in %v\n", n, largeTree, 2*n, time.Since(began).Round(time.Second))
		printResident(cluster)
		for _, clients := range []int{1, largeClients} {
			latencies, elapsed, err := hammer(ctx, clients, w.duration, func(i int64) error { return f.claim(ctx, i) })
			if err != nil {
				return err
			}
			fmt.Printf("claims, %d clients: %.0f/s, p50 %v, p99 %v\n", clients, float64(len(latencies))/elapsed.Seconds(), at(latencies, 0.5), at(latencies, 0.99))
		}
		if err := f.search(ctx, cluster, min(n/largeTree/largeMarked, 100)); err != nil {
			return err
		}
	}
	if err := f.besideSnapshots(ctx, cluster); err != nil {
		return err
	}
	printResident(cluster)
	if err := f.join(ctx, w, cluster); err != nil {
		return fmt.Errorf("a node that joins: %w", err)
	}
	return restart(ctx, cluster)
}

func printResident(cluster *local.Cluster) {
	for _, n := range cluster.Nodes {
		fmt.Printf("%s: resident %d MiB\n", n.ID, residentKB(n.PID())>>10)
	}
}

// search asks for what few trees have.
func (f *forest) search(ctx context.Context, cluster *local.Cluster, want int) error {
	url := fmt.Sprintf("http://%s/allocation_candidates?resources1=VCPU:1&required1=%s&member_of1=%s&limit=100",
		cluster.Nodes[0].API, markTrait, f.aggregate)
	var times []time.Duration
	for range 200 {
		began := time.Now()
		body, err := get(ctx, url)
		if err != nil {
			return err
		}
		times = append(times, time.Since(began))
		if n := strings.Count(body, `"mappings"`); n != want {
			return fmt.Errorf("%d candidates, want %d: %.300s", n, want, body)
		}
	}
	slices.Sort(times)
	fmt.Printf("candidates with a trait and an aggregate that 0.1%% have: %d found, p50 %v, p99 %v\n", want, at(times, 0.5), at(times, 0.99))
	return nil
}

func get(ctx context.Context, url string) (body string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("OpenStack-API-Version", "placement 1.39")
	r.Header.Set("X-Auth-Token", "admin")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, a.Body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(a.Body, 64<<20))
	if err == nil && a.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.300s", a.Status, b)
	}
	return string(b), err
}

// besideSnapshots claims until snapshots were seen to begin and to end, and
// compares what happened while one was written with what happened while none
// was.
func (f *forest) besideSnapshots(ctx context.Context, cluster *local.Cluster) error {
	var began [2]time.Time // of both kinds of time
	var spent [2]time.Duration
	var latencies [2][]time.Duration
	var mu sync.Mutex
	writing := 0
	began[0] = time.Now()
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	var failure error
	for client := range largeClients {
		wg.Go(func() {
			for i := client; work.Err() == nil; i += largeClients {
				mu.Lock()
				before := writing
				mu.Unlock()
				start := time.Now()
				err := f.claim(work, int64(i))
				took := time.Since(start)
				mu.Lock()
				switch {
				case work.Err() != nil:
				case err != nil:
					failure = err
					cancel()
				case before == writing: // else it belongs to neither
					latencies[writing] = append(latencies[writing], took)
				}
				mu.Unlock()
			}
		})
	}
	for changes, end := 0, time.Now().Add(5*time.Minute); changes < 4 && time.Now().Before(end) && work.Err() == nil; {
		time.Sleep(20 * time.Millisecond)
		found, err := filepath.Glob(filepath.Join(filepath.Dir(cluster.Nodes[0].Dir), "*", "snapshots", "*.tmp"))
		if err != nil {
			return err
		}
		mu.Lock()
		if now := min(len(found), 1); now != writing {
			spent[writing] += time.Since(began[writing])
			writing, changes = now, changes+1
			began[now] = time.Now()
		}
		mu.Unlock()
	}
	cancel()
	wg.Wait()
	spent[writing] += time.Since(began[writing])
	if failure != nil {
		return failure
	}
	for i, what := range []string{"no node writes a snapshot", "some node writes a snapshot"} {
		slices.Sort(latencies[i])
		fmt.Printf("claims, %d clients, while %s (%v): %.0f/s, p50 %v, p99 %v, p99.9 %v, max %v\n", largeClients, what, spent[i].Round(time.Second),
			float64(len(latencies[i]))/spent[i].Seconds(), at(latencies[i], 0.5), at(latencies[i], 0.99), at(latencies[i], 0.999), at(latencies[i], 1))
	}
	return nil
}

// join starts one more node beside claims, until it is ready.
func (f *forest) join(ctx context.Context, w workload, cluster *local.Cluster) (err error) {
	dir, err := os.MkdirTemp("", "treenode-measure-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var addresses [2]string
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		addresses[i] = l.Addr().String()
		if err := l.Close(); err != nil {
			return err
		}
	}
	work, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.Command(w.binary, "serve", "--node-id", "joined", "--data-dir", filepath.Join(dir, "joined"), //nolint:gosec // a path of our own
		"--listen", addresses[0], "--peer-listen", addresses[1], "--join", cluster.Nodes[0].Peer, "--log-level", "warn")
	cmd.Stderr = os.Stderr
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	// Before it is removed: a node that is removed stops with an error.
	stop := sync.OnceValue(func() error { return errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()) })
	defer func() { err = errors.Join(err, stop()) }()
	var claims, failed int
	var wg sync.WaitGroup
	var mu sync.Mutex
	for client := range largeClients {
		wg.Go(func() {
			for i := client; work.Err() == nil; i += largeClients {
				err := f.claim(work, int64(i))
				mu.Lock()
				if err == nil {
					claims++
				} else if work.Err() == nil {
					failed++
				}
				mu.Unlock()
			}
		})
	}
	ready, end := context.WithTimeout(ctx, 5*time.Minute)
	defer end()
	var reason error
	for ready.Err() == nil {
		if _, reason = get(ready, "http://"+addresses[0]+"/readyz"); reason == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(began)
	cancel()
	wg.Wait()
	if reason != nil {
		return reason
	}
	fmt.Printf("a fourth node beside %d claims (%d failed): ready after %v, resident %d MiB\n", claims, failed, took.Round(10*time.Millisecond), residentKB(cmd.Process.Pid)>>10)
	if err := stop(); err != nil {
		return err
	}
	return f.c.RemoveMember(ctx, "joined")
}

func restart(ctx context.Context, cluster *local.Cluster) error {
	end, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// One alone first, as an upgrade does; then all, so that nobody lends a hand.
	for _, nodes := range [][]*local.Node{cluster.Nodes[:1], cluster.Nodes} {
		for _, n := range nodes {
			if _, err := n.Terminate(end); err != nil {
				return err
			}
		}
		began := time.Now()
		for _, n := range nodes {
			if err := n.Start(); err != nil {
				return err
			}
		}
		for _, n := range nodes {
			if err := n.WaitReady(ctx); err != nil {
				return err
			}
		}
		fmt.Printf("restart of %d nodes to ready: %v\n", len(nodes), time.Since(began).Round(10*time.Millisecond))
	}
	printResident(cluster)
	return nil
}
