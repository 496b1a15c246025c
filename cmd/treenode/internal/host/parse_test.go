package host

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParseCPUList(t *testing.T) {
	for _, c := range []struct {
		text string
		want []int
	}{
		{"", nil},
		{"\n", nil},
		{"0", []int{0}},
		{"0-3,8\n", []int{0, 1, 2, 3, 8}},
		{"8,0-1", []int{0, 1, 8}},
		{"0-2,1-3", []int{0, 1, 2, 3}},
		{"65535", []int{65535}},
	} {
		if got, err := parseCPUList(c.text); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
	}
	for _, text := range []string{
		",", "0,", "a", "-1", "1-", "3-1", "0--1", "0 1", "65536", "0-65536", "1.5", "0x1", "+1", "0-3:1/2",
		strings.Repeat("0-65535,", 100) + "0",
	} {
		if got, err := parseCPUList(text); err == nil {
			t.Errorf("%.30q gives %d CPUs and no error", text, len(got))
		}
	}
}

func FuzzParseCPUList(f *testing.F) {
	for _, seed := range []string{"", "0", "0-3,8", "3-1", "0-65535", ",,", "1-2-3", "9999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cpus, err := parseCPUList(text)
		if err != nil {
			return
		}
		for i, id := range cpus {
			if id < 0 || id > cpuIDMax || i > 0 && cpus[i-1] >= id {
				t.Fatalf("%q gives %v", text, cpus)
			}
		}
		again, err := parseCPUList(joinCPUs(cpus))
		if err != nil || !slices.Equal(again, cpus) {
			t.Fatalf("%q gives %v, written and read again %v, %v", text, cpus, again, err)
		}
	})
}

func TestParseMemTotal(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"MemTotal:       24684084 kB\nMemFree: 1 kB\n", 24684084},
		{"MemFree: 1 kB\nMemTotal: 7 kB", 7},
		{"Node 0 MemTotal:        6121676 kB\n", 6121676},
		{"Node 12 MemUsed: 3 kB\nNode 12 MemTotal: 0 kB\n", 0},
	} {
		if got, err := parseMemTotal([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%q: %d, %v", c.text, got, err)
		}
	}
	for _, text := range []string{
		"", "MemFree: 1 kB", "MemTotal:", "MemTotal: 5", "MemTotal: 5 MB", "MemTotal: -5 kB", "MemTotal: x kB",
		"MemTotal: 99999999999999 kB", "MemTotal: 99999999999999999999 kB", "Node MemTotal: 5 kB", "MemTotal: 5 kB more",
	} {
		if got, err := parseMemTotal([]byte(text)); err == nil {
			t.Errorf("%q gives %d and no error", text, got)
		}
	}
}

func FuzzParseMemTotal(f *testing.F) {
	for _, seed := range []string{"MemTotal: 7 kB\n", "Node 0 MemTotal: 7 kB", "MemTotal:\n", "\x00", "MemTotal: -1 kB"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		total, err := parseMemTotal(data)
		if err != nil {
			return
		}
		if total < 0 || total > memoryKBMax {
			t.Fatalf("%q gives %d kB", data, total)
		}
		if again, err := parseMemTotal(fmt.Appendf(nil, "MemTotal: %d kB", total)); err != nil || again != total {
			t.Fatalf("%d kB read again is %d, %v", total, again, err)
		}
	})
}

func TestParseCPUInfo(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       cpuInfo
	}{
		{"flags that only one has do not count",
			"processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: X\x1b[2J\x07Y\nflags\t\t: lm aes sse\n\nprocessor\t: 1\nflags\t\t: sse lm\n",
			cpuInfo{[]int{0, 1}, "GenuineIntel", "X[2JY", map[string]bool{"lm": true, "sse": true}}},
		{"ARM", "processor\t: 3\nFeatures\t: fp asimd\n", cpuInfo{[]int{3}, "", "", map[string]bool{"fp": true, "asimd": true}}},
		{"s390", "vendor_id       : IBM/S390\n# processors    : 1\nfeatures\t: vx\nprocessor 0: version = FF\n",
			cpuInfo{[]int{0}, "IBM/S390", "", map[string]bool{"vx": true}}},
		{"POWER", "processor\t: 0\ncpu\t\t: POWER9\n", cpuInfo{[]int{0}, "", "POWER9", nil}},
	} {
		if got, err := parseCPUInfo([]byte(c.text)); err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	for _, text := range []string{"", "\x00\x01", "flags: sse\n", "processor: x\n", "processor: -1\n", "processor: 70000\n"} {
		if got, err := parseCPUInfo([]byte(text)); err == nil {
			t.Errorf("%q gives %+v and no error", text, got)
		}
	}
}

func FuzzParseCPUInfo(f *testing.F) {
	for _, seed := range []string{
		"processor\t: 0\nflags\t\t: lm aes\n\nprocessor\t: 1\nflags\t\t: lm\n",
		"processor : 0\nFeatures : fp asimd\n", "processor 0: version = FF", "model name: \xff\x1b[0m\nprocessor: 1", ":", "flags:",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := parseCPUInfo(data)
		if err != nil {
			return
		}
		if len(info.ids) == 0 || !slices.IsSorted(info.ids) || len(slices.Compact(slices.Clone(info.ids))) != len(info.ids) {
			t.Fatalf("%q: processors %v", data, info.ids)
		}
		if printable(info.model) != info.model || printable(info.vendor) != info.vendor {
			t.Fatalf("%q: model %q, vendor %q", data, info.model, info.vendor)
		}
		// The same twice over has the same flags.
		twice, err := parseCPUInfo(slices.Concat(data, []byte("\n"), data))
		if err != nil || !reflect.DeepEqual(twice, info) {
			t.Fatalf("%q: %+v, twice %+v, %v", data, info, twice, err)
		}
	})
}
