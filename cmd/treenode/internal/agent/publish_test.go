package agent

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/treenode/treenode/client"
	"github.com/treenode/treenode/cmd/treenode/internal/host"
	"github.com/treenode/treenode/cmd/treenode/internal/storetest"
	"github.com/treenode/treenode/transport/wire"
)

// machine has two NUMA nodes, a GPU, a NIC with virtual functions and a disk.
func machine() *host.Machine {
	m := &host.Machine{
		HostName: "node1", Arch: "x86_64", CPUVendor: "GenuineIntel", CPUFlags: []string{"aes", "avx2"},
		MemoryKB: 32 << 20,
	}
	for id := range 2 {
		n := host.Node{ID: id, MemoryKB: 16 << 20, HugePages: []host.HugePages{{SizeKB: 2048, Pages: 512}}}
		for cpu := range 4 {
			m.CPUs = append(m.CPUs, host.CPU{ID: id*4 + cpu})
			n.CPUs = append(n.CPUs, id*4+cpu)
		}
		m.Nodes = append(m.Nodes, n)
	}
	m.PCI = []host.PCIDevice{
		{PCIFunction: host.PCIFunction{Address: "0000:3b:00.0", Vendor: 0x10de, Device: 0x20b5, Class: 0x030200}, Kind: host.GPU},
		{
			PCIFunction: host.PCIFunction{Address: "0000:5e:00.0", Vendor: 0x8086, Device: 0x1592}, Kind: host.NIC, Node: 1,
			VFs: []host.PCIFunction{{Address: "0000:5e:01.0"}, {Address: "0000:5e:01.1"}},
		},
	}
	m.Disks = []host.Disk{{Name: "sda", Bytes: 100 << 30, Media: host.SSD, Node: -1}}
	return m
}

const nodes = 6 // providers of machine()

