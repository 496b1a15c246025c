package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options describe a cluster of processes.
type Options struct {
	// Binary and Env start a node: Binary gets "serve" and its flags. Env is
	// added to this process's environment.
	Binary string
	Env    []string
	// Args are further flags of every node.
	Args []string
	// ArgsOf, where not nil, gives a node flags of its own.
	ArgsOf func(id string) []string
	// Dir holds the nodes' directories, their logs and the ports in use.
	Dir   string
	Nodes int
	// BasePort is the first API port; node i uses BasePort+2i and the port
	// after it. 0 takes free ports.
	BasePort int
	// Log gets every node's output, a line each with the node's id before it.
	// Nil writes to Dir/<node>.log only.
	Log io.Writer
}

// Cluster is a set of node processes. Its methods may be called concurrently,
// those of one Node not.
type Cluster struct {
	Nodes []*Node
}

const portsFile = "ports.json"

// New lays out a cluster and starts nothing. A directory that held a cluster
// before gets the same ports again.
func New(o Options) (*Cluster, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := loadPorts(o)
	if err != nil {
		return nil, err
	}
	c := &Cluster{}
	var peers []string
	for i := range o.Nodes {
		peers = append(peers, loopback(ports[2*i+1]))
	}
	for i := range o.Nodes {
		c.Nodes = append(c.Nodes, &Node{
			ID: fmt.Sprintf("n%d", i+1), API: loopback(ports[2*i]), Peer: peers[i],
			Dir: filepath.Join(o.Dir, fmt.Sprintf("n%d", i+1)), join: strings.Join(peers, ","), options: o,
		})
	}
	return c, nil
}

func loopback(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

func loadPorts(o Options) ([]int, error) {
	path := filepath.Join(o.Dir, portsFile)
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return newPorts(o, path)
	case err != nil:
		return nil, err
	}
	var ports []int
	if err := json.Unmarshal(b, &ports); err != nil || len(ports) != 2*o.Nodes {
		return nil, fmt.Errorf("%s: not the ports of %d nodes; was the directory made for another number of them?", path, o.Nodes)
	}
	return ports, nil
}

func newPorts(o Options, path string) ([]int, error) {
	ports := make([]int, 2*o.Nodes)
	for i := range ports {
		want := 0
		if o.BasePort != 0 {
			want = o.BasePort + i
		}
		l, err := net.Listen("tcp", loopback(want))
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // held until all are chosen
		addr, err := netip.ParseAddrPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		ports[i] = int(addr.Port())
	}
	b, err := json.Marshal(ports)
	if err != nil {
		return nil, err
	}
	return ports, os.WriteFile(path, b, 0o600)
}

// Start starts every node.
func (c *Cluster) Start() error {
	for _, n := range c.Nodes {
		if err := n.Start(); err != nil {
			return err
		}
	}
	return nil
}

// Endpoints are the API addresses of all nodes.
func (c *Cluster) Endpoints() []string {
	all := make([]string, len(c.Nodes))
	for i, n := range c.Nodes {
		all[i] = n.API
	}
	return all
}

// Node returns the node with the id, or nil.
func (c *Cluster) Node(id string) *Node {
	for _, n := range c.Nodes {
		if n.ID == id {
			return n
		}
	}
	return nil
}

// readyInterval is how often a starting node is asked whether it is ready.
const readyInterval = 20 * time.Millisecond

// WaitReady returns once every running node is ready, or with the reason of
// one that is not when the context ends, or at once when one has exited.
func (c *Cluster) WaitReady(ctx context.Context) error {
	for _, n := range c.Nodes {
		if err := n.WaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// WaitReady returns once the node is ready; see Cluster.WaitReady.
func (n *Node) WaitReady(ctx context.Context) error {
	for {
		reason := n.unready(ctx)
		if reason == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s is not ready: %w", n.ID, reason)
		case <-n.Exited():
			return fmt.Errorf("node %s has exited: %s; see %s", n.ID, n.Exit(), n.LogPath())
		case <-time.After(readyInterval):
		}
	}
}

func (n *Node) unready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.API+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, strings.TrimSpace(string(body)))
	}
	return err
}

// Stop ends every node in good order: SIGTERM, and SIGKILL for those that are
// still there when the context ends.
func (c *Cluster) Stop(ctx context.Context) error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.terminate())
	}
	for _, n := range c.Nodes {
		errs = append(errs, n.wait(ctx))
	}
	return errors.Join(errs...)
}
