package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/local"
	"github.com/treenode/treenode/transport/wire"
)

const hosts = 1000

func hostName(i int64) string { return fmt.Sprintf("host%d", i%hosts) }

func populate(ctx context.Context, c *client.Client, n int) error {
	const page = 500
	for from := 0; from < n; from += page {
		var providers []wire.PopulateProvider
		for i := from; i < min(n, from+page); i++ {
			providers = append(providers, wire.PopulateProvider{
				UUID: uuid.NewString(), Name: fmt.Sprintf("host%d", i),
				Inventories: map[string]wire.Inventory{
					"VCPU": {Total: 1 << 30}, "MEMORY_MB": {Total: 1 << 30}, "DISK_GB": {Total: 1 << 30},
				},
				Traits: []string{"HW_CPU_X86_AVX", "HW_CPU_X86_AVX2", "COMPUTE_NODE", "HW_ARCH_X86_64"},
			})
		}
		if _, err := c.Populate(ctx, providers...); err != nil {
			return err
		}
	}
	return nil
}

func claim(ctx context.Context, c *client.Client, i int64) error {
	_, err := c.Claim(ctx, wire.ConsumerClaim{
		UUID: uuid.NewString(), Project: "project", User: "user", Type: "INSTANCE",
		Allocations: []wire.Allocation{{Provider: hostName(i), Resources: map[string]int64{"VCPU": 2, "MEMORY_MB": 2048, "DISK_GB": 20}}},
	})
	return err
}

// claims measures durable claims, one consumer each, three classes, spread
// over 1,000 hosts.
func claims(ctx context.Context, w workload) error {
	_, c, stop, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := populate(ctx, c, hosts); err != nil {
		return err
	}
	fmt.Printf("\nclaims, durable on %d nodes, %v each step\n%8s %12s %10s %10s\n", w.nodes, w.duration, "clients", "claims/s", "p50", "p99")
	for _, clients := range []int{1, 16, 64, 256} {
		latencies, elapsed, err := hammer(ctx, clients, w.duration, func(i int64) error { return claim(ctx, c, i) })
		if err != nil {
			return err
		}
		fmt.Printf("%8d %12.0f %10v %10v\n", clients, float64(len(latencies))/elapsed.Seconds(), at(latencies, 0.5), at(latencies, 0.99))
	}
	return nil
}

// hammer calls f from that many goroutines for a while, after a warm-up of a
// second, and returns the sorted latencies. Any error ends it.
func hammer(ctx context.Context, clients int, duration time.Duration, f func(i int64) error) ([]time.Duration, time.Duration, error) {
	var next atomic.Int64
	var counting, done atomic.Bool
	perClient := make([][]time.Duration, clients)
	failures := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for !done.Load() && ctx.Err() == nil {
				began, counted := time.Now(), counting.Load()
				if err := f(next.Add(1)); err != nil {
					failures[i] = err
					return
				}
				if counted {
					perClient[i] = append(perClient[i], time.Since(began))
				}
			}
		})
	}
	time.Sleep(time.Second)
	counting.Store(true)
	began := time.Now()
	time.Sleep(duration)
	done.Store(true)
	elapsed := time.Since(began)
	wg.Wait()
	all := slices.Concat(perClient...)
	slices.Sort(all)
	return all, elapsed, errors.Join(failures...)
}

// at is the value at that share of sorted durations.
func at(sorted []time.Duration, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))].Round(10 * time.Microsecond)
}

// failover measures from SIGKILL of the leader to the next write that a client
// is told of.
func failover(ctx context.Context, w workload) error {
	cluster, c, stop, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := populate(ctx, c, hosts); err != nil {
		return err
	}
	var times []time.Duration
	for i := range int64(w.kills) {
		if err := claim(ctx, c, i); err != nil {
			return err
		}
		victim, err := leaderOf(ctx, cluster, c)
		if err != nil {
			return err
		}
		if err := victim.Kill(); err != nil {
			return err
		}
		began := time.Now()
		if err := claim(ctx, c, i); err != nil {
			return err
		}
		times = append(times, time.Since(began))
		if err := victim.Start(); err != nil {
			return err
		}
		if err := cluster.WaitReady(ctx); err != nil {
			return err
		}
	}
	slices.Sort(times)
	fmt.Printf("\nkill -9 of the leader to the next acknowledged claim, %d kills: p50 %v, p90 %v, max %v\n",
		len(times), at(times, 0.5), at(times, 0.9), at(times, 1))
	return nil
}

func leaderOf(ctx context.Context, cluster *local.Cluster, c *client.Client) (*local.Node, error) {
	s, err := c.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	n := cluster.Node(s.LeaderID)
	if n == nil {
		return nil, fmt.Errorf("no leader is known (%q)", s.LeaderID)
	}
	return n, nil
}

// scale measures a restart and the memory with many providers.
func scale(ctx context.Context, w workload) error {
	cluster, c, stop, err := w.start(ctx)
	if err != nil {
		return err
	}
	defer stop()
	empty := residentKB(cluster.Nodes[0].PID())
	began := time.Now()
	if err := populate(ctx, c, w.providers); err != nil {
		return err
	}
	fmt.Printf("\n%d providers (3 inventories, 4 traits) written in %v, 500 a transaction\n", w.providers, time.Since(began).Round(time.Millisecond))
	for _, n := range cluster.Nodes {
		rss := residentKB(n.PID())
		fmt.Printf("%s: resident %d MiB (%d MiB empty): %d bytes a provider\n",
			n.ID, rss>>10, empty>>10, (rss-empty)*1024/int64(w.providers))
	}
	// All of them, so that nobody lends a hand.
	end, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := cluster.Stop(end); err != nil {
		return err
	}
	began = time.Now()
	if err := cluster.Start(); err != nil {
		return err
	}
	if err := cluster.WaitReady(ctx); err != nil {
		return err
	}
	fmt.Printf("restart of all %d nodes to all ready: %v\n", w.nodes, time.Since(began).Round(time.Millisecond))
	for _, n := range cluster.Nodes {
		rss := residentKB(n.PID())
		fmt.Printf("%s: resident %d MiB after the restart: %d bytes a provider\n", n.ID, rss>>10, (rss-empty)*1024/int64(w.providers))
	}
	return nil
}
