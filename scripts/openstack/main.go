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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/local"
)

// patience bounds every wait for the cluster.
const patience = time.Minute

// errMissing says that a client is not installed.
var errMissing = errors.New("not installed")

// player plays a client to the nodes. What it returns says what was played.
type player func(ctx context.Context, c commands, nodes *local.Cluster) (string, error)

// players are the clients there are.
var players = map[string]player{"cli": playCLI, "nova": playNova}

// commands are the programs that run.
type commands struct{ treenode, openstack, python string }

func main() {
	var c commands
	flag.StringVar(&c.treenode, "treenode", "", "the treenode `program`; built where it is not given")
	flag.StringVar(&c.openstack, "openstack", "openstack", "the openstack `command`")
	flag.StringVar(&c.python, "python", "/usr/bin/python3", "the `interpreter` that has Nova")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return players[name] == nil }) {
		fmt.Fprintln(os.Stderr, "usage: openstack [flags] cli|nova...")
		flag.PrintDefaults()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, c, names)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "openstack:", err)
	}
	switch {
	case errors.Is(err, errMissing):
		os.Exit(3)
	case err != nil:
		os.Exit(1)
	}
}

func run(ctx context.Context, c commands, names []string) error {
	dir, err := os.MkdirTemp("", "treenode-openstack-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary directory
	if c.treenode == "" {
		c.treenode = filepath.Join(dir, "treenode")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", c.treenode, "./cmd/treenode").CombinedOutput(); err != nil { //nolint:gosec // a path of our own
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	for _, name := range names {
		began := time.Now()
		what, err := onCluster(ctx, c, filepath.Join(dir, name), players[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s: %s, with the leader killed in the middle; %.0f s\n", name, what, time.Since(began).Seconds())
	}
	return nil
}

// onCluster plays to a new cluster and compares the digests at the end.
func onCluster(ctx context.Context, c commands, dir string, play player) (what string, err error) {
	nodes, err := local.New(local.Options{Binary: c.treenode, Args: []string{"--policy-mode", "legacy"}, Dir: dir, Nodes: 3})
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		err = errors.Join(err, nodes.Stop(ctx))
	}()
	if err := nodes.Start(); err != nil {
		return "", err
	}
	if what, err = play(ctx, c, nodes); err != nil {
		return "", err
	}
	// The program itself says so when they differ.
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	args := []string{"cluster", "digest", "--endpoint", strings.Join(nodes.Endpoints(), ",")}
	out, err := exec.CommandContext(ctx, c.treenode, args...).CombinedOutput() //nolint:gosec // our own binary
	if err != nil {
		return "", fmt.Errorf("cluster digest: %w\n%s", err, out)
	}
	fmt.Printf("%s", out)
	return what, nil
}

// leader is the node that leads. All must be running.
func leader(ctx context.Context, nodes *local.Cluster) (*local.Node, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := nodes.WaitReady(ctx); err != nil {
		return nil, err
	}
	c, err := client.New(nodes.Endpoints())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s, err := c.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	n := nodes.Node(s.LeaderID)
	if n == nil {
		return nil, fmt.Errorf("no node is %q, which leads", s.LeaderID)
	}
	return n, nil
}

// roles are the leader, which is going to be killed, and a node that is not.
func roles(ctx context.Context, nodes *local.Cluster) (victim, survivor *local.Node, err error) {
	if victim, err = leader(ctx, nodes); err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(nodes.Nodes, func(n *local.Node) bool { return n != victim })
	return victim, nodes.Nodes[i], nil
}
