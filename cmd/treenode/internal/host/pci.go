package host

import (
	"fmt"
	"path"
	"regexp"
	"slices"
)

// PCIKind is what a PCI device is offered as.
type PCIKind string

// The kinds of PCI device. All others (bridges, plain NICs, storage and USB
// controllers, ...) are not offered.
const (
	GPU         PCIKind = "gpu"
	FPGA        PCIKind = "fpga"
	Accelerator PCIKind = "accelerator" // a co-processor of some other kind
	NIC         PCIKind = "nic"         // capable of SR-IOV
)

// PCIDevice is a PCI device worth offering.
type PCIDevice struct {
	PCIFunction
	Kind     PCIKind
	Node     int // NUMA node, -1 where unknown
	RDMA     bool
	TotalVFs int64         // the virtual functions that it could be split into
	VFs      []PCIFunction // the virtual functions that there are, by address
}

// PCIFunction is what names a PCI device or a virtual function of one.
type PCIFunction struct {
	Address string // such as "0000:81:00.0"
	Vendor  uint16
	Device  uint16
	Class   uint32 // base class, subclass and interface, a byte each
}

// String is the function as lspci -n has it: vendor:device, and the class.
func (f PCIFunction) String() string {
	return fmt.Sprintf("%04x:%04x %06x", f.Vendor, f.Device, f.Class)
}

const (
	pciDir = "/sys/bus/pci/devices"
	// pciMax bounds the devices looked at; virtual functions count.
	pciMax = 8192
	// vfsMax is what the 16 bits of the SR-IOV capability can tell.
	vfsMax = 1<<16 - 1
)

var pciAddress = regexp.MustCompile(`^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-1][0-9a-f]\.[0-7]$`)

func (r *reading) readPCI() {
	names, err := r.root.list(pciDir)
	if err != nil {
		if !missing(err) { // some virtual machines have no PCI at all
			r.note("%v: no PCI devices", err)
		}
		return
	}
	if len(names) > pciMax {
		r.note("%s: only the first %d of %d devices are looked at", pciDir, pciMax, len(names))
		names = names[:pciMax]
	}
	virtual := map[string][]PCIFunction{} // by the address of the physical function
	for _, name := range names {
		if !pciAddress.MatchString(name) {
			r.note("%s: %q is no PCI address; left out", pciDir, name)
			continue
		}
		function, err := r.readPCIFunction(name)
		if err != nil {
			r.note("%v: PCI device %s is left out", err, name)
			continue
		}
		if physical := path.Join(pciDir, name, "physfn"); r.root.exists(physical) {
			owner, err := r.root.resolve(physical)
			if err != nil {
				r.note("%v: virtual function %s is left out", err, name)
				continue
			}
			virtual[path.Base(owner)] = append(virtual[path.Base(owner)], function)
			continue
		}
		if kind, ok := r.kindOf(function); ok {
			r.addPCI(function, kind)
		}
	}
	for i := range r.PCI {
		r.addVFs(&r.PCI[i], virtual[r.PCI[i].Address])
	}
}

func (r *reading) readPCIFunction(address string) (PCIFunction, *FileError) {
	dir := path.Join(pciDir, address)
	class, err := r.root.hex(dir+"/class", 24)
	if err != nil {
		return PCIFunction{}, err
	}
	vendor, err := r.root.hex(dir+"/vendor", 16)
	if err != nil {
		return PCIFunction{}, err
	}
	device, err := r.root.hex(dir+"/device", 16)
	if err != nil {
		return PCIFunction{}, err
	}
	//nolint:gosec // hex checked the bits
	return PCIFunction{Address: address, Class: uint32(class), Vendor: uint16(vendor), Device: uint16(device)}, nil
}

// The vendors that decide what a device is offered as.
const (
	pciAMD      = 0x1002
	pciAchronix = 0x1b59
	pciAltera   = 0x1172
	pciIntel    = 0x8086
	pciLattice  = 0x1204
	pciXilinx   = 0x10ee
)

// intelFPGAs are the device numbers of Intel's FPGA cards, which share class
// and vendor with accelerators of other kinds.
var intelFPGAs = []uint16{0x09c4, 0x09c5, 0x0b2b, 0x0b30, 0x0b31, 0xaf00, 0xbcc0, 0xbcc1, 0xbcce}

// consoles are the vendors whose display adapters do nothing but show a
// console: management controllers and virtual machines.
var consoles = map[uint16]string{
	0x1013: "Cirrus Logic",
	0x102b: "Matrox",
	0x1234: "QEMU",
	0x1414: "Hyper-V",
	0x15ad: "VMware",
	0x1a03: "ASPEED",
	0x1af4: "virtio",
	0x1b36: "QXL",
	0x80ee: "VirtualBox",
}

// kindOf tells what the device is offered as, if at all.
func (r *reading) kindOf(f PCIFunction) (PCIKind, bool) {
	switch f.Class >> 8 {
	case 0x0300, 0x0302, 0x0380: // VGA controller, 3D controller, other display
		if maker, is := consoles[f.Vendor]; is {
			r.note("%s/%s: a display adapter of %s, which is no GPU to offer", pciDir, f.Address, maker)
			return "", false
		}
		return GPU, true
	case 0x0b40: // co-processor
		return Accelerator, true
	}
	switch f.Class >> 16 {
	case 0x02: // network
		return NIC, true
	case 0x12: // processing accelerator: the class alone does not tell which
		switch f.Vendor {
		case pciXilinx, pciAltera, pciAchronix, pciLattice:
			return FPGA, true
		case pciAMD:
			return GPU, true
		case pciIntel:
			if slices.Contains(intelFPGAs, f.Device) {
				return FPGA, true
			}
		}
		return Accelerator, true
	}
	return "", false
}

func (r *reading) addPCI(f PCIFunction, kind PCIKind) {
	dir := path.Join(pciDir, f.Address)
	total, err := r.root.number(dir+"/sriov_totalvfs", 0, vfsMax)
	if err != nil && !missing(err) {
		r.note("%v: taken as not capable of SR-IOV", err)
	}
	if kind == NIC && total == 0 { // to offer it would be to give away the host's own
		return
	}
	r.PCI = append(r.PCI, PCIDevice{
		PCIFunction: f,
		Kind:        kind,
		Node:        r.nodeKnown(dir, r.numaNode(dir)),
		RDMA:        r.root.exists(dir + "/infiniband"),
		TotalVFs:    total,
	})
}

// numaNode reads the NUMA node of a device; noNode where the kernel does not
// know it either.
func (r *reading) numaNode(dir string) int {
	node, err := r.root.number(dir+"/numa_node", noNode, cpuIDMax)
	if err != nil {
		if !missing(err) {
			r.note("%v: the device hangs below the host", err)
		}
		return noNode
	}
	return int(node)
}

// addVFs gives the device its virtual functions, and notes where the device
// itself tells another number.
func (r *reading) addVFs(d *PCIDevice, vfs []PCIFunction) {
	if d.TotalVFs == 0 && len(vfs) == 0 {
		return
	}
	d.VFs = vfs
	file := path.Join(pciDir, d.Address, "sriov_numvfs")
	number, err := r.root.number(file, 0, vfsMax)
	switch {
	case err != nil:
		r.note("%v: the %d virtual functions seen count", err, len(vfs))
	case int(number) != len(vfs):
		r.note("%s: %d virtual functions are enabled, but %d are seen; these count", file, number, len(vfs))
	case number == 0 && d.Kind == NIC:
		r.note("%s: none of its %d virtual functions is enabled", file, d.TotalVFs)
	}
}
