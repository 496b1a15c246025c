package fsm

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"testing"
	"time"

	"github.com/treenode/treenode/fsm/candidates"
	"github.com/treenode/treenode/fsm/tree"
)

// scaleProviders is small by default: a million takes a minute and 2 GB.
//
//	go test ./fsm -run xxx -bench Scale -benchtime 1x -scale-providers 1000000
var (
	scaleProviders = flag.Int("scale-providers", 10_000, "number of providers of BenchmarkScale")
	scaleHeap      = flag.String("scale-heap", "", "file for a profile of what the heap of BenchmarkScale holds")
)

const (
	scaleTree   = 10  // providers of a tree
	scaleMarked = 100 // of so many trees, one root has the mark: 0.1% of all providers
	scaleBatch  = 500 // providers or consumers of one command
)

// scattered is the n-th of the UUIDs of BenchmarkScale: in no order, as random
// ones are.
func scattered(kind byte, n int) tree.UUID {
	var u tree.UUID
	r := rand.NewPCG(uint64(kind), uint64(n))            //nolint:gosec // a small number
	binary.BigEndian.PutUint64(u[:8], r.Uint64())        // 2^-64 that two are equal
	binary.BigEndian.PutUint64(u[8:], uint64(n)<<8|0xee) //nolint:gosec // a small number
	return u
}

// owner is a project or a user as OpenStack names them.
func owner(kind byte, n int) string {
	u := scattered(kind, n)
	return hex.EncodeToString(u[:])
}

// scaleHosts makes trees of ten: a host with three inventories, twenty traits
// and two aggregates, and nine devices with an inventory and two traits each.
func scaleHosts(j *journal, providers int) {
	standard := tree.StandardTraits()
	hostTraits, deviceTraits := standard[100:120], standard[10:12]
	markedTraits := append(slices.Clone(hostTraits), "CUSTOM_MARK")
	j.do(tree.CreateTrait{Trait: "CUSTOM_MARK"})
	large := func(class string) tree.InventoryOf {
		i := inventory(class)
		i.Total, i.MaxUnit = 1<<31-1, 1<<31-1
		return i
	}
	hostInventories := []tree.InventoryOf{large("VCPU"), large("MEMORY_MB"), large("DISK_GB")}
	deviceInventories := []tree.InventoryOf{large("VGPU")}
	for first := 0; first < providers; first += scaleBatch {
		var op tree.Populate
		for i := first; i < min(first+scaleBatch, providers); i++ {
			host := i / scaleTree
			p := tree.PopulateProvider{UUID: scattered('p', i)}
			if i%scaleTree == 0 {
				aggregates := []tree.UUID{scattered('a', host%100), scattered('z', host%3)}
				p.Name, p.Inventories, p.Traits = fmt.Sprintf("compute-%06d.example.org", host), &hostInventories, &hostTraits
				if host%scaleMarked == 0 {
					p.Traits, aggregates = &markedTraits, append(aggregates, scattered('m', 0))
				}
				p.Aggregates = &aggregates
			} else {
				p.Name = fmt.Sprintf("compute-%06d.example.org_device_%d", host, i%scaleTree)
				p.Parent = tree.ByUUID(scattered('p', host*scaleTree))
				p.Inventories, p.Traits = &deviceInventories, &deviceTraits
			}
			op.Providers = append(op.Providers, p)
		}
		j.do(op)
	}
}

// scaleClaim is the n-th claim: one unit of one provider.
func scaleClaim(n, providers int) tree.ConsumerClaim {
	i := n % providers
	class := "VGPU"
	if i%scaleTree == 0 {
		class = "VCPU"
	}
	return tree.ConsumerClaim{
		Consumer: scattered('c', n), Project: owner('o', n%1000), User: owner('u', n%5000), Type: "INSTANCE",
		Allocations: []tree.AllocationOf{{Provider: tree.ByUUID(scattered('p', i)), Class: class, Amount: 1}},
	}
}

