package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// CPU is a logical CPU: a hardware thread that is online.
type CPU struct {
	ID     int
	Socket int // -1 where unknown
	Core   int // the lowest CPU of its core; the CPU itself where unknown
	// Isolated CPUs are kept free of shared work (isolcpus).
	Isolated bool
}

const cpuDir = "/sys/devices/system/cpu/"

func (r *reading) readCPUs() *FileError {
	const file = "/proc/cpuinfo"
	data, err := r.root.read(file)
	if err != nil {
		return err
	}
	info, bad := parseCPUInfo(data)
	if bad != nil {
		return fault(file, bad)
	}
	r.CPUVendor, r.CPUModel = info.vendor, info.model
	r.CPUFlags = slices.Sorted(maps.Keys(info.flags))
	r.readArch(info)

	online, err := r.root.cpuList(cpuDir + "online")
	if err != nil || len(online) == 0 {
		if err != nil && !missing(err) {
			r.note("%v: CPUs are those of %s", err, file)
		}
		online = info.ids
	}
	isolated, err := r.root.cpuList(cpuDir + "isolated")
	if err != nil && !missing(err) {
		r.note("%v: no CPU counts as isolated", err)
	}
	for _, id := range online {
		_, alone := slices.BinarySearch(isolated, id)
		r.CPUs = append(r.CPUs, CPU{ID: id, Socket: -1, Core: id, Isolated: alone})
	}
	r.readTopology()
	return nil
}

// readArch takes the kernel's word for the architecture. Before Linux 6.1 it
// had no file for that; the flags of x86 then tell.
func (r *reading) readArch(info cpuInfo) {
	arch, err := r.root.text("/proc/sys/kernel/arch")
	switch {
	case err == nil:
		r.Arch = printable(arch)
	case info.flags["lm"]:
		r.Arch = "x86_64"
	case info.flags["tsc"]:
		r.Arch = "i686"
	case info.flags["asimd"]:
		r.Arch = "aarch64"
	default:
		r.note("%v: the architecture is unknown", err)
	}
}

// readTopology finds out which CPUs share a core or a socket. Where a file is
// missing, the sockets or cores of the machine stay unknown.
func (r *reading) readTopology() {
	sockets, cores := map[int64]bool{}, map[int]bool{}
	var unknownSocket, unknownCore []*FileError
	for i := range r.CPUs {
		cpu := &r.CPUs[i]
		dir := fmt.Sprintf("%scpu%d/topology/", cpuDir, cpu.ID)
		if socket, err := r.root.number(dir+"physical_package_id", -1, cpuIDMax); err != nil {
			unknownSocket = append(unknownSocket, err)
		} else if socket >= 0 { // -1 where the firmware does not tell
			cpu.Socket = int(socket)
			sockets[socket] = true
		}
		siblings, err := r.root.cpuList(dir + "thread_siblings_list")
		if err != nil {
			unknownCore = append(unknownCore, err)
			continue
		}
		if len(siblings) > 0 {
			cpu.Core = siblings[0]
		}
		cores[cpu.Core] = true
		r.SMT = r.SMT || len(siblings) > 1
	}
	r.Sockets, r.Cores = len(sockets), len(cores)
	if len(unknownSocket) > 0 {
		r.Sockets = 0
		r.note("%v: the number of sockets is unknown%s", unknownSocket[0], andMore(unknownSocket))
	}
	if len(unknownCore) > 0 {
		r.Cores = 0
		r.note("%v: the number of cores is unknown%s", unknownCore[0], andMore(unknownCore))
	}
}

// andMore tells how many errors there are beside the one shown.
func andMore(errs []*FileError) string {
	if len(errs) < 2 {
		return ""
	}
	return fmt.Sprintf(" (and %d more files like it)", len(errs)-1)
}

// countCPUs counts the isolated CPUs and the others of a list.
func (m *Machine) countCPUs(ids []int) (shared, isolated int64) {
	for _, cpu := range m.CPUs {
		if _, listed := slices.BinarySearch(ids, cpu.ID); !listed {
			continue
		}
		if cpu.Isolated {
			isolated++
		} else {
			shared++
		}
	}
	return shared, isolated
}

func (m *Machine) cpuIDs() []int {
	ids := make([]int, len(m.CPUs))
	for i, cpu := range m.CPUs {
		ids[i] = cpu.ID
	}
	return ids
}

// joinCPUs writes a list of CPUs for people.
func joinCPUs(ids []int) string {
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(ids), "[]")), ",")
}
