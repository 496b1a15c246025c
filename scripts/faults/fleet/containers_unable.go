package fleet

// Why containers can't do what processes can.
const (
	ContainersShareDisk  = "containers keep their data on the machine's file system"
	ContainersPlainLinks = "the links between containers are the engine's"
	ContainersUntraced   = "processes in containers are not traced"
)

// Can implements Fleet.
func (f *Containers) Can(a Ability) error {
	switch a {
	case Network:
		return f.net.can()
	case Wires:
		return &Unable{a, ContainersPlainLinks}
	case Trace:
		return &Unable{a, ContainersUntraced}
	case Disk:
		return &Unable{a, ContainersShareDisk}
	}
	return &Unable{a, "not known to containers"}
}

// Shape implements Fleet.
func (f *Containers) Shape(w Wire) error {
	if w.none() {
		return nil
	}
	return f.Can(Wires)
}

// Traffic implements Fleet.
func (f *Containers) Traffic() Traffic { return Traffic{} }

// PowerCut implements Fleet.
func (f *Containers) PowerCut(...int) error { return f.Can(Disk) }

// Fill implements Fleet.
func (f *Containers) Fill(int) error { return f.Can(Disk) }

// Free implements Fleet.
func (f *Containers) Free(int) error { return f.Can(Disk) }

// Hang implements Fleet.
func (f *Containers) Hang(int) error { return f.Can(Disk) }

// GoOn implements Fleet.
func (f *Containers) GoOn(int) error { return f.Can(Disk) }

// ReadOnly implements Fleet.
func (f *Containers) ReadOnly(int) error { return f.Can(Disk) }

// Repair implements Fleet.
func (f *Containers) Repair(int) error { return f.Can(Disk) }

// FailSyncs implements Fleet.
func (f *Containers) FailSyncs(int) error { return f.Can(Trace) }

// Sync implements Fleet.
func (f *Containers) Sync(int) error { return f.Can(Trace) }
