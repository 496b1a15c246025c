package check

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Kind is what an operation does.
type Kind string

// The kinds of operation. Each is one request to the store, whatever number of
// providers it spans.
const (
	Create        Kind = "create"         // a host with its inventory, as one transaction
	Remove        Kind = "remove"         // a host
	Move          Kind = "move"           // a host below another parent
	SetInventory  Kind = "set-inventory"  // of a host
	Claim         Kind = "claim"          // replaces what consumers hold
	Release       Kind = "release"        // of consumers
	Reshape       Kind = "reshape"        // inventories and claims together
	WritePair     Kind = "write-pair"     // both halves of the pair, perhaps with a precondition
	WriteStuff    Kind = "write-stuff"    // 400 kB of devices put and taken away, as one transaction
	ReadProviders Kind = "read-providers" // all of them
	ReadTree      Kind = "read-tree"      // the tree of one root
	ReadConsumers Kind = "read-consumers" // all of them
	ReadConsumer  Kind = "read-consumer"  // one
)

// Reads reports whether operations of the kind change nothing.
func (k Kind) Reads() bool { return strings.HasPrefix(string(k), "read-") }

// Level is the consistency of a read; empty for a write.
type Level string

// The levels.
const (
	Linearizable Level = "linearizable"
	Session      Level = "session"
	Stale        Level = "stale"
)

// Outcome is what the client was told.
type Outcome string

// The outcomes. A call that certainly did not happen is not part of a history.
const (
	OK       Outcome = "ok"
	Rejected Outcome = "rejected"
	Unknown  Outcome = "unknown"
)

// Amount is a part of a claim: how much of which provider.
type Amount struct {
	Provider int8 `json:"p"`
	Amount   int8 `json:"n"`
}

// ConsumerClaim is what a consumer is to hold: two amounts at most.
type ConsumerClaim struct {
	Consumer int8     `json:"c"`
	Amounts  []Amount `json:"amounts,omitempty"`
}

// Inventory is what a provider has from now on.
type Inventory struct {
	Provider int8  `json:"p"`
	Total    int32 `json:"total"`
}

// Args are an operation's arguments; each kind uses some.
type Args struct {
	Provider    int8            `json:"provider,omitempty"`
	Parent      int8            `json:"parent,omitempty"`
	Total       int32           `json:"total,omitempty"`
	Claims      []ConsumerClaim `json:"claims,omitempty"`
	Inventories []Inventory     `json:"inventories,omitempty"` // ascending
	// Generation is the one that PairLeft must have; nil for any.
	Generation *int32 `json:"generation,omitempty"`
}

// ProviderState is one provider as it is shown, or as the model has it.
type ProviderState struct {
	Exists     bool  `json:"exists,omitempty"`
	Parent     int8  `json:"parent,omitempty"`
	Total      int32 `json:"total,omitempty"` // 0 for no inventory
	Used       int32 `json:"used,omitempty"`
	Generation int32 `json:"gen,omitempty"`
}

// ConsumerState is one consumer. It exists while it holds something.
type ConsumerState struct {
	Held       [2]Amount `json:"held"` // ascending by provider, then zero
	Generation int32     `json:"gen,omitempty"`
}

// Exists reports whether the consumer holds something.
func (c ConsumerState) Exists() bool { return c.Held[0].Amount != 0 }

// Told is a generation that a write's answer has.
type Told struct {
	Consumer   bool  `json:"consumer,omitempty"`
	Number     int8  `json:"number"`
	Generation int32 `json:"gen"`
}

// Op is one operation of a history.
type Op struct {
	Client int    `json:"client"`
	Kind   Kind   `json:"kind"`
	Level  Level  `json:"level,omitempty"`
	Node   string `json:"node,omitempty"` // the one asked, if it was a certain one
	Args   Args   `json:"args"`

	// Call and Return are in nanoseconds since the history's begin. Return is
	// when the client gave up for an unknown outcome, which binds nobody.
	Call   int64 `json:"call"`
	Return int64 `json:"return"`

	Outcome Outcome `json:"outcome"`
	Code    string  `json:"code,omitempty"` // of a refusal
	// Index and Revision are what the answer shows; 0 where it has none.
	Index    uint64 `json:"index,omitempty"`
	Revision uint64 `json:"revision,omitempty"`
	// MinIndex is the index that a session read asked for.
	MinIndex uint64 `json:"min_index,omitempty"`
	// Replayed is set where the store says that it had done this before.
	Replayed bool `json:"replayed,omitempty"`

	Providers *[Providers]ProviderState `json:"providers,omitempty"`
	Consumers *[Consumers]ConsumerState `json:"consumers,omitempty"`
	Told      []Told                    `json:"told,omitempty"`
}

// Written reports whether the operation is a write that was answered. A refusal
// counts: it is decided where entries are applied, so the entry was committed.
func (o *Op) Written() bool { return !o.Kind.Reads() && (o.Outcome == OK || o.Outcome == Rejected) }

// String is the operation in one line.
func (o *Op) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "[%.3fs-%.3fs] client %d %s", float64(o.Call)/1e9, float64(o.Return)/1e9, o.Client, o.Kind)
	if o.Level != "" {
		fmt.Fprintf(&s, " %s", o.Level)
	}
	if o.Node != "" {
		fmt.Fprintf(&s, " at %s", o.Node)
	}
	if args, err := json.Marshal(o.Args); err == nil && string(args) != "{}" {
		fmt.Fprintf(&s, " %s", args)
	}
	fmt.Fprintf(&s, " = %s", o.Outcome)
	if o.Code != "" {
		fmt.Fprintf(&s, " %s", o.Code)
	}
	if o.Revision != 0 {
		fmt.Fprintf(&s, " revision %d index %d", o.Revision, o.Index)
	}
	return s.String()
}

// History is what was seen: the state that the world was in when it began, and
// every operation since that may have happened, in any order.
type History struct {
	Initial State `json:"initial"`
	Ops     []*Op `json:"ops"`
}
