package host

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestGolden(t *testing.T) {
	for _, name := range []string{"flat", "numa", "accelerators", "arm"} {
		t.Run(name, func(t *testing.T) {
			m := loadFixture(t, name).read(t)
			providers, err := m.Providers(Options{})
			if err != nil {
				t.Fatal(err)
			}
			checkTree(t, providers)
			got := show(t, m, providers)
			file := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the tree is not as in %s (-update writes it anew):\n%s", file, got)
			}
		})
	}
}

// show writes a machine and its tree for people.
func show(t *testing.T, m *Machine, providers []wire.PopulateProvider) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "machine %s: %s, %s\n", m.HostName, m.Arch, m.CPUModel)
	fmt.Fprintf(&b, "%d CPUs, %d cores, %d sockets, SMT %v, %d kB, %d NUMA nodes\n",
		len(m.CPUs), m.Cores, m.Sockets, m.SMT, m.MemoryKB, len(m.Nodes))
	for _, note := range m.Notes {
		fmt.Fprintf(&b, "note: %s\n", note)
	}
	classes, traits := Needs(providers)
	fmt.Fprintf(&b, "needs: %s\n", strings.Join(slices.Concat(classes, traits), " "))
	depth := map[string]int{"": 0}
	for _, p := range providers {
		indent := strings.Repeat("  ", depth[p.Parent])
		depth[p.UUID] = depth[p.Parent] + 1
		fmt.Fprintf(&b, "\n%s%s %s\n", indent, p.Name, p.UUID)
		for _, class := range slices.Sorted(maps.Keys(p.Inventories)) {
			i := p.Inventories[class]
			fmt.Fprintf(&b, "%s  %s total %d max %d", indent, class, i.Total, i.MaxUnit)
			if i.Reserved > 0 {
				fmt.Fprintf(&b, " reserved %d", i.Reserved)
			}
			b.WriteString("\n")
			for _, d := range p.Resources[class] {
				fmt.Fprintf(&b, "%s    %s (%s)\n", indent, d.Identifier, d.Metadata)
			}
		}
		traits := p.Traits
		if host := providers[0].Traits; p.UUID != providers[0].UUID && slices.Contains(traits, host[0]) {
			for _, trait := range host {
				if !slices.Contains(traits, trait) {
					t.Errorf("%s lacks %s of the host", p.Name, trait)
				}
			}
			fmt.Fprintf(&b, "%s  (the traits of the host)\n", indent)
			traits = slices.DeleteFunc(slices.Clone(traits), func(trait string) bool { return slices.Contains(host, trait) })
		}
		for chunk := range slices.Chunk(traits, 4) {
			fmt.Fprintf(&b, "%s  %s\n", indent, strings.Join(chunk, " "))
		}
	}
	return b.String()
}

// checkTree checks what holds of every tree.
func checkTree(t *testing.T, providers []wire.PopulateProvider) {
	t.Helper()
	known := standardNames(t)
	names, ids := map[string]bool{}, map[string]bool{}
	for i, p := range providers {
		if names[p.Name] || ids[p.UUID] {
			t.Errorf("%s %s is there twice", p.Name, p.UUID)
		}
		if i == 0 != (p.Parent == "") || i > 0 && !ids[p.Parent] {
			t.Errorf("%s: its parent %q does not come before it", p.Name, p.Parent)
		}
		names[p.Name], ids[p.UUID] = true, true
		if id, err := uuid.Parse(p.UUID); err != nil || id.Version() != 5 {
			t.Errorf("%s: %q is no UUID of version 5", p.Name, p.UUID)
		}
		if !strings.HasPrefix(p.Name, providers[0].Name) || len(p.Name) > 200 {
			t.Errorf("%q is no name for a provider of %q", p.Name, providers[0].Name)
		}
		if p.Inventories == nil || p.Traits == nil || p.Resources == nil || p.Aggregates != nil {
			t.Errorf("%s: a part is absent, or aggregates are not", p.Name)
		}
		for class, inv := range p.Inventories {
			if !known[class] && !strings.HasPrefix(class, customPrefix) {
				t.Errorf("%s: no standard class %s", p.Name, class)
			}
			if inv.Total < 1 || inv.MaxUnit != inv.Total || inv.Reserved < 0 || inv.Reserved > inv.Total {
				t.Errorf("%s: %s is %+v", p.Name, class, inv)
			}
		}
		for class, devices := range p.Resources {
			if int64(len(devices)) != p.Inventories[class].Total {
				t.Errorf("%s: %d devices for %d %s", p.Name, len(devices), p.Inventories[class].Total, class)
			}
		}
		if !slices.IsSorted(p.Traits) || len(slices.Compact(slices.Clone(p.Traits))) != len(p.Traits) {
			t.Errorf("%s: traits are not sorted and unique: %v", p.Name, p.Traits)
		}
		for _, trait := range p.Traits {
			if !known[trait] && !strings.HasPrefix(trait, customPrefix) {
				t.Errorf("%s: no standard trait %s", p.Name, trait)
			}
		}
	}
}

