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
	binary := flag.String("binary", "", "the `program` to drill; built from the source where none is given")
	keep := flag.Bool("keep", false, "leave the directory for a look")
	most := flag.Duration("timeout", 2*time.Minute, "how long it may take, once the program is built")
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *binary, *keep, *most)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "restore-drill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string, keep bool, most time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "treenode-drill-")
	if err != nil {
		return err
	}
	defer func() {
		if keep {
			fmt.Println("everything is in", dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	if binary == "" {
		binary = filepath.Join(dir, "treenode")
		build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/treenode") //nolint:gosec // into a directory of our own
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building: %w\n%s", err, out)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	d := &drill{binary: binary, dir: dir, began: time.Now()}
	defer func() {
		d.killAll()
		if err != nil {
			d.showLogs()
		}
	}()
	if err := d.play(ctx); err != nil {
		return err
	}
	d.say("done")
	return nil
}
