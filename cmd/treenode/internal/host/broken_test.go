package host

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"syscall"
	"testing"
)

// gone stands for a file that is not there.
const gone = "gone"

// with is the fixture with one file changed or gone.
func (f fixture) with(path, content string) fixture {
	changed := maps.Clone(f)
	if content == gone {
		delete(changed, path)
	} else {
		changed[path] = content
	}
	return changed
}

func TestEssentialFiles(t *testing.T) {
	numa := loadFixture(t, "numa")
	const node1 = "/sys/devices/system/node/node1/"
	for _, c := range []struct{ path, content, want string }{
		{"/proc/cpuinfo", gone, "no such file"},
		{"/proc/cpuinfo", "", "no processor is listed"},
		{"/proc/cpuinfo", "\x00\xff\x01", "no processor is listed"},
		{"/proc/cpuinfo", "processor: one\n", `"one" is not a CPU number`},
		{"/proc/cpuinfo", strings.Repeat("x", fileBytesMax+1), "larger than 4194304 bytes"},
		{"/proc/meminfo", gone, "no such file"},
		{"/proc/meminfo", "MemFree: 5 kB\n", "no MemTotal"},
		{"/proc/meminfo", "MemTotal: lots kB\n", `"lots" kB is not from 0`},
		{"/proc/meminfo", "MemTotal: 0 kB\n", "less than 1 MiB"},
		{node1 + "cpulist", gone, "no such file"},
		{node1 + "cpulist", "4-\n", `"" is not a CPU number`},
		{node1 + "cpulist", "5-7\n", "CPU 5 is in node 0 too"},
		{node1 + "meminfo", gone, "no such file"},
		{node1 + "meminfo", "Node 1 MemTotal: -1 kB\n", "is not from 0"},
	} {
		m, err := Read(numa.with(c.path, c.content).write(t))
		var bad *FileError
		if m != nil || !errors.As(err, &bad) || bad.Path != c.path || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s as %.20q: error %v; it should name the file and %s", c.path, c.content, err, c.want)
			continue
		}
		if errors.Is(err, fs.ErrNotExist) != (c.content == gone) {
			t.Errorf("%s as %.20q: whether it is missing is not told by %v", c.path, c.content, err)
		}
	}
	t.Run("pipe", func(t *testing.T) { // to read it would wait for ever
		root := numa.with("/proc/cpuinfo", gone).write(t)
		if err := syscall.Mkfifo(root.at("/proc/cpuinfo"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(root); err == nil || err.Error() != "/proc/cpuinfo: not a regular file" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no CPU in any node", func(t *testing.T) {
		f := numa.with("/sys/devices/system/node/node0/cpulist", "").with(node1+"cpulist", "")
		var bad *FileError
		if _, err := Read(f.write(t)); !errors.As(err, &bad) || bad.Path != nodeDir {
			t.Errorf("error %v", err)
		}
	})
}

// What is not essential is noted, and what it was about is left out or less.
func TestOtherFiles(t *testing.T) {
	numa := loadFixture(t, "numa")
	const (
		nic  = "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/"
		vf   = "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:01.0/"
		nvme = "/sys/devices/pci0000:b0/0000:b0:02.0/0000:b1:00.0/nvme/nvme0/"
		sda  = "/sys/devices/pci0000:16/0000:16:02.0/0000:18:00.0/host0/target0:2:0/0:2:0:0/block/sda/"
		sdb  = "/sys/devices/pci0000:16/0000:16:02.0/0000:18:00.0/host0/target0:2:1/0:2:1:0/block/sdb/"
	)
	usual := numa.read(t).Notes
	for _, c := range []struct{ path, content, note, with, without string }{
		{"/sys/devices/system/cpu/online", "0-x\n", cpuDir + "online: ", "NUMA1 VCPU 4", ""},
		{"/sys/devices/system/cpu/online", "0-3\n", "", "NUMA1 VCPU 2", "NUMA0 VCPU 2"},
		{"/sys/devices/system/cpu/isolated", "x\n", cpuDir + "isolated: ", "NUMA0 VCPU 4", "PCPU"},
		{"/sys/devices/system/cpu/cpu2/topology/physical_package_id", "x\n", cpuDir + "cpu2/topology/physical_package_id: ", "VCPU", ""},
		{"/sys/devices/system/cpu/cpu2/topology/thread_siblings_list", gone, cpuDir + "cpu2/topology/thread_siblings_list: ", "VCPU", ""},
		{"/sys/devices/system/node/node1/cpulist", "2-3\n", nodeDir + ": CPUs 6,7 are in no node", "NUMA1 VCPU 2", ""},
		{"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "-1\n",
			"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages: ", "CUSTOM_HUGEPAGES_1048576KB", "CUSTOM_HUGEPAGES_2048KB"},
		{"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "2147483647\n",
			"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages: ", "VCPU", "CUSTOM_HUGEPAGES_2048KB"},
		{"/sys/devices/system/node/node0/hugepages/hugepages-0kB/nr_hugepages", "1\n",
			"/sys/devices/system/node/node0/hugepages/hugepages-0kB: not a page size", "VCPU", "HUGEPAGES_0KB"},
		{nic + "class", "network\n", pciDir + "/0000:3b:00.0/class: ", "pci_0000_3b_00_1", "pci_0000_3b_00_0"},
		{nic + "vendor", gone, pciDir + "/0000:3b:00.0/vendor: ", "pci_0000_3b_00_1", "pci_0000_3b_00_0"},
		{nic + "device", "0x15920\n", pciDir + "/0000:3b:00.0/device: ", "pci_0000_3b_00_1", "pci_0000_3b_00_0"},
		{nic + "numa_node", "x\n", pciDir + "/0000:3b:00.0/numa_node: ", "host/pci_0000_3b_00_0 SRIOV_NET_VF 4", ""},
		{nic + "numa_node", "7\n", pciDir + "/0000:3b:00.0: NUMA node 7 has neither", "host/pci_0000_3b_00_0 SRIOV_NET_VF 4", ""},
		{nic + "numa_node", gone, "", "host/pci_0000_3b_00_0 SRIOV_NET_VF 4", ""},
		{nic + "sriov_totalvfs", "x\n", pciDir + "/0000:3b:00.0/sriov_totalvfs: ", "pci_0000_3b_00_1", "pci_0000_3b_00_0"},
		{nic + "sriov_numvfs", "5\n", pciDir + "/0000:3b:00.0/sriov_numvfs: 5 virtual functions are enabled, but 4", "pci_0000_3b_00_0 SRIOV_NET_VF 4", ""},
		{nic + "sriov_numvfs", gone, pciDir + "/0000:3b:00.0/sriov_numvfs: ", "pci_0000_3b_00_0 SRIOV_NET_VF 4", ""},
		{vf + "vendor", "\n", pciDir + "/0000:3b:01.0/vendor: ", "pci_0000_3b_00_0 SRIOV_NET_VF 3", ""},
		{"/sys/bus/pci/devices/nonsense/class", "0x030200\n", pciDir + `: "nonsense" is no PCI address`, "SRIOV_NET_VF", "nonsense"},
		{"/sys/block/sda", "-> ../nowhere", "/sys/block/sda: ", "disk_sdb", "disk_sda"},
		{"/sys/block/sda", "-> /etc", "/sys/block/sda: the link leads out of the root", "disk_sdb", "disk_sda"},
		{"/sys/block/bad name/size", "9\n", `/sys/block: "bad name" is no disk name`, "disk_sdb", "bad"},
		{sda + "size", "x\n", "/sys/block/sda/size: ", "disk_sdb", "disk_sda"},
		{sda + "size", "99999999999999999999\n", "/sys/block/sda/size: ", "disk_sdb", "disk_sda"},
		{sdb + "size", "0\n", "", "disk_sda", "disk_sdb"},
		{sdb + "removable", "1\n", "", "disk_sda", "disk_sdb"},
		{sda + "removable", "1\n", "", "disk_sdc", "disk_sda"}, // its other path
		{sda + "queue/rotational", "2\n", "/sys/block/sda/queue/rotational: ", "host/NUMA0/disk_sda DISK_GB 7452;", ""},
		{nvme + "numa_node", "x\n", "/sys/devices/pci0000:b0/0000:b0:02.0/0000:b1:00.0/nvme/nvme0/numa_node: ", "host/NUMA1/disk_nvme0n1", ""},
		{nvme + "nvme0n1/wwid", "\n", "", "host/NUMA1/disk_nvme0n1", ""},
		{"/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1", "-> nowhere", "/sys/block/nvme1n1: ", "disk_nvme0n1", "disk_nvme1n1"},
	} {
		m := numa.with(c.path, c.content).read(t)
		tree := brief(t, m)
		if c.note != "" && !noted(m, c.note) {
			t.Errorf("%s as %q: no note %q among %q", c.path, c.content, c.note, m.Notes)
		}
		if c.note == "" && len(m.Notes) > len(usual) {
			t.Errorf("%s as %q: more notes than usual: %q", c.path, c.content, m.Notes)
		}
		if !strings.Contains(tree, c.with) {
			t.Errorf("%s as %q: no %q in\n%s", c.path, c.content, c.with, tree)
		}
		if c.without != "" && strings.Contains(tree, c.without) {
			t.Errorf("%s as %q: %q is still in\n%s", c.path, c.content, c.without, tree)
		}
	}
}

// brief writes a line for each inventory, or for a provider without: the path
// of the provider without the host's name, class and total; and traits.
func brief(t *testing.T, m *Machine) string {
	t.Helper()
	providers, err := m.Providers(Options{HostName: "host"})
	if err != nil {
		t.Fatal(err)
	}
	checkTree(t, providers)
	var b strings.Builder
	paths := map[string]string{}
	for _, p := range providers {
		path := strings.TrimPrefix(p.Name, "host_")
		if above, is := paths[p.Parent]; is {
			path = above + "/" + path
		}
		paths[p.UUID] = path
		media := ""
		for _, trait := range p.Traits {
			if strings.HasPrefix(trait, "STORAGE_") {
				media = " " + trait
			}
		}
		if len(p.Inventories) == 0 {
			fmt.Fprintf(&b, "%s\n", path)
		}
		for class, inv := range p.Inventories {
			fmt.Fprintf(&b, "%s %s %d;%s\n", path, class, inv.Total, media)
		}
	}
	return b.String()
}

// A disk whose media is unknown has no trait of it.
func TestUnknownMedia(t *testing.T) {
	f := loadFixture(t, "flat").with("/sys/devices/pci0000:00/0000:00:02.0/virtio1/block/vda/queue/rotational", gone)
	if tree := brief(t, f.read(t)); !strings.Contains(tree, "host/disk_vda DISK_GB 256;\n") {
		t.Error(tree)
	}
}

// A kernel without NUMA, PCI, huge pages or block devices is a machine still.
func TestBareMachine(t *testing.T) {
	f := fixture{
		"/proc/cpuinfo":             "processor\t: 0\n",
		"/proc/meminfo":             "MemTotal: 2048 kB\n",
		"/proc/sys/kernel/arch":     "riscv64\n",
		"/proc/sys/kernel/hostname": "bare\n",
		"/etc/machine-id":           strings.Repeat("a", 32) + "\n",
	}
	m := f.read(t)
	if tree := brief(t, m); !strings.Contains(tree, "host VCPU 1;") || !strings.Contains(tree, "host MEMORY_MB 2;") {
		t.Error(tree)
	}
	if len(m.Notes) != 2 { // about sockets and cores
		t.Errorf("notes %q", m.Notes)
	}
}

// Huge pages on a machine with one node are on the host, taken from its memory;
// at no moment more than that.
func TestHugePagesOfFlatMachine(t *testing.T) {
	f := loadFixture(t, "flat")
	const file = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	for pages, reserved := range map[string]int64{"0": 0, "1": 2, "12052": 24104, "13000": 24105} {
		providers, err := f.with(file, pages+"\n").read(t).Providers(Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkTree(t, providers)
		if got := providers[0].Inventories[classMemory]; got.Total != 24105 || got.Reserved != reserved {
			t.Errorf("%s pages: %+v", pages, got)
		}
		if _, has := providers[0].Inventories["CUSTOM_HUGEPAGES_2048KB"]; has != (pages != "0") {
			t.Errorf("%s pages: offered is %v", pages, has)
		}
	}
}

func TestLimits(t *testing.T) {
	root := loadFixture(t, "flat").write(t)
	f := fixture{}
	for i := range pciMax {
		f[fmt.Sprintf("/sys/bus/pci/devices/%04x:ff:00.0", i)] = "-> nowhere"
	}
	for i := range disksMax {
		f[fmt.Sprintf("/sys/block/gone%04d", i)] = "-> nowhere"
	}
	f.writeTo(t, root)
	m, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	if !noted(m, fmt.Sprintf("%s: only the first %d of %d devices", pciDir, pciMax, pciMax+6)) {
		t.Errorf("no note of too many devices in %.500q", m.Notes)
	}
	notes := 1 + (pciMax - 6) + 1 + disksMax // of both limits, and of each that is nowhere
	if last := m.Notes[len(m.Notes)-1]; len(m.Notes) != notesMax+1 || last != fmt.Sprintf("and %d more", notes-notesMax) {
		t.Errorf("%d notes, the last %q", len(m.Notes), last)
	}
	if len(m.Disks) != 0 { // "gone..." sorts before "vda"
		t.Errorf("disks %v", m.Disks)
	}
}
