package agent

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"
)

var (
	ownedClasses = []string{"VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "PGPU", "VGPU", "FPGA", "PCI_DEVICE", "SRIOV_NET_VF"}
	hugePages    = regexp.MustCompile(`^CUSTOM_HUGEPAGES_[0-9]+KB$`)

	ownedTraits = []string{
		"HW_NUMA_ROOT", "HW_NIC_SRIOV", "HW_NIC_OFFLOAD_RDMA", "STORAGE_DISK_SSD", "STORAGE_DISK_HDD",
	}
	pciModel = regexp.MustCompile(`^CUSTOM_PCI_[0-9A-F]{4}_[0-9A-F]{4}$`)

	part = regexp.MustCompile(`^(NUMA[0-9]+|pci_[0-9a-f]+_[0-9a-f]{2}_[0-9a-f]{2}_[0-7]|disk_.+)$`)
)

// ownsClass reports whether inventories and devices of the class are the
// agent's to set and remove.
func ownsClass(class string) bool {
	return slices.Contains(ownedClasses, class) || hugePages.MatchString(class)
}

// ownsTrait reports whether the trait is the agent's to add and remove.
func ownsTrait(trait string) bool {
	return strings.HasPrefix(trait, "HW_ARCH_") || strings.HasPrefix(trait, "HW_CPU_") ||
		slices.Contains(ownedTraits, trait) || pciModel.MatchString(trait)
}

// partOf returns what the provider is called within the host of that name, if
// an agent made it.
func partOf(hostName, id, name string) (string, bool) {
	u, err := uuid.Parse(id)
	found, ok := strings.CutPrefix(name, hostName+"_")
	return found, ok && err == nil && u.Version() == 5 && part.MatchString(found)
}