func connect(t *testing.T, n *storetest.Node) *client.Client {
	t.Helper()
	c, err := client.New([]string{n.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// publishing publishes and fails the test unless the counts are these.
func publishing(t *testing.T, c *client.Client, m *host.Machine, o host.Options, created, changed, removed int) Report {
	t.Helper()
	r := must(Publish(t.Context(), c, m, o))(t)
	if r.Created != created || r.Changed != changed || r.Removed != removed {
		t.Errorf("%v, want %d created, %d changed, %d removed", r, created, changed, removed)
	}
	return r
}

func TestPublish(t *testing.T) {
	n := storetest.New(t)
	c := connect(t, n)
	var posts atomic.Int64
	n.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			posts.Add(1)
		}
		return false
	}
	first := publishing(t, c, machine(), host.Options{}, nodes, 0, 0)
	if first.Terms != 3 || first.Attempts != 1 || posts.Load() != 1 {
		t.Errorf("%+v in %d requests, want 3 terms in one", first, posts.Load())
	}
	tree := must(c.Tree(t.Context(), "node1"))(t)
	if len(tree.Providers) != nodes || tree.Providers[0].Name != "node1" {
		t.Fatalf("the tree is %+v", tree.Providers)
	}
	second := publishing(t, c, machine(), host.Options{}, 0, 0, 0)
	if !second.Nothing() || posts.Load() != 1 || second.RequestID != "" {
		t.Errorf("publishing again sent %d requests: %+v", posts.Load()-1, second)
	}
}

// What a machine publishes is what the agent owns, else it could never take it
// back.
func TestOwnsWhatItPublishes(t *testing.T) {
	m := machine()
	m.PCI[0].Kind = host.FPGA
	m.PCI[1].RDMA = true
	m.CPUs[0].Isolated = true
	m.Disks = append(m.Disks, host.Disk{Name: "sdb", Bytes: 1 << 40, Media: host.HDD, Node: -1})
	for _, p := range must(m.Providers(host.Options{}))(t) {
		for class := range p.Inventories {
			if !ownsClass(class) {
				t.Errorf("%s of %s is not the agent's", class, p.Name)
			}
		}
		for _, trait := range p.Traits {
			if !ownsTrait(trait) {
				t.Errorf("%s of %s is not the agent's", trait, p.Name)
			}
		}
		if _, owned := partOf("node1", p.UUID, p.Name); p.Name != "node1" && !owned {
			t.Errorf("%s is not the agent's", p.Name)
		}
	}
	for _, name := range []string{"CUSTOM_LICENCE", "CUSTOM_HUGEPAGES_BIG", "VCPUS", "EGRESS"} {
		if ownsClass(name) {
			t.Errorf("class %s is the agent's", name)
		}
	}
	for _, name := range []string{"CUSTOM_GOLD", "CUSTOM_PCI_SLOW", "STORAGE_DISK", "COMPUTE_NODE", "HW_GPU_API_VULKAN", "CUSTOM_PCI_10DE_20B5_X"} {
		if ownsTrait(name) {
			t.Errorf("trait %s is the agent's", name)
		}
	}
	for id, name := range map[string]string{
		"6f9619ff-8b86-4011-b42d-00c04fc964ff": "node1_disk_sda",
		"6f9619ff-8b86-5011-b42d-00c04fc964ff": "node11_disk_sda",
		"6f9619ff-8b86-5011-b42d-00c04fc964fe": "node1_scratch",
	} {
		if _, owned := partOf("node1", id, name); owned {
			t.Errorf("%s, %s is the agent's", id, name)
		}
	}
}

// What operators set stays; what the machine says is put right.
func TestOperatorsKeep(t *testing.T) {
	n := storetest.New(t)
	c, ctx := connect(t, n), t.Context()
	publishing(t, c, machine(), host.Options{}, nodes, 0, 0)
	aggregate := "00000000-0000-4000-8000-00000000000a"
	must(c.CreateResourceClass(ctx, "CUSTOM_LICENCE"))(t)
	must(c.CreateTrait(ctx, "CUSTOM_GOLD"))(t)
	must(c.PutInventories(ctx, "node1_NUMA0", map[string]wire.Inventory{
		"VCPU": {Total: 99, AllocationRatio: 16}, "CUSTOM_LICENCE": {Total: 5},
	}))(t)
	must(c.AddTraits(ctx, "node1_NUMA0", []string{"CUSTOM_GOLD", "COMPUTE_NODE", "HW_CPU_X86_SSE"}))(t)
	must(c.RemoveTraits(ctx, "node1_NUMA0", []string{"HW_CPU_X86_AESNI"}))(t)
	must(c.SetAggregates(ctx, "node1_NUMA0", []string{aggregate}))(t)
	must(c.AddResources(ctx, "node1_NUMA0", map[string][]wire.Device{"CUSTOM_LICENCE": {{Identifier: "key1"}}}))(t)
	must(c.CreateProvider(ctx, wire.CreateProvider{Name: "rack"}))(t)
	must(c.CreateProvider(ctx, wire.CreateProvider{Name: "mine_disk_sdx", Parent: "node1_NUMA1"}))(t)
	must(c.MoveProvider(ctx, "node1", "rack"))(t)

	publishing(t, c, machine(), host.Options{}, 0, 1, 0)
	p := must(c.Provider(ctx, "node1_NUMA0"))(t)
	if i := p.Inventories["VCPU"]; i.Total != 4 || i.AllocationRatio != 16 {
		t.Errorf("VCPU is %+v, want total 4 and ratio 16", i)
	}
	if p.Inventories["CUSTOM_LICENCE"].Total != 5 || len(p.Resources["CUSTOM_LICENCE"]) != 1 || !slices.Equal(p.Aggregates, []string{aggregate}) {
		t.Errorf("the operator's things are gone: %+v", p)
	}
	for trait, want := range map[string]bool{"CUSTOM_GOLD": true, "COMPUTE_NODE": true, "HW_CPU_X86_SSE": false, "HW_CPU_X86_AESNI": true} {
		if slices.Contains(p.Traits, trait) != want {
			t.Errorf("%s is there: %v, want %v", trait, !want, want)
		}
	}
	tree := must(c.Tree(ctx, "rack"))(t)
	if len(tree.Providers) != nodes+2 {
		t.Errorf("%d providers in the rack's tree, want %d", len(tree.Providers), nodes+2)
	}
	publishing(t, c, machine(), host.Options{}, 0, 0, 0)
}

// What is gone from the machine goes, unless it is in use.
func TestGone(t *testing.T) {
	n := storetest.New(t)
	c, ctx := connect(t, n), t.Context()
	o := host.Options{Identity: "one"}
	publishing(t, c, machine(), o, nodes, 0, 0)
	consumer := "00000000-0000-4000-8000-0000000000c1"
	must(c.Claim(ctx, wire.ConsumerClaim{UUID: consumer, Allocations: []wire.Allocation{
		{Provider: "node1_pci_0000_3b_00_0", Resources: map[string]int64{"PGPU": 1}},
		{Provider: "node1_NUMA0", Resources: map[string]int64{"CUSTOM_HUGEPAGES_2048KB": 2}},
	}}))(t)

	less := machine()
	less.PCI, less.Disks = nil, nil
	less.Nodes[0].HugePages, less.Nodes[1].HugePages = nil, nil
	report := publishing(t, c, less, o, 0, 2, 2)
	if len(report.Notes) != 2 || !strings.Contains(report.Notes[0], "CUSTOM_HUGEPAGES_2048KB of node1_NUMA0") ||
		!strings.Contains(report.Notes[1], "node1_pci_0000_3b_00_0") {
		t.Errorf("notes %q", report.Notes)
	}
	if again := publishing(t, c, less, o, 0, 0, 0); len(again.Notes) != 2 {
		t.Errorf("notes %q", again.Notes)
	}
	publishing(t, c, less, host.Options{HostName: "new", Identity: "one"}, 0, 4, 0)
	publishing(t, c, less, o, 0, 4, 0)
	must(c.DeleteConsumer(ctx, consumer))(t)
	publishing(t, c, less, o, 0, 1, 1)
	tree := must(c.Tree(ctx, "node1"))(t)
	if len(tree.Providers) != 3 {
		t.Errorf("%d providers, want 3", len(tree.Providers))
	}

	// A provider of an operator's keeps what it hangs below.
	must(c.CreateProvider(ctx, wire.CreateProvider{Name: "mine", Parent: "node1_NUMA1"}))(t)
	flat := machine()
	flat.PCI, flat.Disks, flat.Nodes = nil, nil, nil
	report = publishing(t, c, flat, o, 0, 1, 1)
	if len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "node1_NUMA1") {
		t.Errorf("notes %q", report.Notes)
	}
}

