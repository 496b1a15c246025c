package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	script := flag.String("script", "scripts/placement-oracle", "the `program` that starts the reference")
	binary := flag.String("treenode", "", "the treenode `program`; built where it is not given")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *script, *binary)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "migration-check:", err)
	}
	switch {
	case errors.Is(err, errMissing):
		os.Exit(missingPackages)
	case err != nil:
		os.Exit(1)
	}
}

func run(ctx context.Context, script, binary string) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "migration-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if binary == "" {
		binary = filepath.Join(dir, "treenode")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/treenode").CombinedOutput(); err != nil { //nolint:gosec // a path of our own
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	o, err := startOracle(ctx, script)
	if err != nil {
		return err
	}
	defer o.stop()
	ready := time.Since(began)
	if err := furnish(ctx, o); err != nil {
		return fmt.Errorf("filling the reference: %w", err)
	}
	fmt.Printf("the reference is filled (after %.1f s); %.1f s\n", ready.Seconds(), time.Since(began).Seconds())
	m := &mover{ctx: ctx, binary: binary, dir: dir, oracle: o.url}
	if err := m.all(); err != nil {
		return err
	}
	fmt.Printf("nothing was lost; %.1f s\n", time.Since(began).Seconds())
	return nil
}
