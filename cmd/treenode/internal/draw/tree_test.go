package draw

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/treenode/treenode/transport/wire"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func of(total, reserved int64, ratio float64, used int64) wire.InventoryUsage {
	return wire.InventoryUsage{
		Inventory: wire.Inventory{Total: total, Reserved: reserved, AllocationRatio: ratio},
		Used:      used, Capacity: int64(float64(total-reserved) * ratio),
	}
}

func uuidOf(n string) string { return "00000000-0000-4000-8000-00000000000" + n }

func provider(n, parent, name string, traits []string, inventories map[string]wire.InventoryUsage) wire.Provider {
	p := wire.Provider{UUID: uuidOf(n), Name: name, Generation: 7, Traits: traits, Inventories: inventories}
	if parent != "" {
		p.Parent = uuidOf(parent)
	}
	return p
}

// forest has two trees, in an order in which children come before parents.
func forest() []wire.Provider {
	all := []wire.Provider{
		provider("3", "2", "node1_pci_0000_3b_00_0", []string{"CUSTOM_PCI_10DE_20B5"}, map[string]wire.InventoryUsage{"PGPU": of(1, 0, 1, 1)}),
		provider("1", "", "node1", []string{"HW_CPU_X86_AVX2", "HW_CPU_X86_SSE"}, nil),
		provider("2", "1", "node1_NUMA0", []string{"HW_NUMA_ROOT"}, map[string]wire.InventoryUsage{
			"VCPU": of(8, 1, 16, 3), "MEMORY_MB": of(16384, 0, 1, 16000), "DISK_GB": of(100, 0, 1, 75),
		}),
		provider("4", "2", "node1_disk_sda", nil, map[string]wire.InventoryUsage{"DISK_GB": of(100, 0, 1, 0)}),
		provider("5", "1", "node1_NUMA1", nil, map[string]wire.InventoryUsage{"VCPU": of(2, 0, 1, 3), "FPGA": of(1, 1, 1, 0)}),
		provider("6", "5", "bad\x1b[2Jname\u202e", nil, nil),
		provider("7", "", "pool", []string{"MISC_SHARES_VIA_AGGREGATE"}, nil),
	}
	all[6].Aggregates = []string{uuidOf("9")}
	return all
}

func TestTree(t *testing.T) {
	for name, o := range map[string]Options{
		"plain":  {},
		"ascii":  {ASCII: true},
		"all":    {Traits: true, Aggregates: true, UUIDs: true, Generations: true},
		"colour": {Colour: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Tree(&out, forest(), o); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name+".golden")
			if *update {
				if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), want) {
				t.Errorf("drawn:\n%s\nwant:\n%s", out.String(), want)
			}
			if esc := strings.Count(out.String(), "\x1b"); (esc > 0) != o.Colour {
				t.Errorf("%d escape characters with colour %v", esc, o.Colour)
			}
			for _, c := range out.String() {
				if o.ASCII && c > '~' {
					t.Fatalf("%q is not ASCII", c)
				}
			}
		})
	}
}

// What the store can't hold is drawn all the same, each provider once.
func TestTreeOdd(t *testing.T) {
	for name, list := range map[string][]wire.Provider{
		"nothing": nil,
		"subtree": {provider("2", "1", "a", nil, nil), provider("3", "2", "b", nil, nil)},
		"loop":    {provider("1", "2", "a", nil, nil), provider("2", "1", "b", nil, nil), provider("3", "3", "c", nil, nil)},
	} {
		var out bytes.Buffer
		if err := Tree(&out, list, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n"); got != len(list) {
			t.Errorf("%s: %d lines for %d providers:\n%s", name, got, len(list), out.String())
		}
		for _, p := range list {
			if strings.Count(out.String(), p.Name) != 1 {
				t.Errorf("%s: %s is not drawn once:\n%s", name, p.Name, out.String())
			}
		}
	}
}

func TestBar(t *testing.T) {
	d := drawing{glyphs: asciiGlyphs}
	for _, c := range []struct {
		used, capacity int64
		want           string
	}{
		{0, 8, "----------"}, {1, 1000, "#---------"}, {4, 8, "#####-----"}, {999, 1000, "#########-"},
		{8, 8, "##########"}, {9, 8, "##########"}, {0, 0, "----------"}, {1, 0, "##########"}, {0, -1, "----------"},
	} {
		if got := d.bar(c.used, c.capacity); got != c.want {
			t.Errorf("%d of %d: %s, want %s", c.used, c.capacity, got, c.want)
		}
	}
}

func TestPrintable(t *testing.T) {
	for given, want := range map[string]string{
		"node1": "node1", "münchen €": "münchen €", "a\x1b[31m": `a\x1b[31m`, "a\nb": `a\nb`, "\xff": `\xff`,
		"a\u202eb": `a\u202eb`, "\x07\"q\"": `\a"q"`,
	} {
		if got := Printable(given); got != want {
			t.Errorf("%q: %s, want %s", given, got, want)
		}
	}
}
