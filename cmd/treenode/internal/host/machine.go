package host

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Machine is what there is in a machine, as its kernel tells it.
type Machine struct {
	HostName  string // empty where it can't be read
	Arch      string // as uname -m has it, such as "x86_64"; empty where unknown
	CPUVendor string // of x86, such as "GenuineIntel"
	CPUModel  string // for people
	CPUFlags  []string
	CPUs      []CPU // those online, by number
	Sockets   int   // 0 where unknown
	Cores     int   // 0 where unknown
	SMT       bool  // some core runs more than one thread

	MemoryKB  int64
	HugePages []HugePages

	// Nodes are the NUMA nodes with CPUs or memory; none where there is but
	// one, since the machine itself has then all that the node has.
	Nodes []Node
	PCI   []PCIDevice // those worth offering, by address
	Disks []Disk      // by kernel name

	// Notes tell what was left out and why, for people.
	Notes []string

	// seed is what the UUIDs derive from: a hash of the machine-id, or zero
	// where there is none.
	seed uuid.UUID
}

// noNode is the NUMA node of what has none.
const noNode = -1

// reading is a Machine in the making.
type reading struct {
	*Machine
	root  Root
	noted int // notes made, those over notesMax too
}

// notesMax keeps a machine with thousands of odd devices from a flood.
const notesMax = 100

func (r *reading) note(format string, args ...any) {
	if r.noted++; r.noted <= notesMax {
		r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
	}
}

// Read reads the machine whose "/" is at root. It returns a *FileError where
// a file that it can't do without is missing or makes no sense; what else is
// left out is in the Machine's Notes. It takes some milliseconds, on large
// machines some hundred, and writes nothing. Concurrent calls are fine.
func Read(root Root) (*Machine, error) {
	r := &reading{Machine: &Machine{}, root: root}
	r.readHostName()
	r.readMachineID()
	for _, part := range []func() *FileError{r.readCPUs, r.readMemory, r.readNodes} {
		if err := part(); err != nil {
			return nil, err
		}
	}
	r.readPCI()
	r.readDisks()
	if r.noted > notesMax {
		r.Notes = append(r.Notes, fmt.Sprintf("and %d more", r.noted-notesMax))
	}
	return r.Machine, nil
}

func (r *reading) readHostName() {
	name, err := r.root.text("/proc/sys/kernel/hostname")
	if err == nil {
		if bad := checkHostName(name); bad != nil {
			err = fault("/proc/sys/kernel/hostname", bad)
		}
	}
	if err != nil {
		r.note("%v: the host name must be given", err)
		return
	}
	r.HostName = name
	if name == "localhost" || strings.HasPrefix(name, "localhost.") {
		r.note("the host name is %s, which is no name among many hosts", name)
	}
}

// hostNameLenMax leaves room for the longest name of a child in the 200 characters
// that a provider's name may have. The kernel's own limit is 64.
const hostNameLenMax = 128

func checkHostName(name string) error {
	switch {
	case name == "" || name == "(none)": // the kernel's word for a name never set
		return errors.New("no host name is set")
	case len(name) > hostNameLenMax:
		return fmt.Errorf("the host name is longer than %d bytes", hostNameLenMax)
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return fmt.Errorf("host name %q has a character that is not printable ASCII or is a space", name)
		}
	}
	return nil
}
