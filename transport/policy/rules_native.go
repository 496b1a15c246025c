package policy

// The actions of the native API. Reading a provider includes its inventories,
// traits, aggregates and named resources, and who has claims on it; the
// vocabulary is resource classes and traits. A transaction asks Transact and, for
// each of its operations, the action that the operation's own route would ask.
const (
	ReadProviders   = "treenode:providers:read"
	WriteProviders  = "treenode:providers:write"
	ReadVocabulary  = "treenode:vocabulary:read"
	WriteVocabulary = "treenode:vocabulary:write"
	ReadConsumers   = "treenode:consumers:read"
	WriteConsumers  = "treenode:consumers:write"
	Reshape         = "treenode:reshape"
	Transact        = "treenode:txn"
	// WriteGenerations raises generations, which otherwise nobody chooses.
	WriteGenerations = "treenode:generations:write"
	// ReadCluster is about the nodes, their states and the state's digest.
	ReadCluster = "treenode:cluster:read"
	// WriteCluster changes who belongs to the cluster and who leads it.
	WriteCluster = "treenode:cluster:write"
	// Backup takes the whole state away at once.
	Backup      = "treenode:backup"
	ReadMetrics = "treenode:metrics"
	// ReadDescription is about /openapi.json.
	ReadDescription = "treenode:openapi"
)

// nativeActions are the rules of the native API in mode secure. A role in the
// scope of the whole deployment counts there; a reader of a project does not see
// the whole deployment's providers, as in Placement.
var nativeActions = map[string]string{
	ReadProviders:    readers,
	WriteProviders:   writers,
	ReadVocabulary:   readers,
	WriteVocabulary:  writers,
	ReadConsumers:    readers,
	WriteConsumers:   writers,
	Reshape:          writers,
	Transact:         writers,
	WriteGenerations: "rule:admin_api",
	ReadCluster:      readers,
	WriteCluster:     "rule:admin_api",
	Backup:           "rule:admin_api",
	ReadMetrics:      readers,
	ReadDescription:  "rule:admin_or_service_api or role:reader",
}

const (
	writers = "rule:admin_or_service_api"
	readers = "rule:admin_or_service_api or rule:system_reader_api"
)
