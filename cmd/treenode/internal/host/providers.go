package host

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/treenode/treenode/transport/wire"
)

// The classes and traits of the tree; those of CPUs and media are beside them.
const (
	classVCPU   = "VCPU"
	classPCPU   = "PCPU"
	classMemory = "MEMORY_MB"
	classDisk   = "DISK_GB"
	classPGPU   = "PGPU"
	classVGPU   = "VGPU"
	classFPGA   = "FPGA"
	classPCI    = "PCI_DEVICE"
	classVF     = "SRIOV_NET_VF"

	traitNUMARoot = "HW_NUMA_ROOT"
	traitSRIOV    = "HW_NIC_SRIOV"
	traitRDMA     = "HW_NIC_OFFLOAD_RDMA"

	customPrefix = "CUSTOM_"
)

// Options say what the machine can't tell. The zero value is fine.
type Options struct {
	// HostName stands in for the machine's own; all names begin with it. Up
	// to 128 printable ASCII characters without spaces.
	HostName string
	// Parent is the UUID or name of the provider that the host hangs below;
	// empty makes it a root.
	Parent string
	// Identity stands in for the machine-id: text that no other host has. It
	// is needed where hosts share a machine-id.
	Identity string
}

// OptionError tells that an option is missing or makes no sense.
type OptionError struct {
	Option string
	Err    error
}

// Error implements error.
func (e *OptionError) Error() string { return e.Option + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *OptionError) Unwrap() error { return e.Err }

// Providers returns the tree: the host first, parents before children. Each
// provider has all its inventories, traits and named devices, also where there
// are none, so that to populate replaces what was there; aggregates are absent
// and stay. It returns an *OptionError where the host name is missing or not
// fit. It changes nothing: concurrent calls are fine.
func (m *Machine) Providers(o Options) ([]wire.PopulateProvider, error) {
	name := o.HostName
	if name == "" {
		name = m.HostName
	}
	if err := checkHostName(name); err != nil {
		return nil, &OptionError{Option: "host name", Err: err}
	}
	f := &forest{host: name, seed: m.seed}
	switch {
	case o.Identity != "":
		f.seed = seedOf("identity", o.Identity)
	case m.seed == uuid.Nil:
		f.seed = seedOf("host", name)
	}
	root := f.plant(name, "host", o.Parent)
	root.Traits = m.cpuTraits()
	places := map[int]string{noNode: root.UUID}
	if len(m.Nodes) == 0 {
		m.fillNode(&root, m.cpuIDs(), m.MemoryKB, m.HugePages)
	}
	f.grow(root)
	for _, node := range m.Nodes {
		part := fmt.Sprintf("NUMA%d", node.ID)
		p := f.plant(f.host+"_"+part, part, root.UUID)
		p.Traits = []string{traitNUMARoot}
		if len(node.CPUs) > 0 {
			p.Traits = append(p.Traits, m.cpuTraits()...)
		}
		m.fillNode(&p, node.CPUs, node.MemoryKB, node.HugePages)
		places[node.ID] = p.UUID
		f.grow(p)
	}
	for _, d := range m.PCI {
		part := "pci_" + strings.NewReplacer(":", "_", ".", "_").Replace(d.Address)
		p := f.plant(f.host+"_"+part, part, places[d.Node])
		d.fill(&p)
		f.grow(p)
	}
	for _, d := range m.Disks {
		p := f.plant(f.host+"_disk_"+plain(d.Name), d.key(), places[d.Node])
		p.Inventories[classDisk] = amount(d.gib())
		if trait, known := mediaTraits[d.Media]; known {
			p.Traits = append(p.Traits, trait)
		}
		f.grow(p)
	}
	return f.providers, nil
}

// forest is the list of providers in the making.
type forest struct {
	host      string
	seed      uuid.UUID
	providers []wire.PopulateProvider
}

// plant begins a provider; the part is what its UUID derives from.
func (f *forest) plant(name, part, parent string) wire.PopulateProvider {
	return wire.PopulateProvider{
		UUID:        uuidOf(f.seed, part),
		Name:        name,
		Parent:      parent,
		Inventories: map[string]wire.Inventory{},
		Traits:      []string{},
		Resources:   map[string][]wire.Device{},
	}
}

func (f *forest) grow(p wire.PopulateProvider) {
	slices.Sort(p.Traits)
	f.providers = append(f.providers, p)
}

// amount is an inventory of that many units, all of which one consumer may
// have; not more, even where the operator overcommits.
func amount(total int64) wire.Inventory {
	return wire.Inventory{Total: total, MaxUnit: total}
}

// fillNode gives a provider what a NUMA node has, or the whole machine.
func (m *Machine) fillNode(p *wire.PopulateProvider, cpus []int, memoryKB int64, pages []HugePages) {
	shared, isolated := m.countCPUs(cpus)
	if shared > 0 {
		p.Inventories[classVCPU] = amount(shared)
	}
	if isolated > 0 {
		p.Inventories[classPCPU] = amount(isolated)
	}
	var hugeKB int64
	for _, h := range pages {
		p.Inventories[fmt.Sprintf("%sHUGEPAGES_%dKB", customPrefix, h.SizeKB)] = amount(h.Pages)
		hugeKB += h.Pages * h.SizeKB
	}
	if total := memoryKB / 1024; total > 0 {
		memory := amount(total)
		// Pages and memory are read one after the other, so that for a
		// moment there may seem to be more pages than memory.
		memory.Reserved = min(total, (hugeKB+1023)/1024)
		p.Inventories[classMemory] = memory
	}
}

// fill gives a provider what a PCI device has.
func (d PCIDevice) fill(p *wire.PopulateProvider) {
	class, units := classPCI, d.VFs
	switch {
	case d.Kind == NIC:
		class = classVF
		p.Traits = append(p.Traits, traitSRIOV)
	case d.Kind == FPGA:
		class = classFPGA
	case d.Kind == GPU && len(d.VFs) > 0:
		class = classVGPU
	case d.Kind == GPU:
		class = classPGPU
	}
	if d.Kind != NIC && len(d.VFs) == 0 {
		units = []PCIFunction{d.PCIFunction}
	}
	if d.RDMA {
		p.Traits = append(p.Traits, traitRDMA)
	}
	p.Traits = append(p.Traits, fmt.Sprintf("%sPCI_%04X_%04X", customPrefix, d.Vendor, d.Device))
	if len(units) == 0 {
		return
	}
	p.Inventories[class] = amount(int64(len(units)))
	for _, u := range units {
		p.Resources[class] = append(p.Resources[class], wire.Device{Identifier: u.Address, Metadata: u.String()})
	}
}

// Needs returns the custom resource classes and custom traits that the
// providers use, sorted. They must exist before the providers can.
func Needs(providers []wire.PopulateProvider) (classes, traits []string) {
	neededClasses, neededTraits := map[string]bool{}, map[string]bool{}
	for _, p := range providers {
		for class := range p.Inventories {
			neededClasses[class] = true
		}
		for class := range p.Resources {
			neededClasses[class] = true
		}
		for _, trait := range p.Traits {
			neededTraits[trait] = true
		}
	}
	return custom(neededClasses), custom(neededTraits)
}

func custom(names map[string]bool) []string {
	sorted := slices.Sorted(maps.Keys(names))
	return slices.DeleteFunc(sorted, func(name string) bool { return !strings.HasPrefix(name, customPrefix) })
}
