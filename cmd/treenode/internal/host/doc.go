// Package host reads the machine from /proc and /sys and turns it into a tree
// of resource providers: the host, its NUMA nodes, its accelerators and
// SR-IOV capable NICs, and its disks.
//
// # The tree
//
//	node1                      the host: CPU traits
//	├── node1_NUMA0            VCPU, PCPU, MEMORY_MB, CUSTOM_HUGEPAGES_*
//	│   ├── node1_pci_0000_3b_00_0   PGPU, VGPU, FPGA, PCI_DEVICE or SRIOV_NET_VF
//	│   └── node1_disk_nvme0n1       DISK_GB
//	└── node1_NUMA1
//
// A machine with one NUMA node has no NUMA providers: what they would hold is
// on the host itself. A device whose NUMA node is unknown hangs below the host.
//
//   - CPUs that the kernel keeps free of shared work (isolcpus) are PCPU, the
//     other online ones are VCPU. CPU traits are on the host, where
//     root_required finds them, and on every NUMA node with CPUs, where a
//     request for its VCPU finds them.
//   - MEMORY_MB counts all memory; what lies in huge pages is reserved in it
//     and offered as CUSTOM_HUGEPAGES_<size>KB, in pages.
//   - A device that is split into SR-IOV virtual functions offers these, one
//     unit and one named device each; else it offers itself, as one unit. Its
//     model is the trait CUSTOM_PCI_<vendor>_<device>.
//   - DISK_GB of a disk is its raw size in GiB, and at least 1.
//
// # Guarantees
//
//   - Providers is a pure function of the Machine and the Options: the same
//     machine gives the same list, parents before children.
//   - UUIDs stay the same from run to run: they derive (version 5) from the
//     machine-id, or the host name where there is none, and from what the
//     provider is on that machine. The machine-id itself is hashed as soon as
//     it is read and is in no Machine and no provider.
//   - A file that the tree can't do without (cpuinfo, meminfo, a NUMA node's
//     cpulist) gives a *FileError that names it. All others are left out where
//     they are missing or make no sense, and Machine.Notes tells so.
//   - No more than fileBytesMax bytes are read of a file, and no more than
//     pciMax devices and disksMax disks are looked at.
//
// # Known limits
//
//   - Two machines with the same machine-id (clones) get the same UUIDs, and
//     each would take over the other's tree. Options.Identity parts them.
//   - A disk without a world wide name (virtio, MMC) is known by its kernel
//     name, which may move to another disk at boot.
//   - Disks count in full, whether they hold the system, a RAID or nothing.
//     Network, USB and removable disks are not the host's and are left out.
//   - All CPUs are taken to be able to do what each of them can.
//   - SEV and TDX traits tell what the processor has; whether the hypervisor
//     makes use of it is not looked at.
package host
