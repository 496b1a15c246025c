package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/scripts/faults/fleet"
	"github.com/treenode/treenode/scripts/faults/load"
	"github.com/treenode/treenode/transport/wire"
)

// Entries of the log are damaged on a majority, then on all nodes. What is left
// may lack something: nobody may serve, every damaged node says which file and
// index, and nothing is moved.
func TestDamageOfAllCopies(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program and starts three nodes")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir := t.TempDir()
	program := filepath.Join(dir, "treenode")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/treenode")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := &run{plan: plan{Nodes: 3, program: program, dir: dir}, r: rand.New(rand.NewPCG(seed, 0))}
	nodes, err := fleet.Open(fleet.Config{Program: program, Dir: dir, Nodes: 3, Loopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := nodes.Close(); err != nil {
			t.Error(err)
		}
	})
	r.fleet = nodes
	if err := r.form(ctx); err != nil {
		t.Fatal(err)
	}
	damage := func(from, to int) {
		t.Helper()
		if err := nodes.Kill(0, 1, 2); err != nil {
			t.Fatal(err)
		}
		for n := from; n < to; n++ {
			w, err := r.wound(n, isLog, flipEntry)
			if err != nil || !w.used {
				t.Fatalf("%+v: %v", w, err)
			}
			t.Log(nodes.Name(n), w.what)
		}
		if err := r.start(0, 1, 2); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(damaged int) {
		t.Helper()
		if err := until(ctx, settleTimeout, func() error {
			for n := range damaged {
				c, err := r.clusterAt(ctx, n)
				if err != nil {
					return err
				}
				if !strings.Contains(c.Trouble, ".wal") || !strings.Contains(c.Trouble, "at index") || !strings.Contains(c.Trouble, "can't rebuild") {
					return fmt.Errorf("%s says %q", nodes.Name(n), c.Trouble)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			at := client.WithEndpoint(ctx, nodes.Endpoint(n))
			level := wire.Linearizable
			if n < damaged {
				level = wire.Stale
			}
			asking, cancel := context.WithTimeout(client.WithConsistency(at, level), askTimeout)
			if _, err := r.admin.Digest(asking); err == nil {
				t.Errorf("%s answers a %s read", nodes.Name(n), level)
			}
			cancel()
			if aside, err := r.asides(n); err != nil || len(aside) > 0 {
				t.Errorf("%s has set aside %v, %v", nodes.Name(n), aside, err)
			}
		}
		if decided(ctx, r) {
			t.Error("a write was decided")
		}
	}
	if !decided(ctx, r) {
		t.Fatal("the whole cluster decides no write")
	}
	damage(0, 2)
	refused(2)
	damage(2, 3)
	refused(3)
}

// decided reports whether a write comes to anything. It makes the world a second
// time, which a cluster that works refuses.
func decided(ctx context.Context, r *run) bool {
	writing, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_, _, err := load.Prepare(writing, r.endpoints())
	return err == nil || client.IsRejected(err)
}