func TestThisMachine(t *testing.T) {
	m, err := Read("/")
	if err != nil {
		t.Fatal(err)
	}
	if len(m.CPUs) < 1 || m.MemoryKB < 1 {
		t.Errorf("%d CPUs, %d kB", len(m.CPUs), m.MemoryKB)
	}
	providers, err := m.Providers(Options{HostName: "here"})
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, providers)
	var cpus, memory int64
	for _, p := range providers {
		cpus += p.Inventories[classVCPU].Total + p.Inventories[classPCPU].Total
		memory += p.Inventories[classMemory].Total
	}
	if cpus < 1 || cpus > int64(len(m.CPUs)) || memory < 1 {
		t.Errorf("the tree has %d CPUs of %d, and %d MiB", cpus, len(m.CPUs), memory)
	}
	t.Log("\n" + show(t, m, providers))
}

func TestIdentity(t *testing.T) {
	f := loadFixture(t, "numa")
	const id = "0c1d2e3f405162738495a6b7c8d9eaf0"
	tree := func(f fixture, o Options) []wire.PopulateProvider {
		t.Helper()
		m := f.read(t)
		providers, err := m.Providers(o)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.ReplaceAll(fmt.Sprintf("%+v %+v", *m, providers), "-", "")
		if strings.Contains(all, id) {
			t.Error("the machine-id shows")
		}
		return providers
	}
	uuids := func(providers []wire.PopulateProvider) (list []string) {
		for _, p := range providers {
			list = append(list, p.UUID)
		}
		return list
	}
	first := tree(f, Options{})
	if again := tree(f, Options{}); !reflect.DeepEqual(first, again) {
		t.Error("a second reading differs")
	}
	renamed := tree(f, Options{HostName: "other"})
	if !slices.Equal(uuids(first), uuids(renamed)) {
		t.Error("with another name the UUIDs changed")
	}
	if renamed[1].Name != "other_NUMA0" {
		t.Errorf("the name is %s", renamed[1].Name)
	}

	differs := func(why string, providers []wire.PopulateProvider) {
		t.Helper()
		for _, id := range uuids(providers) {
			if slices.Contains(uuids(first), id) {
				t.Errorf("%s: UUID %s is the same", why, id)
			}
		}
	}
	differs("identity", tree(f, Options{Identity: "clone 2"}))
	for _, useless := range []string{"", "uninitialized\n", strings.Repeat("0", 32) + "\n"} {
		f["/etc/machine-id"] = useless
		byName := tree(f, Options{})
		differs("no machine-id", byName)
		first, byName = byName, first
		differs("another name without machine-id", tree(f, Options{HostName: "other"}))
		first = byName
	}

	if below := tree(f, Options{Parent: "rack3"}); below[0].Parent != "rack3" || below[1].Parent != below[0].UUID {
		t.Errorf("parents are %q, %q", below[0].Parent, below[1].Parent)
	}
}

// A disk with a world wide name is the same provider wherever the kernel puts
// it, and has the name that it has there.
func TestDisksChangePlaces(t *testing.T) {
	f := loadFixture(t, "numa")
	uuidOfDisk := func(name string) string {
		t.Helper()
		providers, err := f.read(t).Providers(Options{HostName: "h"})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(providers, func(p wire.PopulateProvider) bool { return p.Name == "h_disk_"+name })
		if i < 0 {
			t.Fatalf("no disk %s", name)
		}
		return providers[i].UUID
	}
	a, b := uuidOfDisk("sda"), uuidOfDisk("sdb")
	f["/sys/block/sda"], f["/sys/block/sdb"] = f["/sys/block/sdb"], f["/sys/block/sda"]
	if a != uuidOfDisk("sdb") || b != uuidOfDisk("sda") {
		t.Error("the UUIDs stayed with the names")
	}
}

func TestHostName(t *testing.T) {
	f := loadFixture(t, "flat")
	for _, none := range []string{"(none)", "", "a b", "n\xc3\xb6de", strings.Repeat("x", 129)} {
		f["/proc/sys/kernel/hostname"] = none + "\n"
		m := f.read(t)
		if _, err := m.Providers(Options{}); optionOf(err) != "host name" {
			t.Errorf("host name %q: error %v", none, err)
		}
		if !noted(m, "/proc/sys/kernel/hostname: ") {
			t.Errorf("host name %q: notes %q", none, m.Notes)
		}
		if providers, err := m.Providers(Options{HostName: "given"}); err != nil || providers[0].Name != "given" {
			t.Errorf("given a name: %v", err)
		}
		if none != "" {
			if _, err := m.Providers(Options{HostName: none}); optionOf(err) != "host name" {
				t.Errorf("option %q: error %v", none, err)
			}
		}
	}
	f["/proc/sys/kernel/hostname"] = "localhost\n"
	if m := f.read(t); !noted(m, "the host name is localhost") {
		t.Errorf("notes %q", m.Notes)
	}
}

func optionOf(err error) string {
	var bad *OptionError
	if errors.As(err, &bad) {
		return bad.Option
	}
	return ""
}

// noted reports whether some note begins so.
func noted(m *Machine, prefix string) bool {
	return slices.ContainsFunc(m.Notes, func(note string) bool { return strings.HasPrefix(note, prefix) })
}
