package wire

import "fmt"

// Kind says what became of a request that failed. It travels in the body; a
// caller never has to guess it from the status or the text.
type Kind string

// The four kinds of error.
const (
	// Rejected: the state machine or the request's reader refused it for
	// good; the same request on the same state is refused again.
	Rejected Kind = "rejected"
	// NotApplied: it certainly did not happen; trying again is safe.
	NotApplied Kind = "not_applied"
	// Unknown: it may or may not have happened; try again only with the
	// same request id.
	Unknown Kind = "unknown"
	// Internal: a bug or corruption; the node that said so halts.
	Internal Kind = "internal"
)

// Code names the reason of a failure.
type Code string

// Codes of kind Rejected.
const (
	CodeInvalid           Code = "invalid"               // a field's value is not allowed; Field names it
	CodeMalformed         Code = "malformed"             // the body is not the JSON expected
	CodeTooLarge          Code = "too_large"             // body, command or list over its limit
	CodeNotFound          Code = "not_found"             // no such route
	CodeMethodNotAllowed  Code = "method_not_allowed"    // the route has other methods
	CodeUnsupportedMedia  Code = "unsupported_media"     // body is not application/json
	CodeProviderNotFound  Code = "provider_not_found"    //
	CodeProviderExists    Code = "provider_exists"       // UUID taken
	CodeDuplicateName     Code = "duplicate_name"        // another provider has the name
	CodeProviderHasChild  Code = "provider_has_children" // remove without subtree
	CodeProviderInUse     Code = "provider_in_use"       // it holds allocations
	CodeLoop              Code = "loop"                  // a provider below itself
	CodeOrphan            Code = "orphan"                // populate names a parent that is nowhere
	CodeClassNotFound     Code = "resource_class_not_found"
	CodeClassExists       Code = "resource_class_exists"
	CodeClassInUse        Code = "resource_class_in_use"
	CodeTraitNotFound     Code = "trait_not_found"
	CodeTraitExists       Code = "trait_exists"
	CodeTraitInUse        Code = "trait_in_use"
	CodeInventoryNotFound Code = "inventory_not_found"
	CodeInventoryExists   Code = "inventory_exists"
	CodeInventoryInUse    Code = "inventory_in_use"
	CodeCapacityExceeded  Code = "capacity_exceeded" // used + amount > capacity
	CodeAmountInvalid     Code = "amount_invalid"    // against min_unit, max_unit, step_size
	CodeConsumerNotFound  Code = "consumer_not_found"
	CodeConflict          Code = "conflict"             // a precondition did not hold
	CodeRequestIDReused   Code = "request_id_reused"    // same id, other body
	CodeRequestIDExpired  Code = "request_id_expired"   // older than the memory of answers
	CodeRequestIDInFuture Code = "request_id_in_future" // the id's clock runs far ahead of the leader's
	CodeMemberNotFound    Code = "member_not_found"
	CodeMemberExists      Code = "member_exists"
	CodeClusterMismatch   Code = "cluster_mismatch" // the peer belongs to another cluster
	CodeLastVoter         Code = "last_voter"       // removing it would end the cluster
	CodeUnauthenticated   Code = "unauthenticated"  // nobody is known to send it
	CodeForbidden         Code = "forbidden"        // the policy does not allow it to who sends it
)

// Codes of kind NotApplied.
const (
	CodeNoLeader        Code = "no_leader"
	CodeNotReady        Code = "not_ready"        // started, but not caught up or not yet a member
	CodeBusy            Code = "busy"             // a queue is full
	CodeDeadline        Code = "deadline"         // ran out of time before it was proposed
	CodeStopping        Code = "stopping"         // the node is shutting down
	CodeRateLimited     Code = "rate_limited"     // its sender asks too often; Retry-After says when to come back
	CodeAuthUnavailable Code = "auth_unavailable" // nobody can tell now who sends it
)

// Codes of kind Unknown.
const (
	CodeOutcomeUnknown Code = "outcome_unknown"
)

// Codes of kind Internal.
const (
	CodeHalted   Code = "halted"   // the state machine met an invariant break
	CodeInternal Code = "internal" // a bug in the serving code
)

// Error is a failed request, in the body as {"error": …}.
type Error struct {
	Kind    Kind   `json:"kind"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	// Field is the path of the offending field in the request, such as
	// "ops[3].set_inventories.inventories.VCPU.total".
	Field string `json:"field,omitempty"`
	// Op is the index of the operation that was refused.
	Op *int `json:"op,omitempty"`
	// Provider and Consumer are the UUID (or, if unknown, the name) of what
	// the refusal is about.
	Provider string `json:"provider,omitempty"`
	Consumer string `json:"consumer,omitempty"`
	// Conflicts lists every precondition that did not hold.
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// RequestID is the id to retry with when Kind is Unknown.
	RequestID string `json:"request_id,omitempty"`
	// Leader is the URL of the leader's API where the node knows it.
	Leader string `json:"leader,omitempty"`
}

// Conflict is a precondition that did not hold.
type Conflict struct {
	Precondition int    `json:"precondition"` // its index in the transaction
	Provider     string `json:"provider,omitempty"`
	Consumer     string `json:"consumer,omitempty"`
	// Want and Have are generations or revisions; Have is absent when the
	// provider or consumer does not exist.
	Want *uint64 `json:"want,omitempty"`
	Have *uint64 `json:"have,omitempty"`
}

// ErrorBody is the body of every answer that is not a success.
type ErrorBody struct {
	Error *Error `json:"error"`
}

// Error implements error.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s (%s): %s", e.Code, e.Kind, e.Message)
	if e.Field != "" {
		s += " [" + e.Field + "]"
	}
	return s
}
