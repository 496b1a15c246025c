package wire

// Headers of the native API.
const (
	// HeaderRequestID carries a mutation's request id: a UUID version 7
	// (RFC 9562), made once by the caller and repeated with every retry. A
	// request without one gets one from the server, and cannot be retried
	// safely after an unknown outcome.
	HeaderRequestID = "Treenode-Request-Id"
	// HeaderIndex on answers is the log index the answer shows.
	HeaderIndex = "Treenode-Index"
	// HeaderLeader on answers is the URL of the leader's API, if known.
	HeaderLeader = "Treenode-Leader"
)

// Query parameters that every read takes.
const (
	// ParamConsistency is one of the Consistency values.
	ParamConsistency = "consistency"
	// ParamIndex is the index a session read waits for.
	ParamIndex = "index"
)

// Consistency is a read level.
type Consistency string

// The read levels.
const (
	Stale        Consistency = "stale"        // what this node has
	Session      Consistency = "session"      // at least the index given
	Linearizable Consistency = "linearizable" // everything acknowledged before the read began
)

// Limits of the native API.
const (
	BodyBytesMax     = 1 << 20 // a request body
	PageProvidersMax = 10_000  // providers in one page
	PageConsumersMax = 10_000  // consumers in one page
	OpsPerTxnMax     = 10_000  // operations in one transaction
)
