package cluster

// NewestCheckpoint is the index of the newest checkpoint applied.
func (n *Node) NewestCheckpoint() uint64 { return n.newestCheckpoint() }
