package cluster

import "github.com/treenode/treenode/fsm"

// NewestCheckpoint is the index of the newest checkpoint applied.
func (n *Node) NewestCheckpoint() uint64 { return n.newestCheckpoint() }

// InterruptAside makes a node call step after each step of setting its directory
// aside. An error ends the attempt there.
func InterruptAside(c *Config, step func(string) error) { c.asideStep = step }

// Crash closes a supervised node and leaves behind what the end of its process
// would.
func Crash(s *Supervised) {
	past, err := readStarts(s.config.DataDir)
	_ = s.Close()
	if err == nil {
		err = past.save(s.config.DataDir)
	}
	if err != nil {
		panic(err)
	}
}

// ApplyEntry gives Raft an empty entry and waits for its answer.
func (n *Node) ApplyEntry() error { return n.apply(fsm.EncodeBatch(0, nil)).Error() }

// LevelReached is the highest level of an entry applied to the directory.
func (n *Node) LevelReached() int { return n.levelReached() }

// HeldBytesMax bounds the commands inside Propose.
const HeldBytesMax = heldBytesMax
