package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/treenode/treenode/cluster"
)

// A node that can't go on is started again with growing pauses, says why each
// time, and is back once the cause is gone. The next process knows of it.
func TestCrashLoopBacksOff(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	nodes := startKept(t, 3, func(i int, c *cluster.Config) {
		c.Timing.Restart = 100 * time.Millisecond
		if i == 2 {
			c.StepHook = func(int, string) error {
				if broken.Load() {
					panic("injected by the test")
				}
				return nil
			}
		}
	})
	nodes[0].propose("first")
	victim := nodes[2]
	broken.Store(true)
	began := time.Now()
	nodes[0].propose("deadly")
	failures := func(at int) func(context.Context) error {
		return func(context.Context) error {
			if s := victim.Status(); s.Failures < at {
				return fmt.Errorf("%+v", s)
			}
			return nil
		}
	}
	await(t, "it has failed four times", failures(4))
	if took := time.Since(began); took < 300*time.Millisecond { // 0, 100 and 200 ms
		t.Errorf("four failures within %v", took)
	}
	victim.awaitTrouble("injected by the test", "halted at index")
	if err := victim.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "injected by the test") {
		t.Errorf("ready, or no cause: %v", err)
	}
	// Another process goes on counting, if it does not even get as far.
	if err := victim.Close(); err != nil {
		t.Fatal(err)
	}
	broken.Store(false)
	victim.open()
	victim.awaitReady()
	victim.propose("last")
	alike(t, nodes)
}

// Processes that end early, one after the other, back off as well. What they
// leave behind names the cause.
func TestCrashLoopOfProcesses(t *testing.T) {
	node := keep(t, 1, func(_ int, c *cluster.Config) { c.Timing.Restart = time.Second })[0]
	crash := "panic: injected by the test"
	for range 3 {
		// A process that ends now: nothing is said of how.
		if err := node.tryOpen(crash); err != nil {
			t.Fatal(err)
		}
		await(t, "it has begun or waits", func(context.Context) error {
			if s := node.Status(); s.State == "down" && s.Trouble == "" {
				return errors.New("neither")
			}
			return nil
		})
		node.crash()
	}
	if err := node.tryOpen(crash); err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	node.awaitTrouble(crash, "next start")
	if s := node.Status(); s.State != "down" || s.Failures < 2 {
		t.Errorf("it does not back off: %+v", s)
	}
	node.awaitReady()
}

// crash ends the node as if its process had.
func (k *keptNode) crash() {
	k.t.Helper()
	cluster.Crash(k.Supervised)
}