// The host hangs where the option says, from any place it had before, and
// other names take effect.
func TestParentAndName(t *testing.T) {
	n := storetest.New(t)
	c, ctx := connect(t, n), t.Context()
	for _, name := range []string{"rack1", "rack2"} {
		must(c.CreateProvider(ctx, wire.CreateProvider{Name: name}))(t)
	}
	o := host.Options{Parent: "rack1", Identity: "one"}
	publishing(t, c, machine(), o, nodes, 0, 0)
	publishing(t, c, machine(), o, 0, 0, 0)
	o.Parent = "rack2"
	publishing(t, c, machine(), o, 0, 1, 0)
	must(c.MoveProvider(ctx, "rack2", "rack1"))(t)
	o.Parent = "rack1"
	publishing(t, c, machine(), o, 0, 1, 0)
	o.Parent, o.HostName = "", "other"
	publishing(t, c, machine(), o, 0, nodes, 0)
	host1 := must(c.Provider(ctx, "other"))(t)
	rack1 := must(c.Provider(ctx, "rack1"))(t)
	if host1.Parent != rack1.UUID {
		t.Errorf("the host is below %s, want rack1", host1.Parent)
	}
	o.Parent = "nowhere"
	if _, err := Publish(ctx, c, machine(), o); client.CodeOf(err) != wire.CodeProviderNotFound {
		t.Errorf("error %v, want provider_not_found", err)
	}
}

// When somebody is faster, Publish looks again, and not for ever.
func TestOutrun(t *testing.T) {
	n := storetest.New(t)
	c, ctx := connect(t, n), t.Context()
	other := connect(t, n)
	publishing(t, c, machine(), host.Options{}, nodes, 0, 0)
	must(c.CreateTrait(ctx, "CUSTOM_GOLD"))(t)
	var times, races atomic.Int64
	times.Store(2)
	var busy atomic.Bool
	n.Before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v1/txn" || !busy.CompareAndSwap(false, true) {
			return false
		}
		defer busy.Store(false)
		if races.Add(1) <= times.Load() {
			change := other.AddTraits
			if races.Load()%2 == 0 {
				change = other.RemoveTraits
			}
			if _, err := change(context.WithoutCancel(ctx), "node1_NUMA0", []string{"CUSTOM_GOLD"}); err != nil {
				t.Error(err)
			}
		}
		return false
	}
	more := machine()
	more.Nodes[0].MemoryKB *= 2
	if r := publishing(t, c, more, host.Options{}, 0, 1, 0); r.Attempts != 3 {
		t.Errorf("%d attempts, want 3", r.Attempts)
	}
	races.Store(0)
	times.Store(1 << 30)
	if _, err := Publish(ctx, c, machine(), host.Options{}); client.CodeOf(err) != wire.CodeConflict {
		t.Errorf("error %v, want a conflict", err)
	}
	if races.Load() != attemptsMax {
		t.Errorf("%d attempts, want %d", races.Load(), attemptsMax)
	}
}

// A provider of the host's name that is not the host is an error that says so.
func TestNameTaken(t *testing.T) {
	n := storetest.New(t)
	c := connect(t, n)
	must(c.CreateProvider(t.Context(), wire.CreateProvider{Name: "node1"}))(t)
	_, err := Publish(t.Context(), c, machine(), host.Options{})
	if client.CodeOf(err) != wire.CodeConflict || !strings.Contains(err.Error(), "node1") || !strings.Contains(err.Error(), "exists") {
		t.Errorf("error %v", err)
	}
	if _, err := Publish(t.Context(), c, machine(), host.Options{HostName: "a b"}); err == nil || !strings.Contains(err.Error(), "host name") {
		t.Errorf("error %v, want one about the host name", err)
	}
}
