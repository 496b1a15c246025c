package fsm

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/treenode/treenode/fsm/tree"
)

// benchSizes are numbers of providers.
var benchSizes = []int{10_000, 100_000}

// benchHosts is how many providers one command of fleet makes.
const benchHosts = 100

// fleet is a machine with n providers with inventories and traits each, in
// trees of ten.
func fleet(t testing.TB, n int) *journal {
	t.Helper()
	j := newJournal(t, nil)
	inventories := []tree.InventoryOf{inventory("VCPU"), inventory("MEMORY_MB")}
	inventories[0].Total = 1<<31 - 1 // never full
	traits := []string{"HW_CPU_X86_AVX", "HW_CPU_X86_SSE"}
	for first := 0; first < n; first += benchHosts {
		var op tree.Populate
		for i := first; i < min(first+benchHosts, n); i++ {
			p := tree.PopulateProvider{UUID: uuid(i + 1), Name: fmt.Sprintf("provider-%d", i), Inventories: &inventories, Traits: &traits}
			if i%10 > 0 {
				p.Parent = tree.ByUUID(uuid(i - i%10 + 1))
			}
			op.Providers = append(op.Providers, p)
		}
		j.do(op)
	}
	return j
}

// TestFleet keeps the benchmarks' world honest.
func TestFleet(t *testing.T) {
	v := fleet(t, 250).m.View()
	if v.Tree.NumProviders() != 250 {
		t.Errorf("%d providers", v.Tree.NumProviders())
	}
	if p, _ := v.Tree.Find(tree.ByName("provider-249")); p.Root().Name() != "provider-240" || len(p.Inventories()) != 2 {
		t.Errorf("the last hangs below %s", p.Root().Name())
	}
	if err := v.Tree.Check(); err != nil {
		t.Error(err)
	}
}

func forSizes(b *testing.B, f func(b *testing.B, j *journal, providers int)) {
	for _, n := range benchSizes {
		b.Run(fmt.Sprintf("providers=%d", n), func(b *testing.B) { f(b, fleet(b, n), n) })
	}
}

// BenchmarkApplyClaim claims from one provider after the other, one command
// per entry; each consumer is new.
func BenchmarkApplyClaim(b *testing.B) {
	forSizes(b, func(b *testing.B, j *journal, providers int) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			j.do(tree.Claim{Consumers: []tree.ConsumerClaim{{
				Consumer: uuid(1_000_000 + n), Project: "project", User: "user",
				Allocations: []tree.AllocationOf{{Provider: tree.ByUUID(uuid(n%providers + 1)), Class: "VCPU", Amount: 1}},
			}}})
		}
	})
}

// BenchmarkApplyClaims claims with 64 commands an entry, as a busy leader makes
// them; a time is that of one command.
func BenchmarkApplyClaims(b *testing.B) {
	const commandsPerEntry = 64
	forSizes(b, func(b *testing.B, j *journal, providers int) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if n%commandsPerEntry > 0 { // b.Loop counts commands
				n++
				continue
			}
			commands := make([][]byte, commandsPerEntry)
			for i := range commands {
				commands[i] = j.command(tree.Claim{Consumers: []tree.ConsumerClaim{{
					Consumer: uuid(1_000_000 + n + i), Project: "project", User: "user",
					Allocations: []tree.AllocationOf{{Provider: tree.ByUUID(uuid((n+i)%providers + 1)), Class: "VCPU", Amount: 1}},
				}}})
			}
			for _, r := range j.apply(commands...) {
				if r.Refused != nil {
					b.Fatal(r.Refused)
				}
			}
			n++
		}
	})
}

// benchCommands are commands whose encoding is measured, by name.
func benchCommands() map[string]Command {
	claim := tree.Claim{Consumers: []tree.ConsumerClaim{{Consumer: uuid(1), Project: "project", User: "user"}}}
	for _, class := range []string{"VCPU", "MEMORY_MB", "DISK_GB"} {
		claim.Consumers[0].Allocations = append(claim.Consumers[0].Allocations,
			tree.AllocationOf{Provider: tree.ByUUID(uuid(2)), Class: class, Amount: 1})
	}
	inventories := []tree.InventoryOf{inventory("VCPU"), inventory("MEMORY_MB")}
	traits := []string{"HW_CPU_X86_AVX", "HW_CPU_X86_SSE"}
	var populate tree.Populate
	for i := range benchHosts {
		populate.Providers = append(populate.Providers, tree.PopulateProvider{
			UUID: uuid(i + 1), Name: fmt.Sprintf("provider-%d", i), Inventories: &inventories, Traits: &traits,
		})
	}
	id := requestID(start, 1)
	return map[string]Command{
		"claim":    {RequestID: id, Txn: tree.Txn{Ops: []tree.Op{claim}}},
		"populate": {RequestID: id, Txn: tree.Txn{Ops: []tree.Op{populate}}},
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, command := range benchCommands() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := command.Encode(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, command := range benchCommands() {
		b.Run(name, func(b *testing.B) {
			written, err := command.Encode()
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(written)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeCommand(written); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSnapshotWrite(b *testing.B) {
	forSizes(b, func(b *testing.B, j *journal, providers int) {
		size := len(snapshot(b, j.m.View()))
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			if err := j.m.View().WriteSnapshot(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(size)/float64(providers), "bytes/provider")
	})
}

// BenchmarkSnapshotRead also reports how much memory a restored provider
// keeps.
func BenchmarkSnapshotRead(b *testing.B) {
	forSizes(b, func(b *testing.B, j *journal, providers int) {
		written := snapshot(b, j.m.View())
		b.SetBytes(int64(len(written)))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ReadSnapshot(bytes.NewReader(written)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(written))/float64(providers), "bytes/provider")
		before := inUse()
		v, err := ReadSnapshot(bytes.NewReader(written))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((inUse()-before)/float64(providers), "heap-bytes/provider")
		runtime.KeepAlive(v)
	})
}

// inUse is the size of the heap after a collection.
func inUse() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
