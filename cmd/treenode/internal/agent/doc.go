// Package agent publishes a host's hardware as a tree of resource providers
// and keeps it up to date.
//
// Publish compares what the machine has with what the cluster has under that
// host, and sends the difference as one transaction, guarded against changes
// by others in between; where somebody was faster, it looks again.
//
// # What belongs to whom
//
// The agent owns, and sets to what the machine has:
//
//   - the names and places of the host's providers, known by their UUID; the
//     place of the host itself only where host.Options.Parent is given;
//   - inventories and named devices of the classes VCPU, PCPU, MEMORY_MB,
//     DISK_GB, PGPU, VGPU, FPGA, PCI_DEVICE, SRIOV_NET_VF and
//     CUSTOM_HUGEPAGES_<n>KB, without the allocation ratio;
//   - the traits HW_ARCH_*, HW_CPU_*, HW_NUMA_ROOT, HW_NIC_SRIOV,
//     HW_NIC_OFFLOAD_RDMA, STORAGE_DISK_SSD, STORAGE_DISK_HDD and
//     CUSTOM_PCI_<vendor>_<device>.
//
// Everything else is the operator's and stays: allocation ratios once an
// inventory is there, other classes and traits, aggregates, and providers that
// an operator hung below the host.
//
// # What is gone from the machine
//
// A provider below the host that the agent made (a UUID of version 5 and the
// name <host>_NUMA<n>, <host>_pci_<address> or <host>_disk_<name>) is removed
// when the machine has no such thing any more. It stays, with a note in the Report,
// while something is claimed of it or an operator's provider hangs below it.
// An inventory that is gone stays while it is in use, with a note too.
//
// # Known limits
//
//   - An operator's provider below the host that is named in that way, without
//     a UUID of the operator's own, would be taken for the agent's.
//   - An operator can't reserve a part of an inventory of the classes above:
//     reserved is the agent's, as are min_unit, max_unit and step_size.
//   - A provider of the host that was moved out of its tree is not found; the
//     conflict error names it.
//   - The first publication of a host with very many devices must fit into one
//     request (wire.BodyBytesMax).
package agent
