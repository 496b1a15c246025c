package placement

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"

	"github.com/treenode/treenode/fsm"
	"github.com/treenode/treenode/fsm/tree"
	"github.com/treenode/treenode/transport/placement/placementtest"
)

// benchWorld has 1,000 flat hosts in one aggregate each, or 1,000 trees of a
// host with two NUMA nodes, each with a device, and two more devices.
func benchWorld(b testing.TB, nested bool) http.Handler {
	b.Helper()
	h, _ := benchNode(b, nested)
	return h
}

func benchNode(b testing.TB, nested bool) (http.Handler, *placementtest.Node) {
	b.Helper()
	node := placementtest.NewNode()
	do := func(op tree.Op) {
		id, err := uuid.NewV7()
		if err != nil {
			b.Fatal(err)
		}
		r, err := node.Propose(context.Background(), fsm.Command{RequestID: tree.UUID(id), Txn: tree.Txn{Ops: []tree.Op{op}}})
		if err != nil || r.Refused != nil {
			b.Fatal(err, r.Refused)
		}
	}
	of := func(classes ...string) *[]tree.InventoryOf {
		var list []tree.InventoryOf
		for _, class := range classes {
			list = append(list, tree.InventoryOf{Class: class, Inventory: tree.Inventory{Total: 1000, MinUnit: 1, MaxUnit: 1000, StepSize: 1, Ratio: tree.One}})
		}
		return &list
	}
	traits := &[]string{"HW_CPU_X86_AVX2", "HW_CPU_X86_VMX"}
	for i := range 1000 {
		host := fmt.Sprintf("host-%d", i)
		add := func(name, parent string, inventories *[]tree.InventoryOf) tree.PopulateProvider {
			return tree.PopulateProvider{NewUUID: tree.UUID(uuid.New()), Name: name, Parent: tree.ByName(parent), Inventories: inventories, Traits: traits}
		}
		if !nested {
			do(tree.Populate{Providers: []tree.PopulateProvider{add(host, "", of("VCPU", "MEMORY_MB", "DISK_GB"))}})
			continue
		}
		op := tree.Populate{Providers: []tree.PopulateProvider{add(host, "", of("DISK_GB"))}}
		for j := range 2 {
			numa := fmt.Sprintf("%s-numa%d", host, j)
			op.Providers = append(op.Providers, add(numa, host, of("VCPU", "MEMORY_MB")), add(numa+"-fpga", numa, of("FPGA")),
				add(fmt.Sprintf("%s-gpu%d", host, j), host, of("VGPU")))
		}
		do(op)
	}
	h, err := New(node, Config{})
	if err != nil {
		b.Fatal(err)
	}
	return h, node
}

// BenchmarkCandidates answers searches as a node does, but for the network.
func BenchmarkCandidates(b *testing.B) {
	for _, c := range []struct {
		name, query string
		nested      bool
		candidates  int
	}{
		{"flat", "resources=VCPU:1,MEMORY_MB:1,DISK_GB:1", false, 1000},
		{"flat-limit-10", "resources=VCPU:1,MEMORY_MB:1,DISK_GB:1&limit=10", false, 10},
		{"trees", "resources_C=VCPU:1,MEMORY_MB:1&resources_F=FPGA:1&same_subtree=_C,_F&group_policy=none", true, 2000},
	} {
		b.Run(c.name, func(b *testing.B) {
			h := benchWorld(b, c.nested)
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "/allocation_candidates?"+c.query, nil)
				r.Header.Set("X-Auth-Token", "admin")
				r.Header.Set("OpenStack-API-Version", "placement 1.39")
				w := &counted{header: http.Header{}}
				h.ServeHTTP(w, r)
				b.SetBytes(int64(w.bytes))
				if w.mappings != c.candidates {
					b.Fatalf("%d candidates in %d bytes", w.mappings, w.bytes)
				}
			}
		})
	}
}

// An answer with many candidates takes memory for what it says once, and next
// to none for each of them.
func TestMemoryOfCandidates(t *testing.T) {
	h := benchWorld(t, false)
	answer := func(limit int) float64 {
		r := httptest.NewRequest(http.MethodGet, fmt.Sprintf("/allocation_candidates?resources=VCPU:1,MEMORY_MB:1&limit=%d", limit), nil)
		r.Header.Set("X-Auth-Token", "admin")
		r.Header.Set("OpenStack-API-Version", "placement 1.39")
		return testing.AllocsPerRun(20, func() {
			w := &counted{header: http.Header{}}
			if h.ServeHTTP(w, r); w.mappings != limit {
				t.Fatalf("%d candidates, want %d", w.mappings, limit)
			}
		})
	}
	few, many := answer(100), answer(1000)
	if each := (many - few) / 900; each > 3 {
		t.Errorf("%.1f allocations for each candidate (%v for 100, %v for 1000)", each, few, many)
	}
	if n := testing.AllocsPerRun(100, func() {
		if match("/resource_providers/{uuid}/inventories/{class}", "/resource_providers/a/usages/b") {
			t.Fatal("a match")
		}
	}); n > 0 {
		t.Errorf("%v allocations to find that a route is not the one", n)
	}
}

// counted is an answer of which only the size is kept.
type counted struct {
	header          http.Header
	status          int
	bytes, mappings int
}

func (c *counted) Header() http.Header { return c.header }
func (c *counted) WriteHeader(n int)   { c.status = n }
func (c *counted) Write(b []byte) (int, error) {
	c.bytes += len(b)
	c.mappings += bytes.Count(b, []byte(`"mappings"`))
	return len(b), nil
}
