package candidates

import (
	"fmt"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// devices has hosts with so many one-unit children each.
func devices(hosts, children int) world {
	var w world
	for h := range hosts {
		host := fmt.Sprintf("h%d", h)
		w = append(w, &thing{name: host, inventories: []stock{{class: "VCPU", total: 64}}})
		for c := range children {
			w = append(w, &thing{name: fmt.Sprintf("%s.%d", host, c), parent: host, inventories: []stock{{class: "VGPU", total: 1}}})
		}
	}
	return w
}

// flat has hosts that are all alike.
func flat(hosts int) world {
	var w world
	for h := range hosts {
		w = append(w, &thing{name: fmt.Sprintf("h%d", h), inventories: []stock{
			{class: "VCPU", total: 64}, {class: "MEMORY_MB", total: 1 << 18}, {class: "DISK_GB", total: 2000},
		}})
	}
	return w
}

// numa has hosts of two NUMA nodes, each with an FPGA and a GPU below.
func numa(hosts int) world {
	var w world
	for h := range hosts {
		host := fmt.Sprintf("h%d", h)
		w = append(w, &thing{name: host, inventories: []stock{{class: "DISK_GB", total: 2000}}})
		for n := range 2 {
			node := fmt.Sprintf("%s.%d", host, n)
			w = append(w,
				&thing{name: node, parent: host, traits: []string{"HW_NUMA_ROOT"}, inventories: []stock{{class: "VCPU", total: 32}, {class: "MEMORY_MB", total: 1 << 17}}},
				&thing{name: node + ".fpga", parent: node, inventories: []stock{{class: "FPGA", total: 1}}},
				&thing{name: node + ".gpu", parent: node, inventories: []stock{{class: "PGPU", total: 1}}})
		}
	}
	return w
}

func wish(suffix string, resources ...Resource) Group {
	return Group{Suffix: suffix, Resources: resources}
}

// like has so many groups that are the same but for their suffix.
func like(n int, resources ...Resource) []Group {
	var all []Group
	for i := range n {
		all = append(all, wish(fmt.Sprintf("%d", i), resources...))
	}
	return all
}

func flatRequest() *Request {
	return &Request{Nested: true, Groups: []Group{wish("", Resource{"VCPU", 2}, Resource{"MEMORY_MB", 2048}, Resource{"DISK_GB", 20})}}
}

func numaRequest() *Request {
	return &Request{
		Nested: true,
		Groups: []Group{
			wish("", Resource{"DISK_GB", 20}),
			wish("c", Resource{"VCPU", 2}, Resource{"MEMORY_MB", 2048}),
			wish("f", Resource{"FPGA", 1}), wish("g", Resource{"PGPU", 1}),
		},
		SameSubtree: [][]string{{"c", "f", "g"}},
	}
}

// scales are the workloads whose cost must follow the answer, not the number
// of ways to look for it. steps bounds the decisions, paths and cases.
var scales = []struct {
	name    string
	world   world
	request *Request
	found   int
	steps   int
}{
	{"8 children 6 groups isolate", devices(1, 8), &Request{Nested: true, Groups: like(6, Resource{"VGPU", 1}), Policy: Isolate, Limit: 1000}, 1000, 20_000},
	{"8 children 6 groups none", devices(1, 8), &Request{Nested: true, Groups: like(6, Resource{"VGPU", 1}), Limit: 1000}, 1000, 20_000},
	{"8 children 6 groups all", devices(1, 8), &Request{Nested: true, Groups: like(6, Resource{"VGPU", 1})}, 20160, 400_000},
	{"2x48 children 48 groups isolate", devices(2, 48), &Request{Nested: true, Groups: like(48, Resource{"VGPU", 1}), Policy: Isolate, Limit: 1000}, 1000, 300_000},
	{"2x48 children 48 groups none", devices(2, 48), &Request{Nested: true, Groups: like(48, Resource{"VGPU", 1}), Limit: 1000}, 1000, 300_000},
	{"2x48 children 48 groups breadth first", devices(2, 48), &Request{Nested: true, Groups: like(48, Resource{"VGPU", 1}), Limit: 1000, Options: Options{Order: BreadthFirst}}, 1000, 300_000},
	{"2x48 children 49 groups isolate", devices(2, 48), &Request{Nested: true, Groups: like(49, Resource{"VGPU", 1}), Policy: Isolate, Limit: 1000}, 0, 500},
	{"2x48 children 49 groups none", devices(2, 48), &Request{Nested: true, Groups: like(49, Resource{"VGPU", 1}), Limit: 1000}, 0, 500},
	{"1000 flat hosts", flat(1000), flatRequest(), 1000, 10_000},
	{"1000 flat hosts limit 10", flat(1000), func() *Request { r := flatRequest(); r.Limit = 10; return r }(), 10, 100},
	{"1000 trees of 7 same_subtree", numa(1000), numaRequest(), 2000, 100_000},
	{"traits short by one", marked(48, 24), &Request{Nested: true, Groups: append(like(20, Resource{"VGPU", 1}), wanting(25)...), Limit: 10}, 0, 500},
	{"traits just enough", marked(48, 24), &Request{Nested: true, Groups: append(like(20, Resource{"VGPU", 1}), wanting(24)...), Limit: 1000}, 1000, 300_000},
	{"boxes of many sizes", boxes(16, 10), &Request{Nested: true, Groups: parts(16, 7, 3), Limit: 1000}, 1000, 50_000},
	{"boxes of many sizes short by one", boxes(16, 10), &Request{Nested: true, Groups: parts(17, 7, 3), Limit: 1000}, 0, 50_000},
	{"boxes that waste", boxes(16, 10), &Request{Nested: true, Groups: parts(17, 6, 3), Limit: 1000}, 0, 50_000},
	{"boxes of two classes", twoClassBoxes(12), &Request{Nested: true, Groups: twoClassParts(12), Limit: 1000}, 1000, 100_000},
	{"boxes of two classes short by one", twoClassBoxes(12), &Request{Nested: true, Groups: twoClassParts(13), Limit: 1000}, 0, 50_000},
	{"loose and isolated on one class", devices(2, 48), &Request{Nested: true, Policy: Isolate, Groups: append(like(48, Resource{"VGPU", 1}), wish("", Resource{"VGPU", 1})), Limit: 1000}, 0, 5_000},
	{"same_subtree of many", nics(8, 6), &Request{Nested: true, Groups: nicGroups(6), Policy: Isolate, SameSubtree: [][]string{{"n", "0", "1", "2", "3", "4", "5"}}, Limit: 1000}, 1000, 50_000},
	{"pairs below like nodes", nodes(8, 1, 1, 1, 1), pairSets(8), 1000, 400_000},
	{"pairs below too few nodes", nodes(8, 1, 1, 1, 1), pairSets(9), 0, 100},
	{"pairs below nodes short of one or the other", nodes(8, 2, 1, 1, 2), pairSets(9), 0, 50_000},
	{"same_subtree of too many", nics(8, 6), &Request{Nested: true, Groups: nicGroups(7), Policy: Isolate, SameSubtree: [][]string{{"n", "0", "1", "2", "3", "4", "5", "6"}}, Limit: 1000}, 0, 5_000},
}

// marked has a host whose first children have a trait.
func marked(children, with int) world {
	w := devices(1, children)
	for _, p := range w[1 : 1+with] {
		p.traits = []string{"CUSTOM_A"}
	}
	return w
}

func wanting(n int) []Group {
	all := like(n, Resource{"VGPU", 1})
	for i := range all {
		all[i].Suffix = "w" + all[i].Suffix
		all[i].Required = [][]string{{"CUSTOM_A"}}
	}
	return all
}

// boxes has a host with children of some size.
func boxes(children int, size int64) world {
	w := devices(1, children)
	for _, p := range w[1:] {
		p.inventories[0].total = size
	}
	return w
}

// parts has so many groups of each size.
func parts(n int, sizes ...int64) []Group {
	var all []Group
	for i, size := range sizes {
		for _, g := range like(n, Resource{"VGPU", size}) {
			g.Suffix = fmt.Sprintf("%d_%s", i, g.Suffix)
			all = append(all, g)
		}
	}
	return all
}

func twoClassBoxes(children int) world {
	w := boxes(children, 10)
	for _, p := range w[1:] {
		p.inventories = append(p.inventories, stock{class: "MEMORY_MB", total: 10})
	}
	return w
}

// twoClassParts needs one box for each pair: one of the two is large in one
// class, the other in the other.
func twoClassParts(n int) []Group {
	var all []Group
	for i := range n {
		all = append(all,
			wish(fmt.Sprintf("a%d", i), Resource{"VGPU", 7}, Resource{"MEMORY_MB", 3}),
			wish(fmt.Sprintf("b%d", i), Resource{"VGPU", 3}, Resource{"MEMORY_MB", 7}))
	}
	return all
}

// nics has a host with NICs of so many ports each.
func nics(count, ports int) world {
	w := world{{name: "h", inventories: []stock{{class: "VCPU", total: 8}}}}
	for n := range count {
		nic := fmt.Sprintf("h.%d", n)
		w = append(w, &thing{name: nic, parent: "h", traits: []string{"CUSTOM_A"}})
		for c := range ports {
			w = append(w, &thing{name: fmt.Sprintf("%s.%d", nic, c), parent: nic, inventories: []stock{{class: "VGPU", total: 1}}})
		}
	}
	return w
}

// nicGroups wants ports, and a NIC without taking anything of it.
func nicGroups(ports int) []Group {
	return append(like(ports, Resource{"VGPU", 1}), Group{Suffix: "n", Required: [][]string{{"CUSTOM_A"}}})
}

// nodes has a host with NUMA nodes that each have GPUs and FPGAs: the first
// half of the nodes so many, the others so many.
func nodes(count int, gpus, fpgas, otherGPUs, otherFPGAs int64) world {
	w := world{{name: "h", inventories: []stock{{class: "VCPU", total: 8}}}}
	for n := range count {
		if n == count/2 {
			gpus, fpgas = otherGPUs, otherFPGAs
		}
		node := fmt.Sprintf("h.%d", n)
		w = append(w, &thing{name: node, parent: "h", traits: []string{"CUSTOM_A"}},
			&thing{name: node + ".g", parent: node, inventories: []stock{{class: "PGPU", total: gpus}}},
			&thing{name: node + ".f", parent: node, inventories: []stock{{class: "FPGA", total: fpgas}}})
	}
	return w
}

// pairSets wants pairs of a GPU and an FPGA, each below one node.
func pairSets(n int) *Request {
	r := &Request{Nested: true, Limit: 1000}
	for i := range n {
		above, gpu, fpga := fmt.Sprintf("n%d", i), fmt.Sprintf("g%d", i), fmt.Sprintf("f%d", i)
		r.Groups = append(r.Groups, Group{Suffix: above, Required: [][]string{{"CUSTOM_A"}}}, wish(gpu, Resource{"PGPU", 1}), wish(fpga, Resource{"FPGA", 1}))
		r.SameSubtree = append(r.SameSubtree, []string{above, gpu, fpga})
	}
	return r
}

func TestSteps(t *testing.T) {
	for _, c := range scales {
		t.Run(c.name, func(t *testing.T) {
			s := c.world.state(t)
			all, stats := texts(t, s, c.request)
			if len(all) != c.found {
				t.Errorf("%d candidates, want %d", len(all), c.found)
			}
			seen := map[string]bool{}
			for _, text := range all {
				if seen[text] {
					t.Fatalf("twice: %s", text)
				}
				seen[text] = true
			}
			t.Logf("%+v", stats)
			if stats.Steps > c.steps {
				t.Errorf("%d steps, want at most %d", stats.Steps, c.steps)
			}
		})
	}
}

// TestExample is the contract's: two like groups over eight like children of
// eight units each.
func TestExample(t *testing.T) {
	w := devices(1, 8)
	for _, p := range w[1:] {
		p.inventories[0].total = 8
	}
	for policy, want := range map[Policy]int{None: 64, Isolate: 56} {
		all, _ := texts(t, w.state(t), &Request{Nested: true, Groups: like(2, Resource{"VGPU", 1}), Policy: policy})
		if len(all) != want {
			t.Errorf("policy %d: %d candidates, want %d", policy, len(all), want)
		}
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, c := range scales {
		b.Run(c.name, func(b *testing.B) {
			s := c.world.state(b)
			b.ReportAllocs()
			for b.Loop() {
				benchmarked(b, s, c.request, c.found)
			}
		})
	}
}

func benchmarked(b *testing.B, s *tree.State, r *Request, want int) {
	f, err := New(s, r, nil)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for range f.All() {
		n++
	}
	if n != want {
		b.Fatalf("%d candidates, want %d", n, want)
	}
}
