package host

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Node is a NUMA node with CPUs or memory.
type Node struct {
	ID        int
	CPUs      []int // those online
	MemoryKB  int64
	HugePages []HugePages
}

const nodeDir = "/sys/devices/system/node"

// readNodes reads the NUMA nodes. The lists and amounts of each are as
// essential as those of the whole machine: without them, the host would seem
// to have lost them.
func (r *reading) readNodes() *FileError {
	names, err := r.root.list(nodeDir)
	if err != nil {
		if missing(err) { // a kernel without NUMA
			return nil
		}
		return err
	}
	var ids []int
	for _, name := range names {
		if id, isNode := nodeID(name); isNode {
			ids = append(ids, id)
		}
	}
	if len(ids) < 2 {
		return nil
	}
	slices.Sort(ids)
	var nodes []Node
	nodeOf := map[int]int{}
	for _, id := range ids {
		node, err := r.readNode(id)
		if err != nil {
			return err
		}
		for _, cpu := range node.CPUs {
			if other, taken := nodeOf[cpu]; taken {
				return fault(fmt.Sprintf("%s/node%d/cpulist", nodeDir, id), fmt.Errorf("CPU %d is in node %d too", cpu, other))
			}
			nodeOf[cpu] = id
		}
		if len(node.CPUs) > 0 || node.MemoryKB > 0 {
			nodes = append(nodes, node)
		}
	}
	if len(nodes) < 2 {
		return nil
	}
	r.Nodes = nodes
	homeless := slices.DeleteFunc(r.cpuIDs(), func(cpu int) bool { _, has := nodeOf[cpu]; return has })
	if len(homeless) == len(r.CPUs) {
		return fault(nodeDir, errors.New("no node has a CPU"))
	}
	if len(homeless) > 0 {
		r.note("%s: CPUs %s are in no node and are left out", nodeDir, joinCPUs(homeless))
	}
	return nil
}

// nodeID reads the name of a node's directory, such as "node0".
func nodeID(name string) (int, bool) {
	digits, isNode := strings.CutPrefix(name, "node")
	id, err := strconv.ParseUint(digits, 10, 16)
	return int(id), isNode && err == nil && strconv.FormatUint(id, 10) == digits
}

func (r *reading) readNode(id int) (Node, *FileError) {
	dir := fmt.Sprintf("%s/node%d/", nodeDir, id)
	listed, err := r.root.cpuList(dir + "cpulist")
	if err != nil {
		return Node{}, err
	}
	online := r.cpuIDs()
	cpus := slices.DeleteFunc(listed, func(cpu int) bool { _, is := slices.BinarySearch(online, cpu); return !is })
	memory, err := r.memTotal(dir + "meminfo")
	if err != nil {
		return Node{}, err
	}
	return Node{ID: id, CPUs: cpus, MemoryKB: memory, HugePages: r.readHugePages(dir + "hugepages")}, nil
}

// nodeKnown returns the node as it is in the tree: noNode where the machine
// has no such node, which a machine with several nodes notes.
func (r *reading) nodeKnown(what string, node int) int {
	if node == noNode || slices.ContainsFunc(r.Nodes, func(n Node) bool { return n.ID == node }) {
		return node
	}
	if len(r.Nodes) > 0 {
		r.note("%s: NUMA node %d has neither CPUs nor memory; it hangs below the host", what, node)
	}
	return noNode
}