func scaleClaims(j *journal, from, n, providers int) {
	for first := from; first < from+n; first += scaleBatch {
		var op tree.Claim
		for i := first; i < min(first+scaleBatch, from+n); i++ {
			op.Consumers = append(op.Consumers, scaleClaim(i, providers))
		}
		j.do(op)
	}
}

// forget lets the machine forget its answers: they have a bound of their own.
func forget(j *journal) {
	j.at += 2 * requestWindow
	j.do(tree.CreateTrait{Trait: "CUSTOM_MARK"})
}

// BenchmarkScale reports what a large state costs: memory, claims, a search,
// snapshots. Two consumers hold one unit of each provider.
func BenchmarkScale(b *testing.B) {
	providers := *scaleProviders
	for b.Loop() {
		empty, j := inUse(), newJournal(b, nil)
		scaleHosts(j, providers)
		forget(j)
		hosts := inUse()
		b.ReportMetric((hosts-empty)/float64(providers), "heap-B/provider")
		scaleClaims(j, 0, 2*providers, providers)
		forget(j)
		full := inUse()
		b.ReportMetric((full-hosts)/float64(2*providers), "heap-B/allocation")
		b.ReportMetric((full-empty)/1e6, "MB-heap")
		if *scaleHeap != "" {
			writeHeap(b, *scaleHeap)
		}

		const claims = 20_000
		entries := make([][]byte, claims)
		for i := range entries {
			entries[i] = EncodeBatch(j.at, [][]byte{j.command(tree.Claim{Consumers: []tree.ConsumerClaim{
				scaleClaim(2*providers+i*7919, providers),
			}})})
		}
		began := time.Now()
		for _, e := range entries {
			j.index++
			if r, err := j.m.Apply(j.index, e); err != nil || r[0].Refused != nil {
				b.Fatal(err, r)
			}
		}
		b.ReportMetric(float64(time.Since(began).Nanoseconds())/claims, "ns/claim")
		b.ReportMetric(float64(scaleSearch(b, j.m.View().Tree, providers).Microseconds()), "us/search")

		began = time.Now()
		j.m.View().Digest()
		b.ReportMetric(time.Since(began).Seconds(), "s/digest")
		began = time.Now()
		if err := j.m.View().WriteSnapshot(io.Discard); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/write")
		written := snapshot(b, j.m.View())
		b.ReportMetric(float64(len(written))/1e6, "MB/snapshot")
		runtime.KeepAlive(j)
		j = nil
		before := inUse()
		began = time.Now()
		v, err := ReadSnapshot(bytes.NewReader(written))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/read")
		b.ReportMetric((inUse()-before)/1e6, "MB-heap/read")
		runtime.KeepAlive(v)
		runtime.KeepAlive(written)
	}
}

// scaleSearch is the median time of a search for what 0.1% of providers have.
func scaleSearch(b *testing.B, s *tree.State, providers int) time.Duration {
	b.Helper()
	r := &candidates.Request{
		Groups: []candidates.Group{{
			Suffix: "1", Resources: []candidates.Resource{{Class: "VCPU", Amount: 1}},
			Required: [][]string{{"CUSTOM_MARK"}}, MemberOf: [][]tree.UUID{{scattered('m', 0)}},
		}},
		Nested: true, Limit: 100,
	}
	hosts := providers / scaleTree
	want := min((hosts+scaleMarked-1)/scaleMarked, r.Limit)
	times := make([]time.Duration, 101)
	for i := range times {
		began, n := time.Now(), 0
		search, err := candidates.New(s, r, nil)
		if err != nil {
			b.Fatal(err)
		}
		for range search.All() {
			n++
		}
		times[i] = time.Since(began)
		if n != want {
			b.Fatalf("%d candidates, want %d", n, want)
		}
	}
	slices.Sort(times)
	return times[len(times)/2]
}

func writeHeap(b *testing.B, path string) {
	b.Helper()
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := pprof.Lookup("heap").WriteTo(f, 0); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
