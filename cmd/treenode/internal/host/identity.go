package host

import (
	"strings"

	"github.com/google/uuid"
)

// namespace is that of all UUIDs made here. To change it would give every
// host that is already in a tree new UUIDs.
var namespace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://github.com/treenode/treenode/host"))

const machineIDFile = "/etc/machine-id"

// readMachineID keeps a hash of the machine-id, never the id: programs may
// use it as a secret key.
func (r *reading) readMachineID() {
	id, err := r.root.text(machineIDFile)
	switch {
	case err != nil:
		r.note("%v: UUIDs derive from the host name", err)
	case len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" || strings.Trim(id, "0") == "":
		r.note("%s: no machine-id is set: UUIDs derive from the host name", machineIDFile)
	default:
		r.seed = seedOf("machine-id", id)
	}
}

// seedOf hashes what a host is known by; kind keeps one kind from giving the
// same as another.
func seedOf(kind, id string) uuid.UUID {
	return uuid.NewSHA1(namespace, []byte(kind+":"+id))
}

// uuidOf is the UUID of a part of the host with that seed. The part is
// stable: "host", "NUMA0", "pci_0000_81_00_0".
func uuidOf(seed uuid.UUID, part string) string {
	return uuid.NewSHA1(seed, []byte(part)).String()
}
