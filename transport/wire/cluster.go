package wire

// Member is one node of the cluster as the leader's configuration has it.
type Member struct {
	ID      string `json:"id"`      // the node id its operator gave
	RaftID  string `json:"raft_id"` // node id and instance of its data directory
	Peer    string `json:"peer"`    // host:port of its peer listener
	API     string `json:"api"`     // URL of its API; empty when it can't be asked
	Role    string `json:"role"`    // "voter", "nonvoter"
	Leader  bool   `json:"leader"`  // whether it leads now
	Healthy bool   `json:"healthy"` // whether it answered just now
	Applied uint64 `json:"applied"` // index it has applied
	Version string `json:"version"` // of its binary
	// ClockOffsetMillis is how far its clock is ahead of the answering node's, in
	// milliseconds; absent if it did not tell.
	ClockOffsetMillis *int64 `json:"clock_offset_millis,omitempty"`
	Error             string `json:"error,omitempty"` // why it did not answer
}

// Cluster describes the cluster as one node sees it.
type Cluster struct {
	ClusterID string   `json:"cluster_id"`
	NodeID    string   `json:"node_id"`             // the node that answers
	State     string   `json:"state"`               // "leader", "follower", "candidate", "shutdown", "down"
	LeaderID  string   `json:"leader_id,omitempty"` // its node id
	LeaderAPI string   `json:"leader_api,omitempty"`
	Term      uint64   `json:"term"`
	Commit    uint64   `json:"commit"`
	Applied   uint64   `json:"applied"`
	Trouble   string   `json:"trouble,omitempty"`  // what is wrong, or was not long ago, and what is done about it
	Failures  int      `json:"failures,omitempty"` // in a row
	Members   []Member `json:"members,omitempty"`
	// Encryption is missing where the node has no keys.
	Encryption *Encryption `json:"encryption,omitempty"`
}

// Encryption is what the node that answers encrypts in its data directory.
type Encryption struct {
	Active string   `json:"active,omitempty"` // the key of what is written now; empty for none
	InUse  []string `json:"in_use"`           // the keys that something on its disk needs
	Plain  bool     `json:"plain"`            // whether something there is not encrypted
}

// AddMember asks the leader to take a node in, first as a non-voter; it is
// promoted once it has caught up, unless NonVoter.
type AddMember struct {
	RaftID   string `json:"raft_id"`
	Peer     string `json:"peer"`
	NonVoter bool   `json:"nonvoter,omitempty"`
}

// Transfer asks the leader to hand leadership to a member, or to the most
// caught-up voter where To is empty.
type Transfer struct {
	To string `json:"to,omitempty"`
}

// LogLevels are the levels at which one node logs, until its process ends: trace,
// debug, info, warn or error.
type LogLevels struct {
	Level      string            `json:"level"`      // of what belongs to no subsystem
	Subsystems map[string]string `json:"subsystems"` // by name: raft, api, ...
}

// SetLogLevel changes the level of one subsystem or, where Subsystem is empty, of
// all.
type SetLogLevel struct {
	Subsystem string `json:"subsystem,omitempty"`
	Level     string `json:"level"`
}

// Ready is the body of /readyz and /healthz.
type Ready struct {
	Status string `json:"status"` // "ok" or "unavailable"
	Reason string `json:"reason,omitempty"`
}
