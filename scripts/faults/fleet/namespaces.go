package fleet

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
)

// Ports inside a namespace.
const (
	apiPort  = 8778
	peerPort = 8779
)

// prefix begins the names of all namespaces and devices, before the driver's
// process id.
const prefix = "tnf"

// opened counts the fleets of this driver.
var opened atomic.Int32

// uniqueName is the name of what is made for one fleet.
func uniqueName() string { return fmt.Sprintf("%s%dr%d", prefix, os.Getpid(), opened.Add(1)) }

// namespaces is nodes in network namespaces. A bridge joins them in a
// namespace of its own, so that no packet filter of the machine sees what they
// say; one more link leads from there to the driver.
type namespaces struct {
	tag   string // begins every name
	net   string // first three numbers of the addresses
	nodes int
	// tables are the rules that each node has; a cut between many takes long
	// enough without writing those that stay.
	tables map[int]string
	// wires are nil until a Wire is asked for.
	wires *wires
}

// namespacesUnable says why there can be none here; empty if they can.
func namespacesUnable() string {
	if os.Geteuid() != 0 {
		return "network namespaces need root"
	}
	for _, tool := range []struct{ program, pack string }{{"ip", "iproute2"}, {"nft", "nftables"}, {"nsenter", "util-linux"}} {
		if _, err := exec.LookPath(tool.program); err != nil {
			return fmt.Sprintf("network namespaces need the program %s (Debian's package %s)", tool.program, tool.pack)
		}
	}
	return ""
}

func openNamespaces(nodes int) (*namespaces, error) {
	// The kernel takes its time to remove a namespace, so the next fleet's
	// have other names.
	n := &namespaces{tag: uniqueName(), nodes: nodes, tables: map[int]string{}}
	unlock, err := lockNets()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if n.net, err = freeNet(n.tag); err != nil {
		return nil, err
	}
	hub := n.tag + "h"
	batch := [][]string{
		{"ip", "netns", "add", hub},
		{"ip", "-n", hub, "link", "add", "name", "joint", "type", "bridge"},
		{"ip", "-n", hub, "link", "set", "joint", "up"},
		{"ip", "link", "add", n.tag, "type", "veth", "peer", "name", "driver", "netns", hub},
		{"ip", "-n", hub, "link", "set", "driver", "master", "joint", "up"},
		{"ip", "address", "add", n.net + ".1/24", "dev", n.tag},
		{"ip", "link", "set", n.tag, "up"},
	}
	for i := range nodes {
		space := n.space(i)
		batch = append(batch,
			[]string{"ip", "netns", "add", space},
			[]string{"ip", "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", fmt.Sprintf("n%d", i), "netns", hub},
			[]string{"ip", "-n", hub, "link", "set", fmt.Sprintf("n%d", i), "master", "joint", "up"},
			[]string{"ip", "-n", space, "address", "add", n.host(i) + "/24", "dev", "eth0"},
			[]string{"ip", "-n", space, "link", "set", "eth0", "up"},
			[]string{"ip", "-n", space, "link", "set", "lo", "up"},
		)
	}
	for _, c := range batch {
		if err := run("", c...); err != nil {
			return nil, errors.Join(err, n.close())
		}
	}
	return n, nil
}

// netsLock is held from the choice of a network until it is taken, so that no
// fleet that is opened beside, by this driver or another, chooses the same.
const netsLock = "/run/treenode-faults.lock"

func lockNets() (unlock func(), err error) {
	f, err := os.OpenFile(netsLock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", netsLock, err), f.Close())
	}
	return func() { _ = f.Close() }, nil // which unlocks it
}

// freeNet chooses a /24 that no interface of the machine has.
func freeNet(tag string) (string, error) {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(tag)) // never fails
	for i := range uint32(1000) {
		pick := h.Sum32() + i
		candidate := fmt.Sprintf("10.%d.%d", 64+pick%128, pick/128%256)
		ip := net.ParseIP(candidate + ".1")
		taken := false
		for _, a := range addrs {
			if n, ok := a.(*net.IPNet); ok && n.Contains(ip) {
				taken = true
			}
		}
		if !taken {
			return candidate, nil
		}
	}
	return "", errors.New("no network of the form 10.x.y.0/24 is free")
}

func (n *namespaces) space(node int) string { return fmt.Sprintf("%sn%d", n.tag, node) }

func (n *namespaces) host(node int) string { return hostOf(n.net, node) }

// hostOf is the address of a node in a network.
func hostOf(net string, node int) string { return fmt.Sprintf("%s.%d", net, 11+node) }

func (n *namespaces) can() error { return nil }

func (n *namespaces) addresses(node int) (api, peer string) {
	return fmt.Sprintf("%s:%d", n.host(node), apiPort), fmt.Sprintf("%s:%d", n.host(node), peerPort)
}

func (n *namespaces) wrap(node int, args []string) []string {
	// nsenter becomes the program, so that signals reach it.
	return append([]string{"nsenter", "--net=/run/netns/" + n.space(node)}, args...)
}

func (n *namespaces) rules(drops map[[2]int]bool, loss map[int]int) error {
	for to := range n.nodes {
		// Not "ip netns exec": for a moment it holds on to every mount of the
		// machine, and a disk that is to be mounted anew stays the old one.
		table := dropTable(n.net, n.nodes, to, drops, loss)
		if n.tables[to] == table {
			continue
		}
		if err := run(table, n.wrap(to, []string{"nft", "-f", "-"})...); err != nil {
			return err
		}
		n.tables[to] = table
	}
	return nil
}

// dropTable is the table of a node that drops what comes from others. Only
// nodes are cut off from each other: the driver, and with it the clients,
// always reaches all of them.
func dropTable(net string, nodes, to int, drops map[[2]int]bool, loss map[int]int) string {
	var rules strings.Builder
	rules.WriteString("table ip faults\ndelete table ip faults\n")
	rules.WriteString("table ip faults {\n chain in {\n  type filter hook input priority 0;\n")
	for from := range nodes {
		if drops[[2]int{from, to}] {
			fmt.Fprintf(&rules, "  ip saddr %s drop\n", hostOf(net, from))
		}
	}
	if percent := loss[to]; percent > 0 {
		fmt.Fprintf(&rules, "  ip saddr %s.0/24 ip saddr != %s.1 numgen random mod 100 < %d drop\n", net, net, percent)
	}
	rules.WriteString(" }\n}\n")
	return rules.String()
}

func (n *namespaces) close() error {
	var failed error
	if n.wires != nil {
		failed = n.wires.close() // an open device keeps its namespace
	}
	return errors.Join(failed, sweepNamespaces(func(name string) bool {
		return strings.HasPrefix(name, n.tag+"h") || strings.HasPrefix(name, n.tag+"n")
	}))
}

// sweepNamespaces removes the namespaces whose names are chosen, and with them
// every device in them or tied to one in them.
func sweepNamespaces(choose func(string) bool) error {
	entries, err := os.ReadDir("/run/netns")
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failed error
	for _, e := range entries {
		if choose(e.Name()) {
			failed = errors.Join(failed, run("", "ip", "netns", "delete", e.Name()))
		}
	}
	return failed
}

// run runs a command and returns what it complained of.
func run(stdin string, args ...string) error {
	cmd := exec.Command(args[0], args[1:]...) //nolint:gosec // commands of this package
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// NetworkUnable says why nodes can't be cut off from each other here; empty if
// they can.
func NetworkUnable() string { return namespacesUnable() }
