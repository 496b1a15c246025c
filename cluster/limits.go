package cluster

// Limits are the bounds of a node that nobody can change, for documents and tests.
// They are in bytes or counts.
type Limits struct {
	Queue, QueueBytes, HeldBytes int
	CommandBytes, EntryBytes     int
	Members                      int
}

// LimitsOf returns the limits that this program has.
func LimitsOf() Limits {
	return Limits{
		Queue: queueMax, QueueBytes: queueBytesMax, HeldBytes: heldBytesMax,
		CommandBytes: commandBytesMax, EntryBytes: entryBytesMax, Members: membersMax,
	}
}
